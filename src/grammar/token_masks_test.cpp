#include "grammar/token_masks.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "grammar/test_grammar.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

// All bytes, pieces of JSON, digits, words, parts of characters, two tokens of the same bytes, an
// end and another control token.
Tokenizer make_tokenizer(VocabModel model = VocabModel::kBpe) {
  std::vector<std::string> texts;
  for (int b = 0; b < 256; ++b) texts.emplace_back(1, static_cast<char>(b));
  for (const char* text : {"{\"",
                           "\":",
                           "\": ",
                           "\",",
                           "\", \"",
                           "\"}",
                           "}}",
                           "]}",
                           "],",
                           "[[",
                           "[{\"",
                           "[\"",
                           "\"]",
                           "\\\"",
                           "\\u",
                           "\\n",
                           "\\ud8",
                           "true",
                           "false",
                           "null",
                           " null",
                           "nul",
                           "1",
                           "12",
                           "123",
                           "0.",
                           "-1",
                           "e+",
                           ",1",
                           "1,",
                           "1}",
                           "1]",
                           " ",
                           "  ",
                           "\n ",
                           "\n  ",
                           " {",
                           " \"",
                           "a",
                           "name",
                           "na",
                           "name\":",
                           " the",
                           "the\"",
                           "\"the",
                           "x\"}",
                           "\xc3\xa9",
                           "\xc3\xa9\"",
                           "\xf0\x9f",
                           "\x98\x80",
                           "\x80\"",
                           "((",
                           "))",
                           "(1",
                           "+(",
                           ")*(",
                           "1+1",
                           "+1)",
                           " 1 + 2",
                           "\"\"",
                           "\"\":",
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                           "the name the name the name the name\"",
                           "                          "}) {
    texts.emplace_back(text);
  }
  Vocab vocab;
  vocab.model = model;
  for (const std::string& text : texts) {
    const bool is_byte = vocab.tokens.size() < 256;
    std::string token = text;
    if (model == VocabModel::kBpe) {
      token = to_byte_alphabet(text);
    } else if (is_byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned char>(text[0]));
      token = name;
    } else {
      for (std::size_t at; (at = token.find(' ')) != std::string::npos;) {
        token.replace(at, 1, "\xe2\x96\x81");
      }
    }
    if (utf8_valid_prefix(token) < token.size()) continue;
    if (std::ranges::find(vocab.tokens, token) != vocab.tokens.end()) continue;
    vocab.types.push_back(static_cast<int32_t>(
        model == VocabModel::kSpm && is_byte ? TokenType::kByte : TokenType::kNormal));
    vocab.tokens.push_back(token);
  }
  const auto add = [&](const char* text, TokenType type) {
    vocab.tokens.emplace_back(text);
    vocab.types.push_back(static_cast<int32_t>(type));
  };
  add("{\"a", TokenType::kUserDefined);
  add("<|start|>", TokenType::kControl);
  add("<|im_end|>", TokenType::kControl);
  vocab.eos_id = static_cast<int32_t>(vocab.tokens.size()) - 1;
  if (model == VocabModel::kSpm) vocab.scores.assign(vocab.tokens.size(), 0);
  return Tokenizer(std::move(vocab));
}

bool has(std::span<const uint64_t> mask, int32_t id) {
  return (mask[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) != 0;
}

// The mask of `text` token by token.
void expect_brute_force(const ConstrainedText& text, std::span<const uint64_t> mask,
                        const Tokenizer& tokenizer, const std::string& so_far) {
  for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) {
    ConstrainedText copy(text);
    ASSERT_EQ(has(mask, id), copy.accept(id))
        << "token " << id << " " << quote(tokenizer.token_bytes(id, true)) << " after "
        << quote(so_far, 400);
  }
}

const char* const kSchema =
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":6},
  "n":{"type":"integer","minimum":-3,"maximum":123},"list":{"type":"array","items":{"$ref":"#"}},
  "any":{},"e":{"enum":["the","name",1,null]}},"required":["n"],
  "additionalProperties":{"type":"boolean"}})";
