#include "grammar/gbnf.h"

#include <gtest/gtest.h>

#include "grammar/test_grammar.h"
#include "text/utf8.h"

namespace onebit {
namespace {

TEST(Gbnf, LiteralsClassesAndEscapes) {
  const auto g = compile_gbnf(R"(root ::= "a\"\\\n\x41\u00e9\U0001F600" [^a-c\]\n] . [x\-])");
  EXPECT_TRUE(matches(g,
                      "a\"\\\nA\xc3\xa9\xf0\x9f\x98\x80"
                      "dz-"));
  EXPECT_TRUE(matches(g,
                      "a\"\\\nA\xc3\xa9\xf0\x9f\x98\x80"
                      "\xe2\x82\xac\n-"));
  EXPECT_FALSE(matches(g,
                       "a\"\\\nA\xc3\xa9\xf0\x9f\x98\x80"
                       "bz-"));
  EXPECT_FALSE(matches(g,
                       "a\"\\\nA\xc3\xa9\xf0\x9f\x98\x80"
                       "d\xff-"));
  EXPECT_FALSE(matches(g,
                       "a\"\\\nA\xc3\xa9\xf0\x9f\x98\x80"
                       "dzy"));
}

TEST(Gbnf, CharactersAreUtf8) {
  const auto g = compile_gbnf("root ::= [^x]");
  for (const char32_t c : {U'a', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xd7ff', U'\xe000',
                           U'\xffff', U'\x10000', U'\x10ffff'}) {
    std::string text;
    append_utf8(text, c);
    EXPECT_TRUE(matches(g, text)) << static_cast<uint32_t>(c);
    EXPECT_FALSE(matches(g, text.substr(1))) << static_cast<uint32_t>(c);
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8", "x"}) {
    EXPECT_FALSE(matches(g, bad)) << bad;
  }
}

TEST(Gbnf, GroupsAlternativesAndRepeats) {
  const auto g = compile_gbnf(
      "# a comment\n"
      "root ::=\n"
      "  (a | \"b\" \"c\"?  # another\n"
      "    | \"d\"{2}) end\n"
      "a ::= \"a\"+ | \n"
      "  \"e\"{1,3}\n"
      "  | \"f\"{2,}\n\n"
      "end ::= \".\"*");
  for (const char* good : {"a", "aaa..", "b", "bc.", "dd", "e", "eee", "ff", "fffff."}) {
    EXPECT_TRUE(matches(g, good)) << good;
  }
  for (const char* bad : {"", "d", "ddd", "eeee", "f", "bcc", "ab", "."}) {
    EXPECT_FALSE(matches(g, bad)) << bad;
  }
}

TEST(Gbnf, RecursionNests) {
  const auto g = compile_gbnf(R"g(
    root ::= sum
    sum ::= product ([-+] product)*
    product ::= factor ([*/] factor)*
    factor ::= [0-9]+ | "(" sum ")")g");
  EXPECT_TRUE(matches(g, "1+(2*(3-4))/5"));
  EXPECT_FALSE(matches(g, "1+(2*(3-4)/5"));
  EXPECT_FALSE(matches(g, "1+"));
  EXPECT_FALSE(matches(g, "1)"));
  const std::string deep(60, '(');
  EXPECT_TRUE(matches(g, deep + "1" + std::string(60, ')')));
  EXPECT_FALSE(matches(g, deep + "1" + std::string(61, ')')));
}

// Texts deeper than the stack may grow end in time: no text that was begun is lost.
TEST(Gbnf, DepthIsLimitedWhereTextsCanStillEnd) {
  const auto g = compile_gbnf("root ::= \"(\" root \")\" \".\" | \"x\"");
  Matcher matcher(g);
  int depth = 0;
  while (matcher.accept("(")) ++depth;
  EXPECT_EQ(depth, g->max_depth());
  EXPECT_TRUE(matcher.accept("x"));
  for (int i = 0; i < depth; ++i) EXPECT_TRUE(matcher.accept(").")) << i;
  EXPECT_TRUE(matcher.can_end());
  EXPECT_TRUE(matcher.must_end());
}

TEST(Gbnf, NullableRulesAnywhere) {
  const auto g = compile_gbnf(R"(
    root ::= ws item ws (ws "," ws item)* ws
    item ::= ws? word
    word ::= [a-z]+ ws
    ws ::= " "*)");
  EXPECT_TRUE(matches(g, "a"));
  EXPECT_TRUE(matches(g, "  a  ,  b,c "));
  EXPECT_FALSE(matches(g, "a,,b"));
  EXPECT_TRUE(matches(compile_gbnf("root ::= a b\na ::= \"x\"?\nb ::= a a"), ""));
  EXPECT_TRUE(matches(compile_gbnf("root ::= \"\""), ""));
}

TEST(Gbnf, AmbiguityIsFollowedAllWays) {
  const auto g = compile_gbnf("root ::= pal\npal ::= \"a\" pal \"a\" | \"b\" pal \"b\" | [ab]?");
  for (const char* good : {"", "a", "aba", "abba", "aabaa", "abaaba"}) {
    EXPECT_TRUE(matches(g, good)) << good;
  }
  for (const char* bad : {"ab", "aab", "abab"}) EXPECT_FALSE(matches(g, bad)) << bad;
}

// Its deterministic automaton has 2^20 states: it is followed without one.
TEST(Gbnf, WhatDeterminismWouldBlowUp) {
  const auto g = compile_gbnf("root ::= [ab]* \"a\" [ab]{20}");
  EXPECT_LT(g->n_states(), 200u);
  EXPECT_TRUE(matches(g, "bbabbbbbbbbbbbbbbbbbbbb"));
  EXPECT_FALSE(matches(g, "bbbbbbbbbbbbbbbbbbbbbbb"));
}

TEST(Gbnf, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(gbnf_error("root = \"a\""), "g: line 1, column 6: expected '::=', found '='");
  EXPECT_EQ(gbnf_error("root ::= \"a\"\nx ::= \"a\nb\""),
            "g: line 2, column 7: expected a closing '\"', found the end of the line");
  EXPECT_EQ(gbnf_error("root ::= a"),
            "g: line 1, column 10: expected the name of a rule, found 'a'");
  EXPECT_EQ(gbnf_error("a ::= \"x\""), "g: line 1, column 10: expected a rule 'root', found none");
  EXPECT_EQ(gbnf_error(""), "g: line 1, column 1: expected a rule 'root', found none");
  EXPECT_EQ(gbnf_error("root ::= \"a\"\nroot ::= \"b\""),
            "g: line 2, column 1: expected a new rule, found a second 'root'");
  EXPECT_EQ(gbnf_error("root ::= (\"a\""), "g: line 1, column 14: expected ')', found the end");
  EXPECT_EQ(gbnf_error("root ::= [b-a]"),
            "g: line 1, column 11: expected a range that ascends, found 'b-a]'");
  EXPECT_EQ(gbnf_error("root ::= []"),
            "g: line 1, column 10: expected a class of characters, found an empty one");
  EXPECT_EQ(gbnf_error("root ::= \"\\q\""),
            "g: line 1, column 12: expected an escape: one of nrtxuU\\\"[]-^, found 'q'");
  EXPECT_EQ(gbnf_error("root ::= \"\\ud800\""),
            "g: line 1, column 11: expected a character of Unicode, found '\\ud800'");
  EXPECT_EQ(gbnf_error("root ::= \"a\"{3,2}"),
            "g: line 1, column 17: expected at least 3 repetitions, found 2");
  EXPECT_EQ(gbnf_error("root ::= \"a\"{99999999999}"),
            "g: line 1, column 14: expected at most 32768 repetitions, found more");
  EXPECT_EQ(gbnf_error("root ::= \"\xff\""), "g: line 1, column 11: expected UTF-8, found '\\xff'");
  EXPECT_EQ(gbnf_error("root ::= \"a\" )"),
            "g: line 1, column 14: expected the end of the rule, found ')'");
  EXPECT_EQ(gbnf_error("root ::= *"),
            "g: line 1, column 10: expected a literal, class, group or name of a rule, found '*'");
}

TEST(Gbnf, WhatCannotWorkIsRefusedByName) {
  EXPECT_EQ(gbnf_error("root ::= expr\nexpr ::= expr \"+\" | \"1\""),
            "grammar: rule 'expr': expected a character before the rule calls itself, found left "
            "recursion");
  EXPECT_NE(gbnf_error("root ::= a\na ::= ws b\nb ::= a? \"x\"\nws ::= \" \"?").find("recursion"),
            std::string::npos);
  EXPECT_EQ(gbnf_error("root ::= \"a\" | b\nb ::= \"b\" b"),
            "grammar: rule 'b': expected a way to end, found none");
}

TEST(Gbnf, HostileSizesAreRefused) {
  EXPECT_NE(gbnf_error("root ::= " + std::string(60000, '(')).find("at most 64 nested groups"),
            std::string::npos);
  EXPECT_NE(gbnf_error("root ::= \"a\"" + std::string(60000, '*')).find("nested expressions"),
            std::string::npos);
  EXPECT_NE(gbnf_error("root ::= ((\"a\"{30000}){30000}){30000}").find("at most 65536 states"),
            std::string::npos);
  EXPECT_NE(gbnf_error("root ::= (\"a\"?){30000}").find("at most"), std::string::npos);
  EXPECT_NE(gbnf_error(std::string(70000, ' ')).find("at most 65536 bytes"), std::string::npos);
  std::string rows = "root ::= r0\n";  // rules that begin with each other, in a long row
  for (int i = 0; i < 3000; ++i) {
    rows += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "\n";
  }
  EXPECT_EQ(gbnf_error(rows + "r3000 ::= \"a\"\n"), "accepted");
  EXPECT_NE(gbnf_error(rows + "r3000 ::= r0\n").find("left recursion"), std::string::npos);
}

}  // namespace
}  // namespace onebit
