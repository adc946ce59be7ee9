// A byte-level BPE vocabulary as files store it: plain data. Tokenizer checks it and makes it work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace onebit {

// tokenizer.ggml.token_type of GGUF.
enum class TokenType : int32_t {
  kNormal = 1,       // made by merges; text in the byte alphabet (text/byte_alphabet.h)
  kUnknown = 2,      // like kControl
  kControl = 3,      // raw text; found in input only with EncodeOptions::parse_special
  kUserDefined = 4,  // raw text; always found in input, before any merge
  kUnused = 5,       // a hole in the id space: never produced, decodes to nothing
  kByte = 6,         // "<0xHH>": one byte
};

struct Vocab {
  std::vector<std::string> tokens;  // by id
  std::vector<int32_t> types;       // TokenType by id
  std::vector<std::string> merges;  // "A B" in the byte alphabet; the index is the rank
  std::string pre = "default";      // pre-tokeniser (text/pre_tokenizer.h)
  int32_t bos_id = -1;              // -1: none
  int32_t eos_id = -1;
  std::vector<int32_t> stop_ids;  // further ids that end generation (eot, eom, ...)
  bool add_bos = false;           // inputs begin with bos_id
  bool ignore_merges = false;     // a piece that is a token as a whole is not merged
};

}  // namespace onebit
