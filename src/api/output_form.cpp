#include "api/output_form.h"

#include <boost/json/serialize.hpp>

#include "api/endpoint.h"
#include "base/error.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"

namespace onebit::api {

std::shared_ptr<const TokenMasks> get_masks(GrammarCache& grammars, const std::string& tenant,
                                            const std::string& key, const std::string& field,
                                            const std::function<Grammar()>& make) {
  try {
    return grammars.get(tenant, key, make);
  } catch (const Error& error) {
    ApiError refusal;
    refusal.message = error.what();
    if (!refusal.message.starts_with(field + ":")) refusal.message.insert(0, field + ": ");
    refusal.param = field;
    throw refusal;
  }
}

std::shared_ptr<const TokenMasks> read_output_form(const Fields& fields, GrammarCache& grammars,
                                                   const std::string& tenant,
                                                   const std::string& format,
                                                   const std::string& schema, bool has_grammar) {
  const auto grammar = has_grammar ? fields.text("grammar") : std::nullopt;
  const std::string type = *fields.text(format + ".type");
  if (fields.has(format) && !fields.has(format + ".type")) {
    refuse(format + ".type", "'text', 'json_object' or 'json_schema'", "none");
  }
  if (grammar && type != "text") refuse("grammar", "no " + format + " beside it", "both");
  if (grammar) {
    return get_masks(grammars, tenant, "gbnf\n" + *grammar, "grammar",
                     [&] { return parse_gbnf(*grammar, "grammar"); });
  }
  if (type == "json_object") {
    return get_masks(grammars, tenant, "json", format,
                     [] { return parse_json_schema(R"({"type": "object"})", "json_object"); });
  }
  if (type == "json_schema") {
    const boost::json::value* const wanted = fields.find(schema);
    if (wanted == nullptr) refuse(schema, "a JSON schema", "none");
    const std::string text = boost::json::serialize(*wanted);
    if (std::ssize(text) > kMaxSchemaBytes) {
      refuse(schema, "at most " + std::to_string(kMaxSchemaBytes) + " bytes",
             std::to_string(text.size()));
    }
    return get_masks(grammars, tenant, "schema\n" + text, schema,
                     [&] { return json_schema_grammar(*wanted, schema); });
  }
  return nullptr;
}

}  // namespace onebit::api
