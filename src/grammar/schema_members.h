// What an object may have, put together from a schema and the parts of its allOf.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/schema_keywords.h"

namespace onebit {

struct SchemaMembers {
  struct Property {
    std::string name;
    const boost::json::value* schema;
    SchemaPlace place;
  };
  std::vector<Property> properties;  // in the order of the text, a part of allOf after another
  std::vector<std::string> required;
  const boost::json::value* additional = nullptr;  // of additionalProperties
  SchemaPlace additional_place;
  int64_t n_parts = 0;  // of allOf, each as often as it is referred to

  bool is_required(const std::string& name) const;
};

// Asks `keywords` for properties, required, additionalProperties and allOf. Parts of allOf are
// objects of these (without additionalProperties) or a $ref into `root` to such.
SchemaMembers schema_members(SchemaKeywords& keywords, const boost::json::value& root);

// What `ref` of the schema at `place` refers to: "#" or a JSON pointer "#/..." into `root`.
const boost::json::value& referred(const std::string& ref, const boost::json::value& root,
                                   const SchemaPlace& place);

}  // namespace onebit
