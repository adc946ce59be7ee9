#include "grammar/json_schema.h"

#include <gtest/gtest.h>

#include "grammar/test_grammar.h"

namespace onebit {
namespace {

void expect_all(const std::string& schema, std::initializer_list<const char*> good,
                std::initializer_list<const char*> bad) {
  const auto g = compile_schema(schema);
  for (const char* text : good) EXPECT_TRUE(matches(g, text)) << schema << " should take " << text;
  for (const char* text : bad) EXPECT_FALSE(matches(g, text)) << schema << " should not " << text;
}

TEST(JsonSchema, Scalars) {
  expect_all(R"({"type":"boolean"})", {"true", "false", " true", "\n  false"},
             {"null", "True", ""});
  expect_all(R"({"type":"null"})", {"null"}, {"0"});
  expect_all(R"({"type":"integer"})", {"0", "-1", "123456789012345678"},
             {"01", "1.0", "-0", "1234567890123456789", "+1", "-"});
  expect_all(R"({"type":"number"})", {"0", "-0.5", "1e5", "12.25E-10", "3"},
             {".5", "1.", "01", "1e", "1e999", "NaN"});
  expect_all(R"({"type":["string","null"]})", {"\"a\"", "null"}, {"1"});
  expect_all("{}", {"1", "[1, {\"a\": null}]", "\"x\""}, {"", "[1,]", "{1:2}"});
  expect_all("true", {"{}"}, {"{"});
}

TEST(JsonSchema, Strings) {
  expect_all(R"({"type":"string"})",
             {R"("")", R"("a\n\"\\\/é\u00e9")", R"("\ud83d\ude00")", "\"\xf0\x9f\x98\x80\""},
             {"\"", "\"\n\"", R"("\x")", R"("\ud83d")", R"("\ude00")", R"("\u00g0")", "\"\xff\""});
  expect_all(R"({"type":"string","minLength":2,"maxLength":3})",
             {R"("ab")", R"("abc")", R"("éé")", R"("\n\u00e9\ud83d\ude00")"},
             {R"("a")", R"("abcd")", R"("é")"});
  expect_all(R"({"minLength":1})", {R"("a")", R"("abcdefghijklmnopq")"}, {R"("")"});
}

TEST(JsonSchema, Patterns) {
  expect_all(R"({"pattern":"^[A-Z]{2}-(\\d+|x?y)$"})", {R"("AB-12")", R"("AB-y")", R"("AB-xy")"},
             {R"("A-1")", R"("AB-")", R"("AB-xx")"});
  expect_all(R"({"pattern":"^\\w.[^a\"]\\s$"})", {R"("a\"b ")", R"("_\\\n\t")", R"("0éc ")"},
             {R"("a\"\" ")", R"("a.a ")", R"("a\nb ")", "\"a\"b \""});
  const auto error = [](const std::string& pattern) {
    return schema_error("{\"pattern\":\"" + pattern + "\"}");
  };
  EXPECT_EQ(error("abc"), "s: #/pattern: expected '^' in front, found 'abc' at column 1");
  EXPECT_EQ(error("^abc"),
            "s: #/pattern: expected '$' at the end, alternatives in a group, found "
            "the end at column 5");
  EXPECT_NE(error("^a|b$").find("alternatives in a group, found '|b$' at column 3"),
            std::string::npos);
  EXPECT_NE(error("^(?=a)b$").find("a group without conditions"), std::string::npos);
  EXPECT_NE(error("^(a)\\\\1$").find("an escape"), std::string::npos);
  EXPECT_NE(error("^a*?$").find("one repetition"), std::string::npos);
  EXPECT_NE(error("^[b-a]$").find("ascends"), std::string::npos);
  EXPECT_NE(error("^(a$").find("')'"), std::string::npos);
  EXPECT_NE(error("^" + std::string(100, '(')).find("nested groups"), std::string::npos);
}