const char* const kArithmetic = R"g(root ::= sum
sum ::= product (" "? [-+] " "? product)*
product ::= factor ([*/] factor)*
factor ::= [0-9]+ ("." [0-9]+)? | "(" sum ")")g";
const char* const kAmbiguous = R"g(root ::= x{0,40}
x ::= "a" | "a" x "n" | [0-9] x? "1" | "na" | y
y ::= "(" y? ")" | "((" "1"* ))" | "{\"" [^"]* "\"}")g";

std::vector<std::pair<std::string, std::shared_ptr<const Automaton>>> grammars() {
  return {{"schema", compile_schema(kSchema)},
          {"object", compile_schema(R"({"type":"object"})")},
          {"arithmetic", compile_gbnf(kArithmetic)},
          {"ambiguous",
           compile_gbnf(std::string(kAmbiguous, std::string_view(kAmbiguous).find("| \"((\"")) +
                        "| \"{\\\"\" [^\"]* \"\\\"}\"")},
          {"lengths", compile_schema(R"({"type":"array","items":{"type":"string","minLength":3,
                       "maxLength":60},"minItems":2,"maxItems":70})")},
          {"text", compile_gbnf("root ::= [^\\x00-\\x1f]* \"\\n \"?")}};
}

// Random texts, token by token out of the masks: every mask is what trying each token gives, and
// no mask is empty before the text is complete.
TEST(TokenMasks, EqualBruteForceOnTheWay) {
  for (const VocabModel model : {VocabModel::kBpe, VocabModel::kSpm}) {
    const Tokenizer tokenizer = make_tokenizer(model);
    const auto trie = std::make_shared<const TokenTrie>(tokenizer);
    for (const auto& [name, automaton] : grammars()) {
      const auto masks = std::make_shared<const TokenMasks>(automaton, trie);
      for (uint64_t seed = 0; seed < 12; ++seed) {
        SCOPED_TRACE(name + " seed " + std::to_string(seed));
        Rng rng(seed);
        ConstrainedText text(masks, seed % 2 == 0);
        std::string so_far;
        bool at_start = seed % 2 == 0;
        for (int step = 0; step < 40; ++step) {
          const auto span = text.mask();
          const std::vector<uint64_t> mask(span.begin(), span.end());
          expect_brute_force(text, mask, tokenizer, so_far);
          if (HasFatalFailure()) return;
          std::vector<int32_t> allowed;
          for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) {
            if (has(mask, id)) allowed.push_back(id);
          }
          ASSERT_FALSE(allowed.empty()) << quote(so_far, 400);
          // Long tokens more often: they cross rules.
          int32_t next = allowed[rng.below(allowed.size())];
          for (int i = 0; i < 3; ++i) {
            const int32_t other = allowed[rng.below(allowed.size())];
            if (tokenizer.token_bytes(other).size() > tokenizer.token_bytes(next).size())
              next = other;
          }
          if (tokenizer.is_stop(next)) break;
          ASSERT_TRUE(text.accept(next));
          so_far += tokenizer.decode_next(next, at_start);
        }
      }
    }
  }
}

// Near the greatest depth a state cannot do all that it could with an empty stack.
TEST(TokenMasks, EqualBruteForceInTheDepths) {
  const Tokenizer tokenizer = make_tokenizer();
  const auto trie = std::make_shared<const TokenTrie>(tokenizer);
  for (const auto& [name, automaton] : grammars()) {
    const char* opening = name == "object" ? "[" : name == "arithmetic" ? "(" : nullptr;
    if (opening == nullptr) continue;
    const auto masks = std::make_shared<const TokenMasks>(automaton, trie);
    ConstrainedText text(masks);
    std::string so_far;
    const auto push = [&](std::string_view bytes) {
      for (int32_t id = 0; id < 256; ++id) {
        if (tokenizer.token_bytes(id) == bytes) {
          if (!text.accept(id)) return false;
          so_far += bytes;
          return true;
        }
      }
      return false;
    };
    if (name == "object") {
      for (const char* b : {"{", "\"", "\"", ":"}) ASSERT_TRUE(push(b));
    }
    int depth = 0;
    for (; push(opening); ++depth) {
      const std::vector<uint64_t> mask(text.mask().begin(), text.mask().end());
      if (depth > 45) expect_brute_force(text, mask, tokenizer, so_far);
      if (HasFatalFailure()) return;
    }
    EXPECT_GT(depth, 60);
  }
}

