// The vocabulary of a model folder in Hugging Face's style.
#pragma once

#include <filesystem>

#include "text/vocab.h"

namespace onebit {

// From tokenizer.json, else tokenizer.model (SentencePiece or tiktoken, told apart by content);
// then what tokenizer_config.json, generation_config.json (or else config.json) and
// chat_template.jinja add, where there are such files. Throws Error(kInvalidFile | kUnsupported |
// kIo), one line with the file; kInvalidFile with the folder if there is no tokenizer in it.
Vocab read_vocab_folder(const std::filesystem::path& folder);

}  // namespace onebit
