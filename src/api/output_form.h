// What form an answer is asked to have: response_format and grammar.
#pragma once

#include <memory>
#include <string>

#include "api/grammar_cache.h"
#include "api/schema.h"

namespace onebit::api {

// `format`: the field {"type", ...} ("response_format"); `schema`: where the schema is in it
// ("response_format.json_schema.schema"). Reads the field "grammar" too where `has_grammar`. Null:
// any text. Throws ApiError.
std::shared_ptr<const TokenMasks> read_output_form(const Fields& fields, GrammarCache& grammars,
                                                   const std::string& tenant,
                                                   const std::string& format,
                                                   const std::string& schema, bool has_grammar);

// As GrammarCache::get, with what is wrong with a grammar as an ApiError that names `field`.
std::shared_ptr<const TokenMasks> get_masks(GrammarCache& grammars, const std::string& tenant,
                                            const std::string& key, const std::string& field,
                                            const std::function<Grammar()>& make);

}  // namespace onebit::api
