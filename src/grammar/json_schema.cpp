#include "grammar/json_schema.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "grammar/json_rules.h"
#include "grammar/pattern.h"
#include "grammar/schema_keywords.h"
#include "grammar/schema_members.h"
#include "io/json_file.h"

namespace onebit {
namespace {

using boost::json::value;
using Expression = Grammar::Expression;

// RFC 3339 and RFC 4122. February has 28 days in every year.
struct Format {
  std::string_view name;
  std::string pattern;
};
const std::string kDate =
    "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|"
    "(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
const std::string kClock = "([01][0-9]|2[0-3]):[0-5][0-9]";
const std::string kTime = kClock + ":[0-5][0-9](\\.[0-9]{1,9})?(Z|[+\\-]" + kClock + ")";
const Format kFormats[] = {
    {"date", "^" + kDate + "$"},
    {"time", "^" + kTime + "$"},
    {"date-time", "^" + kDate + "T" + kTime + "$"},
    {"uuid", "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"},
};

bool has_type(const value& v, std::string_view type) {
  if (type == "object") return v.is_object();
  if (type == "array") return v.is_array();
  if (type == "string") return v.is_string();
  if (type == "boolean") return v.is_bool();
  if (type == "null") return v.is_null();
  if (v.is_double()) return type == "number" || std::trunc(v.get_double()) == v.get_double();
  return v.is_number();
}

class Compiler {
 public:
  Compiler(const value& schema, const std::string& name)
      : root_(schema), name_(name), rules_(grammar_) {}

  Grammar compile() {
    grammar_.max_depth = kMaxJsonCalls;
    const Expression document = schema(root_, {&name_, "#"});
    grammar_.root = grammar_.add("root", grammar_.sequence({rules_.space(), document}));
    // Targets of $ref: a loop, since they may refer to each other in a long row.
    while (!waiting_.empty()) {
      const auto [target, place] = waiting_.back();
      waiting_.pop_back();
      const Grammar::Rule rule = referred_.at(target);
      grammar_.define(rule, schema(*target, place));
    }
    return std::move(grammar_);
  }

 private:
  // A schema that some part of a document must be valid under. Recursion is as deep as the schema.
  Expression schema(const value& v, const SchemaPlace& place) {
    if (v.is_bool()) {
      if (!v.get_bool()) place.fail("expected a schema that something is valid under, found false");
      return rules_.value();
    }
    SchemaKeywords keywords(v, place);
    if (const auto ref = keywords.string("$ref")) {
      keywords.finish();
      return reference(*ref, place);
    }
    for (const std::string_view keyword : {"anyOf", "oneOf"}) {
      if (!keywords.has(keyword)) continue;
      const auto& alternatives = *keywords.array(keyword);
      keywords.finish();
      return any_of(alternatives, place.at(keyword));
    }
    if (is_one_part(keywords)) {
      const auto& part = *keywords.array("allOf");
      keywords.finish();
      return schema(part[0], place.at("allOf").at("0"));
    }
    const auto types = read_types(keywords);
    if (keywords.has("const") || keywords.has("enum")) return listed(keywords, types);
    if (types.empty()) {
      keywords.finish();
      return rules_.value();
    }
    std::vector<Expression> ways;
    for (const std::string& type : types) ways.push_back(of_type(type, keywords));
    keywords.finish();
    const Expression any = grammar_.choice(std::move(ways));
    const bool nests = std::ranges::any_of(
        types, [](const auto& type) { return type == "object" || type == "array"; });
    return nests ? rule(place.path, any) : any;  // else sizes would multiply by level
  }

  // allOf of one schema and nothing else, as programs write a $ref with a description.
  static bool is_one_part(const SchemaKeywords& keywords) {
    for (const auto keyword : {"type", "properties", "required", "additionalProperties"}) {
      if (keywords.has(keyword)) return false;
    }
    const value* parts = keywords.peek("allOf");
    return parts != nullptr && parts->is_array() && parts->get_array().size() == 1;
  }

