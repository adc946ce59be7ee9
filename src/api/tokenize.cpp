// POST /tokenize and /detokenize, as llama.cpp's server has them.
#include <boost/json/array.hpp>

#include "api/endpoints.h"
#include "api/schema.h"
#include "api/token_input.h"
#include "io/json_text.h"
#include "text/stream_decoder.h"

namespace onebit::api {

namespace json = boost::json;

Call prepare_tokenize(const Service& service, const json::object& body, const std::string&,
                      std::shared_ptr<Sink> sink) {
  const Fields fields(schema_of("/tokenize"), body);
  const bool add_special = fields.flag("add_special");
  const auto ids = service.engine.tokenizer().encode(
      *fields.text("content"), {.add_bos = add_special, .add_eos = add_special});
  sink->respond(200, json_text({{"tokens", json::array(ids.begin(), ids.end())}}));
  return {};
}

Call prepare_detokenize(const Service& service, const json::object& body, const std::string&,
                        std::shared_ptr<Sink> sink) {
  const Fields fields(schema_of("/detokenize"), body);
  const Tokenizer& tokenizer = service.engine.tokenizer();
  const auto ids = read_token_ids(*fields.find("tokens"), "tokens", tokenizer);
  sink->respond(200, json_text({{"content", to_valid_utf8(tokenizer.decode(ids, true))}}));
  return {};
}

}  // namespace onebit::api
