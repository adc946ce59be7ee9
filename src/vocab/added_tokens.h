// Tokens that Hugging Face files list beside the model's own: special ones, and later additions.
#pragma once

#include <vector>

#include "text/vocab.h"
#include "vocab/json_cursor.h"

namespace onebit {

struct AddedToken {
  int64_t id = 0;
  std::string text;
  bool is_special = false;
  bool lstrip = false;
  bool rstrip = false;
};

// `added_tokens` of a tokenizer.json: an array of objects with an id.
std::vector<AddedToken> read_added_tokens(const JsonCursor& array);

// `added_tokens_decoder` of a tokenizer_config.json: an object of such objects by id.
std::vector<AddedToken> read_added_tokens_decoder(const JsonCursor& object);

// Special ones become control tokens, others user-defined. One that the vocabulary already has
// under the same id changes its type (the unknown token stays what it is); the same text under two
// ids or two texts under one id are refused. `where` names the list in messages.
void add_tokens(const std::vector<AddedToken>& tokens, const JsonCursor& where, Vocab& vocab);

}  // namespace onebit
