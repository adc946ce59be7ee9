// What Hugging Face keeps beside a tokenizer: which tokens begin and end texts, and the template.
#pragma once

#include "text/vocab.h"
#include "vocab/json_cursor.h"

namespace onebit {

// tokenizer_config.json: added_tokens_decoder, bos_token, eos_token and unk_token (a string or an
// object with `content`), add_bos_token, add_eos_token, add_prefix_space (kSpm), chat_template (a
// string, or a list of {name, template} of which "default" counts). What the post-processor of a
// tokenizer.json adds stays: a different eos_token becomes a stop id then.
void apply_tokenizer_config(const JsonCursor& config, Vocab& vocab);

// generation_config.json (or config.json, which has the same keys): eos_token_id, an id or several,
// and bos_token_id. Ids beyond eos_id become stop ids.
void apply_generation_config(const JsonCursor& config, Vocab& vocab);

// Jinja source of at most 1 MiB, UTF-8. `file` and `field` are for messages.
void set_chat_template(std::string source, const std::string& file, std::string_view field,
                       Vocab& vocab);

}  // namespace onebit