// Masks are shared by the lengths of a string, until the end is near.
TEST(TokenMasks, LengthsShareMasks) {
  const Tokenizer tokenizer = make_tokenizer();
  const auto masks =
      std::make_shared<const TokenMasks>(compile_schema(R"({"type":"string","maxLength":300})"),
                                         std::make_shared<const TokenTrie>(tokenizer));
  ConstrainedText text(masks);
  ASSERT_TRUE(text.accept('"'));
  text.mask();
  std::size_t n_alike = 0;
  const auto& automaton = *masks->automaton();
  for (uint32_t s = 0; s < automaton.n_states(); ++s) n_alike += automaton.alike(s) != s ? 1 : 0;
  EXPECT_GT(n_alike, 250u);
  for (int i = 0; i < 299; ++i) {
    const std::vector<uint64_t> mask(text.mask().begin(), text.mask().end());
    if (i > 265)
      expect_brute_force(text, mask, tokenizer, std::string(static_cast<std::size_t>(i), 'a'));
    if (HasFatalFailure()) return;
    ASSERT_TRUE(text.accept('a'));
  }
}

TEST(TokenMasks, StopTokensWhereTheTextMayEnd) {
  const Tokenizer tokenizer = make_tokenizer();
  const auto masks = std::make_shared<const TokenMasks>(
      compile_gbnf("root ::= \"1\" \"2\"?"), std::make_shared<const TokenTrie>(tokenizer));
  const int32_t end = tokenizer.vocab().eos_id;
  ConstrainedText text(masks);
  EXPECT_FALSE(has(text.mask(), end));
  EXPECT_FALSE(text.accept(end));
  EXPECT_TRUE(text.accept('1'));
  EXPECT_TRUE(has(text.mask(), end));
  EXPECT_TRUE(text.can_end());
  EXPECT_FALSE(text.must_end());
  EXPECT_TRUE(text.accept('2'));
  EXPECT_TRUE(text.must_end());
  for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) EXPECT_EQ(has(text.mask(), id), id == end);
}

TEST(TokenMasks, TheCacheKeepsItsLimitAndChangesNothing) {
  const Tokenizer tokenizer = make_tokenizer();
  const auto trie = std::make_shared<const TokenTrie>(tokenizer);
  const auto automaton = compile_schema(kSchema);
  const auto large = std::make_shared<const TokenMasks>(automaton, trie);
  const auto small = std::make_shared<const TokenMasks>(automaton, trie, 2000);
  const auto none = std::make_shared<const TokenMasks>(automaton, trie, 0);
  ConstrainedText a(large);
  ConstrainedText b(small);
  ConstrainedText c(none);
  for (const char byte :
       std::string(R"({"name":"abc","n":12,"list":[{"n":1},{"n":2}],"x":true})")) {
    const std::vector<uint64_t> mask(a.mask().begin(), a.mask().end());
    EXPECT_TRUE(std::ranges::equal(mask, b.mask()));
    EXPECT_TRUE(std::ranges::equal(mask, c.mask()));
    EXPECT_LE(small->cached_bytes(), 2000);
    EXPECT_EQ(none->cached_bytes(), 0);
    for (ConstrainedText* text : {&a, &b, &c})
      ASSERT_TRUE(text->accept(static_cast<uint8_t>(byte)));
  }
  EXPECT_GT(large->cached_bytes(), 2000);
  EXPECT_TRUE(a.can_end());
}

std::vector<int32_t> allowed_by(std::span<const uint64_t> mask, const Tokenizer& tokenizer) {
  std::vector<int32_t> allowed;
  for (int32_t id = 0; id < tokenizer.n_vocab(); ++id) {
    if (has(mask, id)) allowed.push_back(id);
  }
  return allowed;
}

// 200 rules with three ways each: of 600 ways the last ones are forgotten, and only these allow
// some tokens.
std::string more_ways_than_are_followed() {
  std::string text = "root ::= s0";
  for (int i = 1; i < 200; ++i) text += " | s" + std::to_string(i);
  for (int i = 0; i < 200; ++i) {
    const std::string n = std::to_string(i);
    text += "\ns" + n + " ::= \"=\" (t0 | t1 | t2) " + (i < 120 ? "[a-m]" : "[n-z]") +
            " [ -~]* \"" + n + "\"";
  }
  for (const char* k : {"0", "1", "2"}) {
    text += "\nt" + std::string(k) + " ::= [a-z] ([0-9] \"" + k + "\")?";
  }
  return text;
}