TEST(JsonSchema, Formats) {
  expect_all(R"({"format":"date"})", {R"("2024-02-28")", R"("1999-12-31")"},
             {R"("2023-02-29")", R"("2023-04-31")", R"("2023-13-01")", R"("23-01-01")"});
  expect_all(R"({"format":"time"})", {R"("23:59:59Z")", R"("00:00:00.5+01:30")"},
             {R"("24:00:00Z")", R"("12:00:00")"});
  expect_all(R"({"format":"date-time"})", {R"("2024-01-31T12:00:00Z")"}, {R"("2024-01-31")"});
  expect_all(R"({"format":"uuid"})", {R"("123e4567-e89b-12d3-a456-426614174000")"},
             {R"("123e4567e89b12d3a456426614174000")"});
  EXPECT_EQ(schema_error(R"({"type":"string","format":"email"})"),
            "s: #/format: expected date, time, date-time or uuid, found 'email'");
}

TEST(JsonSchema, IntegersBetween) {
  const std::pair<int64_t, int64_t> ranges[] = {{0, 0},   {0, 9},     {3, 7},      {7, 123},
                                                {-5, 5},  {-120, -7}, {99, 1001},  {-1, 0},
                                                {15, 15}, {100, 199}, {-1000, 250}};
  for (const auto& [low, high] : ranges) {
    const auto g = compile_schema("{\"type\":\"integer\",\"minimum\":" + std::to_string(low) +
                                  ",\"maximum\":" + std::to_string(high) + "}");
    for (int64_t i = -1300; i <= 1300; ++i) {
      ASSERT_EQ(matches(g, std::to_string(i)), low <= i && i <= high)
          << i << " in " << low << ".." << high;
    }
  }
  expect_all(R"({"type":"integer","exclusiveMinimum":2,"maximum":4.5})", {"3", "4"},
             {"2", "5", "03"});
  expect_all(R"({"type":"integer","minimum":10})", {"10", "999999999999999999"}, {"9", "-10"});
  expect_all(R"({"type":"integer","maximum":-10})", {"-10", "-999999999999999999"}, {"-9", "10"});
  expect_all(R"({"type":"integer","minimum":9000000000000000000})", {"9223372036854775807"},
             {"9223372036854775808", "8999999999999999999"});
  EXPECT_NE(schema_error(R"({"type":"integer","minimum":3,"maximum":2})").find("found 3"),
            std::string::npos);
}

TEST(JsonSchema, Objects) {
  expect_all(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},
                 "c":{"type":"boolean"}},"required":["b"],"additionalProperties":false})",
             {R"({"a":1,"b":null,"c":true})", R"({"b":null})", R"({ "b": null, "c": false })",
              "{\n  \"a\": 1,\n  \"b\": null\n}"},
             {"{}", R"({"a":1})", R"({"c":true,"b":null})", R"({"b":null,})", R"({"b":null,"d":1})",
              R"({"a":1 "b":null})"});
  expect_all(R"({"properties":{"a":{},"b":{}}})",
             {"{}", R"({"a":1})", R"({"b":[]})", R"({"a":{},"b":"x"})"}, {R"({"c":1})", R"({,})"});
  expect_all(R"({"type":"object"})", {"{}", R"({"x":{"y":[1]}})"}, {"[]"});
  expect_all(R"({"type":"object","properties":{}})", {"{}", "{ }"}, {R"({"x":1})"});
  expect_all(R"({"type":"object","additionalProperties":{"type":"integer"}})",
             {"{}", R"({"x":1,"y":2})"}, {R"({"x":"1"})"});
}

TEST(JsonSchema, AdditionalPropertiesAreOthers) {
  expect_all(R"({"properties":{"ab":{"type":"null"},"abc":{}},"required":["ab"],
                 "additionalProperties":{"type":"integer"}})",
             {R"({"ab":null})", R"({"ab":null,"a":1})", R"({"ab":null,"abc":"x","abcd":1,"":2})",
              R"({"ab":null,"b":1,"é":2})"},
             {R"({"ab":1})", R"({"ab":null,"abc":"x","ab":1})", R"({"ab":null,"x":"y"})",
              R"({"ab":null,"\u0061b":1})", R"({"a":1,"ab":null})"});
}