  // Of a schema without "type": what its keywords are about.
  std::vector<std::string> read_types(SchemaKeywords& keywords) {
    const value* type = keywords.find("type");
    if (type == nullptr) {
      const auto any = [&](std::initializer_list<std::string_view> names) {
        return std::ranges::any_of(names, [&](auto name) { return keywords.has(name); });
      };
      if (any({"properties", "required", "additionalProperties", "allOf"})) return {"object"};
      if (any({"items", "prefixItems", "minItems", "maxItems"})) return {"array"};
      if (any({"minLength", "maxLength", "pattern", "format"})) return {"string"};
      if (any({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})) return {"number"};
      return {};
    }
    std::vector<std::string> types;
    const auto add = [&](const value& name) {
      constexpr std::string_view kTypes[] = {"object",  "array",   "string", "number",
                                             "integer", "boolean", "null"};
      if (!name.is_string() ||
          std::ranges::find(kTypes, std::string_view(name.get_string())) == std::end(kTypes)) {
        keywords.place().at("type").fail("expected a type of JSON Schema, found " +
                                         describe_json(name));
      }
      const std::string text(name.get_string());
      if (std::ranges::find(types, text) == types.end()) types.push_back(text);
    };
    if (const auto* list = type->if_array()) {
      for (const value& name : *list) add(name);
      if (types.empty()) keywords.place().at("type").fail("expected a type, found none");
    } else {
      add(*type);
    }
    return types;
  }

  Expression of_type(const std::string& type, SchemaKeywords& keywords) {
    if (type == "object") return object(keywords);
    if (type == "array") return array(keywords);
    if (type == "string") return string(keywords);
    if (type == "integer") return integer(keywords);
    if (type == "boolean") return rules_.boolean();
    if (type == "null") return rules_.null();
    return rules_.number();  // limits of these are refused by finish()
  }

  Expression reference(const std::string& ref, const SchemaPlace& place) {
    const value& target = referred(ref, root_, place);
    const auto known = referred_.find(&target);
    if (known != referred_.end()) return grammar_.rule(known->second);
    const Grammar::Rule rule = grammar_.declare(ref);
    referred_.emplace(&target, rule);
    waiting_.push_back({&target, {&name_, ref}});
    return grammar_.rule(rule);
  }

  Expression any_of(const boost::json::array& alternatives, const SchemaPlace& place) {
    if (alternatives.empty()) place.fail("expected a schema, found none");
    std::vector<Expression> ways;
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      ways.push_back(schema(alternatives[i], place.at(std::to_string(i))));
    }
    return grammar_.choice(std::move(ways));
  }

  Expression listed(SchemaKeywords& keywords, const std::vector<std::string>& types) {
    std::vector<const value*> values;
    if (const value* only = keywords.find("const")) values.push_back(only);
    if (const auto* list = keywords.array("enum")) {
      if (!values.empty()) {
        const bool both = std::ranges::find(*list, *values[0]) != list->end();
        if (!both) values.clear();
      } else {
        for (const value& v : *list) values.push_back(&v);
      }
    }
    keywords.finish();
    std::vector<Expression> ways;
    for (const value* v : values) {
      const auto fits = [&](const std::string& type) { return has_type(*v, type); };
      if (types.empty() || std::ranges::any_of(types, fits)) ways.push_back(rules_.literal(*v));
    }
    if (ways.empty()) keywords.place().fail("expected a value that is valid, found none");
    return grammar_.choice(std::move(ways));
  }

  Expression string(SchemaKeywords& keywords) {
    const auto min = keywords.count("minLength");
    const auto max = keywords.count("maxLength");
    const auto pattern = keywords.string("pattern");
    const auto format = keywords.string("format");
    const int kinds = (min || max ? 1 : 0) + (pattern ? 1 : 0) + (format ? 1 : 0);
    if (kinds == 0) return rules_.string();
    if (kinds > 1) {
      keywords.place().fail("expected one of lengths, pattern and format, found several",
                            ErrorCode::kUnsupported);
    }
    Expression inside;
    if (pattern) {
      inside = regular(*pattern, keywords.place().at("pattern"));
    } else if (format) {
      const auto known = std::ranges::find(kFormats, *format, &Format::name);
      const SchemaPlace place = keywords.place().at("format");
      if (known == std::end(kFormats)) {
        place.fail("expected date, time, date-time or uuid, found " + quote(*format),
                   ErrorCode::kUnsupported);
      }
      inside = regular(known->pattern, place);
    } else {
      const int64_t least = min.value_or(0);
      if (max && *max < least) keywords.place().fail("expected minLength <= maxLength, found more");
      inside = grammar_.repeat(rules_.character(), least, max.value_or(Grammar::kUnlimited));
    }
    return grammar_.sequence({grammar_.bytes("\""), inside, grammar_.bytes("\"")});
  }

