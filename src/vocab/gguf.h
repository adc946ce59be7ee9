// A vocabulary in GGUF metadata (tokenizer.ggml.*, tokenizer.chat_template), both ways.
#pragma once

#include "io/gguf.h"
#include "text/vocab.h"

namespace onebit {

// read_vocab() of what this writes gives the same vocabulary. What GGUF has no key for goes under
// onebit.tokenizer.*: ignore_merges (only where it is not what `pre` implies), strip, and the stop
// ids after the first two (which are eot and eom).
void write_vocab(const Vocab& vocab, GgufMetadata& metadata);

// Models gpt2 (byte-level BPE) and llama (SentencePiece BPE). Throws Error(kInvalidFile |
// kUnsupported) that names the key; the merges are checked by Tokenizer. A file of architecture
// bitnet* with 128,256 tokens and no pre-tokeniser is BitNet 2B-4T, whose converter forgot it:
// llama-bpe, and <|eot_id|> (128009) ends a turn too.
Vocab read_vocab(const GgufMetadata& metadata);

}  // namespace onebit
