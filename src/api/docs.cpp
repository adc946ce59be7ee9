#include <algorithm>

#include "api/schema.h"

namespace onebit::api {
namespace {

// In a cell of a table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\\');
  }
  return text;
}

void add_table(std::span<const Field> fields, std::string& out) {
  out += "| field | value | default | |\n|---|---|---|---|\n";
  for (const Field& field : fields) {
    if (field.type == FieldType::kOnly) continue;
    out += "| `" + std::string(field.name) + "` | " + cell(expected_text(field)) + " | ";
    out += field.required           ? "required"
           : field.fallback.empty() ? ""
                                    : "`" + std::string(field.fallback) + "`";
    out += " | " + cell(std::string(field.doc)) + " |\n";
  }
  std::string refused;
  for (const Field& field : fields) {
    if (field.type != FieldType::kOnly) continue;
    refused += (refused.empty() ? "`" : ", `") + std::string(field.name) + "`";
    if (!field.values.empty()) refused += " (but " + cell(std::string(field.values)) + ")";
  }
  if (!refused.empty()) out += "\nRefused: " + refused + ".\n";
}

}  // namespace

std::string field_docs() {
  std::string out =
      "# Fields of requests\n"
      "\n"
      "What `onebit serve` reads of each body. Null counts as absent; other members are not "
      "looked\n"
      "at. A value of the wrong type or out of range is answered with 400 and an error that names\n"
      "the field. This file is printed from `src/api/fields.cpp` and compared with it by a test.\n";
  for (const Schema& schema : schemas()) {
    out += "\n## POST " + std::string(schema.path) + "\n\n";
    add_table(schema.fields, out);
    if (!schema.shared.empty())
      out += "\nAnd the fields that all endpoints that write text have.\n";
  }
  out += "\n## Of all endpoints that write text\n\n";
  add_table(generation_fields(), out);
  return out;
}

}  // namespace onebit::api
