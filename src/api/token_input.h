// Inputs that may be texts or tokens: "prompt" of completions, "input" of embeddings.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace onebit::api {

struct TokenInput {
  std::vector<int32_t> ids;  // at least one
  std::string field;         // "prompt[1]"
};

// A string, a list of strings, a list of token ids or a list of such lists; texts are encoded with
// `options`, tokens are taken as they are. Throws ApiError.
std::vector<TokenInput> read_token_input(const boost::json::value& value, const std::string& field,
                                         std::size_t most, const Tokenizer& tokenizer,
                                         EncodeOptions options);

// A list of token ids of the vocabulary. Throws ApiError.
std::vector<int32_t> read_token_ids(const boost::json::value& value, const std::string& field,
                                    const Tokenizer& tokenizer);

}  // namespace onebit::api