TEST(JsonSchema, Arrays) {
  expect_all(R"({"type":"array"})", {"[]", "[1, \"a\", []]"}, {"[,]", "[1,]"});
  expect_all(R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
             {"[1]", "[1, 2]", "[\n 1,\n 2,\n 3\n]"}, {"[]", "[1,2,3,4]", "[true]"});
  expect_all(R"({"type":"array","items":{"type":"integer"},"minItems":3})",
             {"[1,2,3]", "[1,2,3,4]"}, {"[1,2]"});
  expect_all(R"({"type":"array","items":{},"maxItems":0})", {"[]"}, {"[1]"});
  expect_all(R"({"prefixItems":[{"type":"integer"},{"type":"null"}]})", {"[]", "[1]", "[1,null]"},
             {"[null]", "[1,null,1]"});
  expect_all(R"({"prefixItems":[{"type":"integer"},{"type":"null"}],"items":{"type":"boolean"},
                 "minItems":1,"maxItems":3})",
             {"[1]", "[1,null]", "[1,null,true]"}, {"[]", "[1,true]", "[1,null,true,true]"});
  expect_all(R"({"prefixItems":[{},{},{}],"maxItems":2})", {"[]", "[1,2]"}, {"[1,2,3]"});
  expect_all(R"({"prefixItems":[{}],"items":{},"minItems":3})", {"[1,2,3]", "[1,2,3,4]"},
             {"[1,2]"});
}

TEST(JsonSchema, ListsAndAlternatives) {
  expect_all(R"({"enum":["a\"b",1,1.5,null,{"x":[true]}]})",
             {R"("a\"b")", "1", "1.5", "null", R"({"x":[true]})"}, {"2", R"("a")", "1.5E0"});
  expect_all(R"({"const":"x"})", {R"("x")"}, {R"("y")"});
  expect_all(R"({"type":"integer","enum":[1,"a",2]})", {"1", "2"}, {R"("a")"});
  expect_all(R"({"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"null"}}]})",
             {"1", "[null]"}, {"[1]", "null"});
  expect_all(R"({"oneOf":[{"const":1},{"const":2}]})", {"1", "2"}, {"3"});
}

TEST(JsonSchema, AllOfOfObjects) {
  expect_all(R"({"$defs":{"named":{"properties":{"n":{"type":"null"}},"required":["n"]}},
                 "allOf":[{"$ref":"#/$defs/named"},{"properties":{"m":{"type":"integer"}}}],
                 "properties":{"a":{"type":"boolean"}},"required":["m"]})",
             {R"({"n":null,"m":1})", R"({"a":true,"n":null,"m":1})"},
             {R"({"m":1})", R"({"n":null})"});
  expect_all(R"({"$defs":{"e":{"enum":["x"]}},"allOf":[{"$ref":"#/$defs/e"}],"title":"t"})",
             {R"("x")"}, {"{}"});
  EXPECT_NE(schema_error(R"({"allOf":[{"properties":{"a":{}}},{"properties":{"a":{}}}]})")
                .find("#/allOf/1/properties/a: expected each property in one part"),
            std::string::npos);
  EXPECT_NE(
      schema_error(R"({"$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"},{}]}},"$ref":"#/$defs/a"})")
          .find("circle"),
      std::string::npos);
}

