#include "grammar/schema_members.h"

#include <algorithm>
#include <boost/json/array.hpp>

namespace onebit {
namespace {

using boost::json::value;

// Rules of an object go on to one another where members are optional: a limit keeps these rows
// shorter than what a matcher follows (kMaxOpenCalls).
constexpr std::size_t kMaxProperties = 256;
constexpr int kMaxAllOf = 32;  // nested, $ref included
constexpr int64_t kMaxParts = 256;
constexpr std::size_t kMaxRequired = 4096;

void collect_part(const value& part, const SchemaPlace& place, const value& root,
                  SchemaMembers& members, int nesting);

void collect(SchemaKeywords& keywords, const value& root, SchemaMembers& members, int nesting) {
  const SchemaPlace& place = keywords.place();
  if (nesting > kMaxAllOf) {
    place.fail("expected allOf nested at most " + std::to_string(kMaxAllOf) + " deep, found more");
  }
  if (const auto* properties = keywords.object("properties")) {
    for (const auto& p : *properties) {
      const std::string name(p.key());
      const SchemaPlace where = place.at("properties").at(name);
      if (std::ranges::find(members.properties, name, &SchemaMembers::Property::name) !=
          members.properties.end()) {
        where.fail("expected each property in one part of allOf, found it in two",
                   ErrorCode::kUnsupported);
      }
      members.properties.push_back({name, &p.value(), where});
      if (members.properties.size() > kMaxProperties) {
        where.fail("expected at most " + std::to_string(kMaxProperties) +
                   " properties, found more");
      }
    }
  }
  if (const auto* required = keywords.array("required")) {
    for (const value& name : *required) {
      if (!name.is_string()) {
        place.at("required").fail("expected names, found " + describe_json(name));
      }
      members.required.emplace_back(name.get_string());
      if (members.required.size() > kMaxRequired) {
        place.at("required")
            .fail("expected at most " + std::to_string(kMaxRequired) +
                  " names in all parts, found more");
      }
    }
  }
  if (const value* additional = keywords.find("additionalProperties")) {
    if (nesting > 0) {
      place.fail("expected no additionalProperties in a part of allOf, found some",
                 ErrorCode::kUnsupported);
    }
    members.additional = additional;
    members.additional_place = place.at("additionalProperties");
  }
  if (const auto* parts = keywords.array("allOf")) {
    for (std::size_t i = 0; i < parts->size(); ++i) {
      collect_part((*parts)[i], place.at("allOf").at(std::to_string(i)), root, members,
                   nesting + 1);
    }
  }
}

void collect_part(const value& part, const SchemaPlace& place, const value& root,
                  SchemaMembers& members, int nesting) {
  if (++members.n_parts > kMaxParts) {  // parts that refer to parts multiply
    place.fail("expected at most " + std::to_string(kMaxParts) + " parts of allOf, found more");
  }
  SchemaKeywords keywords(part, place);
  if (const auto ref = keywords.string("$ref")) {
    keywords.finish();
    if (nesting > kMaxAllOf) place.fail("expected allOf without a circle, found one");
    return collect_part(referred(*ref, root, place), {place.name, *ref}, root, members,
                        nesting + 1);
  }
  const value* type = keywords.find("type");
  if (type != nullptr && *type != value("object")) {
    place.fail("expected parts of allOf of type object, found " + describe_json(*type),
               ErrorCode::kUnsupported);
  }
  collect(keywords, root, members, nesting);
  keywords.finish();
}

}  // namespace

bool SchemaMembers::is_required(const std::string& name) const {
  return std::ranges::find(required, name) != required.end();
}

SchemaMembers schema_members(SchemaKeywords& keywords, const value& root) {
  SchemaMembers members;
  collect(keywords, root, members, 0);
  for (const std::string& name : members.required) {
    if (std::ranges::find(members.properties, name, &SchemaMembers::Property::name) ==
        members.properties.end()) {
      keywords.place()
          .at("required")
          .fail("expected only names of properties, found " + quote(name), ErrorCode::kUnsupported);
    }
  }
  return members;
}

const value& referred(const std::string& ref, const value& root, const SchemaPlace& place) {
  const auto refuse = [&](const char* expected) {
    place.at("$ref").fail(std::string("expected ") + expected + ", found " + quote(ref),
                          ErrorCode::kUnsupported);
  };
  if (ref != "#" && !ref.starts_with("#/")) refuse("a place in this schema (\"#/...\")");
  const value* at = &root;
  for (std::size_t i = 1; i < ref.size();) {
    const std::size_t end = std::min(ref.find('/', i + 1), ref.size());
    std::string step;
    for (std::size_t j = i + 1; j < end; ++j) {
      const bool escape = ref[j] == '~' && j + 1 < end;
      step += escape ? (ref[++j] == '1' ? '/' : '~') : ref[j];
    }
    const auto* members = at->if_object();
    const auto* elements = at->if_array();
    at = nullptr;
    if (members != nullptr) at = members->if_contains(step);
    if (elements != nullptr && !step.empty() && step.size() < 6 &&
        step.find_first_not_of("0123456789") == std::string::npos) {
      at = elements->if_contains(std::stoul(step));
    }
    if (at == nullptr) refuse("a place that is there");
    i = end;
  }
  return *at;
}

}  // namespace onebit
