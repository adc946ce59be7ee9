// Log probabilities in the shapes of OpenAI's two endpoints.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <vector>

#include "api/text_stream.h"
#include "text/tokenizer.h"

namespace onebit::api {

// Chat completions: the items of "logprobs": {"content": [...]}.
boost::json::array chat_logprobs(const Tokenizer& tokenizer, const std::vector<SeenToken>& tokens);

// Completions: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}; offsets in characters
// of the answer. The token itself is among the top ones, which may be one more for that.
boost::json::object completion_logprobs(const Tokenizer& tokenizer,
                                        const std::vector<SeenToken>& tokens);

}  // namespace onebit::api
