// What a tokenizer.json does to a text before merges, recognised by its exact text.
#pragma once

#include <string>

#include "vocab/json_cursor.h"

namespace onebit {

// Whether the tokenizer.json `file` describes byte-level BPE: some pre-tokeniser is ByteLevel.
bool is_byte_level(const JsonCursor& file);

// Our name (text/pre_tokenizer.h) of a byte-level `pre_tokenizer`. Regexes are compared as text:
// running a stranger's would let a file choose how its bytes are read, and no two regex engines
// agree on all of them. Throws Error(kUnsupported) that shows the steps found and the known names.
std::string pre_tokenizer_name(const JsonCursor& file);

// Throws Error(kUnsupported) for a normaliser of a byte-level file that would change more than the
// Unicode form. NFC is accepted and not applied (as in llama.cpp): a text that is not in NFC, which
// is rare, gets other tokens than from Hugging Face, but loses nothing.
void check_byte_level_normalizer(const JsonCursor& file);

// The SentencePiece way: spaces become U+2581, and maybe one is put in front of the text.
struct MetaspaceRule {
  bool add_prefix = false;
  bool split = false;  // a piece ends before every U+2581
};

// Reads it from `normalizer` and `pre_tokenizer` of a file that is not byte-level. Throws
// Error(kUnsupported) for anything else than the forms of Llama 2, Mistral and Gemma.
MetaspaceRule read_metaspace(const JsonCursor& file);

}  // namespace onebit