TEST(JsonSchema, References) {
  expect_all(R"({"type":"object","properties":{"v":{"type":"integer"},
                 "next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["v","next"]})",
             {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
             {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
  expect_all(R"({"definitions":{"a/b":{"type":"null"}},"$ref":"#/definitions/a~1b"})", {"null"},
             {"1"});
  EXPECT_EQ(schema_error(R"({"$ref":"#/$defs/x"})"),
            "s: #/$ref: expected a place that is there, found '#/$defs/x'");
  EXPECT_NE(schema_error(R"({"$ref":"http://x"})").find("a place in this schema"),
            std::string::npos);
  EXPECT_NE(schema_error(R"({"$ref":"#"})").find("left recursion"), std::string::npos);
  EXPECT_NE(schema_error(R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})")
                .find("expected a way to end"),
            std::string::npos);
}

TEST(JsonSchema, WhatIsNotSupportedIsNamed) {
  EXPECT_EQ(schema_error(R"({"properties":{"a":{"type":"object","patternProperties":{}}}})"),
            "s: #/properties/a: expected only supported keywords, found 'patternProperties'");
  EXPECT_EQ(schema_error(R"({"type":"number","minimum":1})"),
            "s: #: expected only supported keywords, found 'minimum'");
  for (const char* schema :
       {R"({"not":{}})", R"({"if":{}})", R"({"type":"integer","multipleOf":2})",
        R"({"type":"array","uniqueItems":true})", R"({"type":"array","contains":{}})",
        R"({"type":"object","minProperties":1})",
        R"({"$ref":"#/$defs/a","type":"string","$defs":{"a":{}}})",
        R"({"anyOf":[{}],"properties":{}})"}) {
    EXPECT_NE(schema_error(schema).find("supported keywords"), std::string::npos) << schema;
  }
  EXPECT_EQ(schema_error("false"),
            "s: #: expected a schema that something is valid under, found false");
  EXPECT_EQ(schema_error("[]"), "s: #: expected a schema (an object), found an array");
  EXPECT_EQ(schema_error(R"({"type":"text"})"),
            "s: #/type: expected a type of JSON Schema, found 'text'");
  EXPECT_EQ(schema_error(R"({"properties":{"a":{}},"required":["b"]})"),
            "s: #/required: expected only names of properties, found 'b'");
  EXPECT_EQ(schema_error(R"({"type":"string","minLength":-1})"),
            "s: #/minLength: expected a whole number from 0 to 32768, found -1");
  EXPECT_NE(schema_error("{\"a\":").find("s: line 1"), std::string::npos);
}

TEST(JsonSchema, AnyObjectAndItsDepth) {
  const auto g = compile_schema(R"({"type":"object"})");
  EXPECT_TRUE(matches(g, R"({"a": [1, {"b": null}], "c": "d"})"));
  EXPECT_FALSE(matches(g, "[1]"));
  Matcher matcher(g);
  EXPECT_TRUE(matcher.accept(R"({"a":)"));
  int depth = 1;
  while (matcher.accept("[")) ++depth;
  EXPECT_EQ(depth, 64);  // what json_file.h reads
  for (int i = 1; i < depth; ++i) EXPECT_TRUE(matcher.accept("]"));
  EXPECT_TRUE(matcher.accept("}"));
  EXPECT_TRUE(matcher.can_end());
}

// Nested schemas must not double in size by level.
TEST(JsonSchema, SizeIsLinear) {
  std::string schema = R"({"type":"integer"})";
  for (int i = 0; i < 30; ++i) schema = R"({"properties":{"a":)" + schema + "}}";
  EXPECT_LT(compile_schema(schema)->n_states(), 2000u);
}

// Each schema is small, and what it would unfold to is not.
TEST(JsonSchema, RefusesSchemasThatMultiply) {
  const auto parts_of_parts = [](int levels, int fan_out, const std::string& leaf) {
    std::string text = R"({"allOf":[{"$ref":"#/$defs/d0"}],"$defs":{)";
    for (int level = 0; level < levels; ++level) {
      text += "\"d" + std::to_string(level) + R"(":{"allOf":[)";
      for (int i = 0; i < fan_out; ++i) {
        text += (i == 0 ? "" : ",") + std::string(R"({"$ref":"#/$defs/d)") +
                std::to_string(level + 1) + "\"}";
      }
      text += "]},";
    }
    return text + "\"d" + std::to_string(levels) + "\":" + leaf + "}}";
  };
  EXPECT_NE(schema_error(parts_of_parts(14, 16, "{}")).find("expected at most 256 parts of allOf"),
            std::string::npos);
  EXPECT_NE(schema_error(parts_of_parts(4, 60, R"({"required":["x"]})")).find("parts of allOf"),
            std::string::npos);
  // A name of 64 KiB in the path of each of 2,000 rules: the rules' names stay short.
  std::string text = R"({"properties":{")" + std::string(64 << 10, 'n') + R"(":{"prefixItems":[)";
  for (int i = 0; i < 2000; ++i) text += (i == 0 ? "" : ",") + std::string(R"({"type":"array"})");
  const Grammar grammar = parse_json_schema(text + "]}}}", "test");
  std::size_t bytes = 0;
  for (const auto& rule : grammar.rules()) bytes += rule.name.size();
  EXPECT_LT(bytes, std::size_t{4} << 20);
}

}  // namespace
}  // namespace onebit
