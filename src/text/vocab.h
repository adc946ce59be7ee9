// A vocabulary as files store it: plain data. Tokenizer checks it and makes it work.
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

// How pieces are merged into tokens.
enum class VocabModel {
  kBpe,  // byte-level BPE: `merges` by rank (tokenizer.ggml.model = gpt2)
  kSpm,  // SentencePiece BPE: `scores` by token, bytes as <0xHH> (tokenizer.ggml.model = llama)
};

struct Vocab {
  VocabModel model = VocabModel::kBpe;
  std::vector<std::string> tokens;  // by id
  std::vector<int32_t> types;       // TokenType by id
  std::vector<std::string> merges;  // kBpe: "A B" in the byte alphabet; the index is the rank
  std::vector<float> scores;        // kSpm: by id; the pair whose token scores highest merges first
  std::string pre = "default";      // kBpe: pre-tokeniser (text/pre_tokenizer.h)
  int32_t bos_id = -1;              // -1: none
  int32_t eos_id = -1;
  int32_t unk_id = -1;
  std::vector<int32_t> stop_ids;  // further ids that end generation (eot, eom, ...)
  bool add_bos = false;           // inputs begin with bos_id
  bool add_eos = false;           // inputs end with eos_id (embedding models)
  bool ignore_merges = false;     // kBpe: a piece that is a token as a whole is not merged
  bool add_space_prefix = true;   // kSpm: a text begins with a space (Gemma: false)
  // By id, empty when none has any: special tokens that take the white space before (bit 0) or
  // after (bit 1) them (lstrip and rstrip of Hugging Face's added tokens).
  std::vector<uint8_t> strip;
  std::string chat_template;  // Jinja source; empty: none
};

}  // namespace onebit
