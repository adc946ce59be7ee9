#include "api/token_input.h"

#include <boost/json/array.hpp>

#include "api/schema.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

TokenInput read_one(const json::value& value, const std::string& field, const Tokenizer& tokenizer,
                    EncodeOptions options) {
  TokenInput input{{}, field};
  if (value.is_string()) {
    input.ids = tokenizer.encode(value.get_string(), options);
  } else if (value.is_array()) {
    input.ids = read_token_ids(value, field, tokenizer);
  } else {
    refuse(field, "a string or a list of token ids", found_text(value));
  }
  if (input.ids.empty()) refuse(field, "text or tokens", "none");
  return input;
}

}  // namespace

std::vector<int32_t> read_token_ids(const json::value& value, const std::string& field,
                                    const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  for (const json::value& item : value.get_array()) {
    const int64_t* const id = item.if_int64();
    if (id == nullptr || *id < 0 || *id >= tokenizer.n_vocab()) {
      refuse(field + "[" + std::to_string(ids.size()) + "]",
             "a token id in [0, " + std::to_string(tokenizer.n_vocab() - 1) + "]",
             found_text(item));
    }
    ids.push_back(static_cast<int32_t>(*id));
  }
  return ids;
}

std::vector<TokenInput> read_token_input(const json::value& value, const std::string& field,
                                         std::size_t most, const Tokenizer& tokenizer,
                                         EncodeOptions options) {
  std::vector<TokenInput> inputs;
  const bool is_list =
      value.is_array() && !value.get_array().empty() && !value.get_array().front().is_number();
  if (!is_list) {
    inputs.push_back(read_one(value, field, tokenizer, options));
    return inputs;
  }
  const json::array& list = value.get_array();
  if (list.size() > most) {
    refuse(field, "at most " + std::to_string(most) + " items", std::to_string(list.size()));
  }
  for (const json::value& item : list) {
    inputs.push_back(
        read_one(item, field + "[" + std::to_string(inputs.size()) + "]", tokenizer, options));
  }
  return inputs;
}

}  // namespace onebit::api