  Expression regular(const std::string& pattern, const SchemaPlace& place) {
    try {
      return pattern_expression(pattern, grammar_, rules_);
    } catch (const Error& error) {
      place.fail(error.what(), error.code());
    }
  }

  // The whole numbers that keep a limit; `exclusive` leaves out the limit itself.
  std::optional<int64_t> bound(SchemaKeywords& keywords, const char* keyword, bool is_low,
                               bool exclusive) {
    const value* v = keywords.find(keyword);
    if (v == nullptr) return std::nullopt;
    const SchemaPlace place = keywords.place().at(keyword);
    constexpr double kLimit = 9e18;
    int64_t whole = 0;
    bool exact = true;
    if (v->is_int64()) {
      whole = v->get_int64();
    } else if (v->is_double() && std::abs(v->get_double()) < kLimit) {
      const double d = v->get_double();
      whole = static_cast<int64_t>(is_low ? std::ceil(d) : std::floor(d));
      exact = static_cast<double>(whole) == d;
    } else {
      place.fail("expected a number of at most 64 bits, found " + describe_json(*v),
                 ErrorCode::kUnsupported);
    }
    if (std::abs(static_cast<double>(whole)) > kLimit) {
      place.fail("expected a number within 9e18, found " + describe_json(*v),
                 ErrorCode::kUnsupported);
    }
    return exclusive && exact ? whole + (is_low ? 1 : -1) : whole;
  }

  Expression integer(SchemaKeywords& keywords) {
    const auto both = [](std::optional<int64_t> a, std::optional<int64_t> b, auto choose) {
      return a && b ? choose(*a, *b) : a ? a : b;
    };
    using Limit = std::optional<int64_t>;
    const Limit low = both(bound(keywords, "minimum", true, false),
                           bound(keywords, "exclusiveMinimum", true, true),
                           [](int64_t a, int64_t b) -> Limit { return std::max(a, b); });
    const Limit high = both(bound(keywords, "maximum", false, false),
                            bound(keywords, "exclusiveMaximum", false, true),
                            [](int64_t a, int64_t b) -> Limit { return std::min(a, b); });
    if (!low && !high) return rules_.integer();
    constexpr int64_t kMost = JsonRules::kMaxInteger;
    constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
    const int64_t least = low.value_or(high.value_or(0) < -kMost ? -kLast : -kMost);
    const int64_t most = high.value_or(least > kMost ? kLast : kMost);
    if (least > most) {
      keywords.place().fail("expected a minimum up to the maximum " + std::to_string(most) +
                            ", found " + std::to_string(least));
    }
    return rules_.integer_between(least, most);
  }

