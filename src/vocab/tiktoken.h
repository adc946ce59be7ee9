// A vocabulary in a tiktoken file, as Llama 3 ships its tokenizer.model: lines "BASE64 RANK", a
// token's raw bytes and its id (https://github.com/openai/tiktoken, tiktoken/load.py).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "text/vocab.h"

namespace onebit {

inline constexpr int64_t kMaxTiktokenBytes = int64_t{16} << 20;

// Byte-level BPE with the rules of Llama 3 (pre-tokeniser llama-bpe, ignore_merges), the only
// family that ships such a file under a name that does not tell the rules. To 128,000 tokens Llama
// 3's 256 special ones are added, with BOS, EOS and stop ids; to other counts none.
//
// tiktoken merges the pair that makes the token of lowest rank. As merges: every cut of every token
// into two tokens, by rank of the whole, then of the left part (as Hugging Face's converter does).
//
// Throws Error(kInvalidFile) "PATH: line L: expected X, found Y", Error(kIo).
Vocab read_tiktoken(const std::filesystem::path& path);
// The same from memory; `name` stands for the path in messages.
Vocab parse_tiktoken(std::string_view text, const std::string& name);

}  // namespace onebit