// Grammars with more ways than are followed: masks may lack tokens, and what they allow is taken.
TEST(TokenMasks, WhatAMaskAllowsIsTaken) {
  const Tokenizer tokenizer = make_tokenizer();
  const auto trie = std::make_shared<const TokenTrie>(tokenizer);
  std::vector<std::shared_ptr<const Automaton>> automata = {
      compile_gbnf(more_ways_than_are_followed()), grammars()[3].second,
      compile_gbnf("root ::= a a a a a a\na ::= b b b b b\nb ::= c* c* c*\n"
                   "c ::= \"1\" b \"1\"? | [0-9]")};
  for (std::size_t i = 0; i < automata.size(); ++i) {
    const auto masks = std::make_shared<const TokenMasks>(automata[i], trie);
    std::size_t longest = 0;
    for (uint64_t seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE(std::to_string(i) + " seed " + std::to_string(seed));
      Rng rng(seed);
      ConstrainedText text(masks);
      try {
        for (std::size_t step = 0; step < 10; ++step) {
          const auto allowed = allowed_by(text.mask(), tokenizer);
          ASSERT_FALSE(allowed.empty());
          for (const int32_t id : allowed) {
            ASSERT_TRUE(ConstrainedText(text).accept(id))
                << quote(tokenizer.token_bytes(id, true)) << " in step " << step;
          }
          longest = std::max(longest, step);
          const int32_t next = allowed[rng.below(allowed.size())];
          if (tokenizer.is_stop(next)) break;
          ASSERT_TRUE(text.accept(next));
        }
      } catch (const Error& error) {  // more work than one mask may take
        EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
        EXPECT_EQ(std::string(error.what()).find("grammar: expected "), 0u);
      }
    }
    EXPECT_GT(longest, 1u);
  }
}

// All of 17,576 words through each of 250 ways: refused, the same with masks in the cache.
TEST(TokenMasks, WorkOfAMaskIsBounded) {
  Vocab vocab;
  const auto add = [&](const std::string& text) {
    vocab.tokens.push_back(to_byte_alphabet(text));
    vocab.types.push_back(static_cast<int32_t>(TokenType::kNormal));
  };
  for (int b = 0; b < 256; ++b) add(std::string(1, static_cast<char>(b)));
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) {
      for (char c = 'a'; c <= 'z'; ++c) add({a, b, c});
    }
  }
  const Tokenizer tokenizer(std::move(vocab));
  const auto trie = std::make_shared<const TokenTrie>(tokenizer);
  std::string gbnf = "root ::= r0";
  for (int i = 1; i < 250; ++i) gbnf += " | r" + std::to_string(i);
  for (int i = 0; i < 250; ++i) {
    gbnf += "\nr" + std::to_string(i) + " ::= \"=\" s" + std::to_string(i);
    gbnf += "\ns" + std::to_string(i) + " ::= \";\"";
    for (int k = 0; k < 8; ++k) {
      const auto letter = [&](int n) { return std::string(1, static_cast<char>('a' + n)); };
      gbnf += " | [" + letter(3 * k) + "-" + letter(3 * k + 2) + "] s" +
              std::to_string((i * 7 + k * 31) % 250) + " \"" + std::to_string(k) + "\"";
    }
  }
  const auto masks = std::make_shared<const TokenMasks>(compile_gbnf(gbnf), trie);
  for (int round = 0; round < 3; ++round) {
    ConstrainedText text(masks);
    text.mask();
    ASSERT_TRUE(text.accept('='));
    EXPECT_EQ(message_of([&] { text.mask(); }),
              "grammar: expected as few ways to read the text as are followed in bounded time, "
              "found more");
  }
}

TEST(TokenTrie, HoldsEveryTokenOnce) {
  const Tokenizer tokenizer = make_tokenizer();
  const TokenTrie trie(tokenizer);
  std::string path;
  std::vector<bool> seen(static_cast<std::size_t>(tokenizer.n_vocab()));
  for (uint32_t node = 0; node < trie.size(); ++node) {
    path.resize(trie[node].depth - 1u);
    path += static_cast<char>(trie[node].byte);
    EXPECT_GT(trie[node].end, node);
    EXPECT_LE(trie[node].end, trie.size());
    for (const int32_t id : trie.tokens(node)) {
      EXPECT_EQ(tokenizer.token_bytes(id), path);
      EXPECT_FALSE(seen[static_cast<std::size_t>(id)]);
      seen[static_cast<std::size_t>(id)] = true;
    }
  }
  EXPECT_EQ(std::ranges::count(seen, false), 2);  // the control tokens
  EXPECT_EQ(trie.stop_tokens().size(), 1u);
}

}  // namespace
}  // namespace onebit