  Expression array(SchemaKeywords& keywords) {
    const auto* prefix = keywords.array("prefixItems");
    const value* items = keywords.find("items");
    const int64_t min = keywords.count("minItems").value_or(0);
    const auto max = keywords.count("maxItems");
    const SchemaPlace& place = keywords.place();
    if (max && *max < min) place.fail("expected minItems <= maxItems, found more");
    if (prefix == nullptr && items == nullptr && min == 0 && !max) return rules_.array();

    std::vector<Expression> first;
    for (std::size_t i = 0; prefix != nullptr && i < prefix->size(); ++i) {
      if (max && *max == static_cast<int64_t>(i)) break;
      first.push_back(
          rules_.element(schema((*prefix)[i], place.at("prefixItems").at(std::to_string(i)))));
    }
    const auto n_first = static_cast<int64_t>(first.size());
    std::optional<Expression> other;  // further elements, if there may be any
    const bool is_closed = items == nullptr ? prefix != nullptr : *items == value(false);
    if (!is_closed && max != n_first) {
      other = rules_.element(items == nullptr ? rules_.value() : schema(*items, place.at("items")));
    }
    if (!other && min > n_first) {
      place.fail("expected minItems of at most the " + std::to_string(n_first) +
                 " items that there are, found " + std::to_string(min));
    }
    const int64_t more = std::max<int64_t>(0, min - n_first);
    const int64_t most = max ? *max - n_first : Grammar::kUnlimited;
    const Expression open = grammar_.sequence({grammar_.bytes("["), rules_.space()});
    const Expression close = grammar_.bytes("]");
    const auto further = [&](int64_t low, int64_t high) {
      return grammar_.repeat(grammar_.sequence({rules_.comma(), *other}), low, high);
    };
    if (first.empty()) {
      if (!other) return grammar_.sequence({open, close});
      const int64_t high = most == Grammar::kUnlimited ? most : most - 1;
      Expression elements =
          grammar_.sequence({*other, further(std::max<int64_t>(0, more - 1), high)});
      if (min == 0) elements = grammar_.optional(elements);
      return grammar_.sequence({open, elements, close});
    }
    // From the back: what may follow when i elements are there.
    Expression rest = other ? grammar_.sequence({further(more, most), close}) : close;
    for (std::size_t i = first.size(); i-- > 0;) {
      std::vector<Expression> ways;
      const Expression next = i == 0 ? first[0] : grammar_.sequence({rules_.comma(), first[i]});
      ways.push_back(grammar_.sequence({next, rule("items", rest)}));
      if (static_cast<int64_t>(i) >= min) ways.push_back(close);
      rest = grammar_.choice(std::move(ways));
    }
    return grammar_.sequence({open, rest});
  }

  // A rule of its own, so that expressions do not nest. A call that comes last costs no depth.
  Expression rule(std::string name, Expression body) {
    return grammar_.rule(grammar_.add(std::move(name), body));
  }

  Expression object(SchemaKeywords& keywords) {
    const SchemaMembers members = schema_members(keywords, root_);
    if (members.properties.empty() && members.required.empty() && members.additional == nullptr &&
        !keywords.has("properties")) {
      return rules_.object();
    }
    std::vector<std::string> names;
    for (const auto& p : members.properties) names.push_back(p.name);
    const Expression close = grammar_.bytes("}");
    // From the back: what may follow the i-th property, and what may come first.
    Expression rest = close;
    std::vector<Expression> first{close};
    if (members.additional != nullptr && *members.additional != value(false)) {
      const Expression extra = rules_.member(rules_.other_string(names),
                                             schema(*members.additional, members.additional_place));
      const auto more =
          grammar_.repeat(grammar_.sequence({rules_.comma(), extra}), 0, Grammar::kUnlimited);
      rest = grammar_.sequence({more, close});
      first.push_back(grammar_.sequence({extra, rest}));
    }
    for (std::size_t i = members.properties.size(); i-- > 0;) {
      const auto& p = members.properties[i];
      const Expression after = rule("properties", rest);
      const Expression own =
          rules_.member(rules_.literal(value(p.name)), schema(*p.schema, p.place));
      std::vector<Expression> ways{grammar_.sequence({rules_.comma(), own, after})};
      if (members.is_required(p.name)) {
        first.clear();
      } else {
        ways.push_back(after);
      }
      first.push_back(grammar_.sequence({own, after}));
      rest = grammar_.choice(std::move(ways));
    }
    return grammar_.sequence({grammar_.bytes("{"), rules_.space(), grammar_.choice(first)});
  }

  const value& root_;
  const std::string& name_;
  Grammar grammar_;
  JsonRules rules_;
  std::map<const value*, Grammar::Rule> referred_;
  std::vector<std::pair<const value*, SchemaPlace>> waiting_;
};

}  // namespace

Grammar json_schema_grammar(const value& schema, const std::string& name) {
  try {
    return Compiler(schema, name).compile();
  } catch (const Error& error) {
    const std::string what = error.what();
    if (what.starts_with(name + ": ")) throw;
    throw Error(error.code(), name + ": " + what);  // a limit of Grammar
  }
}

Grammar parse_json_schema(std::string_view text, const std::string& name) {
  if (std::ssize(text) > kMaxSchemaBytes) {
    throw Error(ErrorCode::kInvalidArgument, name + ": expected at most " +
                                                 std::to_string(kMaxSchemaBytes) +
                                                 " bytes, found " + std::to_string(text.size()));
  }
  return json_schema_grammar(parse_json(text, name), name);
}

}  // namespace onebit
