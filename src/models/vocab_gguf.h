// A vocabulary in GGUF metadata (tokenizer.ggml.*), both ways.
#pragma once

#include "io/gguf.h"
#include "text/vocab.h"

namespace onebit {

void write_vocab(const Vocab& vocab, GgufMetadata& metadata);

// Throws Error(kInvalidFile | kUnsupported) that names the key. A file of architecture bitnet* with
// 128,256 tokens and no pre-tokeniser is BitNet 2B-4T, whose converter forgot it: llama-bpe, and
// <|eot_id|> (128009) ends a turn too.
Vocab read_vocab(const GgufMetadata& metadata);

}  // namespace onebit
