// A vocabulary in Hugging Face's tokenizer.json
// (https://huggingface.co/docs/tokenizers/api/tokenizer; format: tokenizers/src/models/bpe).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "text/vocab.h"

namespace onebit {

// Gemma's is 33 MB. A JSON value takes up to 25 times its text, at worst (see io/json_file.h).
inline constexpr int64_t kMaxTokenizerJsonBytes = int64_t{64} << 20;

// BPE models, byte-level ones (kBpe) and SentencePiece's (kSpm). What is not in this file stays
// unset (tokenizer_config.h, folder.h): eos_id, stop_ids, chat_template; bos_id and eos_id are set
// if the post-processor adds them. Throws Error(kInvalidFile | kUnsupported) "PATH: field: expected
// X, found Y", Error(kIo). Merges of kBpe are checked by Tokenizer.
Vocab read_tokenizer_json(const std::filesystem::path& path);
// The same from memory; `name` stands for the path in messages.
Vocab parse_tokenizer_json(std::string_view text, const std::string& name);

}  // namespace onebit
