// Masks of tokens under a grammar, at a vocabulary of 128,256 made-up tokens whose lengths and
// kinds are like Llama 3's: microseconds a token, over a document written token by token.
//
//   grammar_bench [--benchmark_filter=Masks]
//
// Cold: nothing known of the grammar (its first document). Warm: what a server has after that.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "grammar/gbnf.h"
#include "grammar/json_schema.h"
#include "grammar/token_masks.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace onebit {
namespace {

class Words {
 public:
  std::string latin() {
    static const char* const kSyllables[] = {
        "an", "er", "in",  "tion", "re", "st",  "con", "al", "ly", "pro", "ing", "de",
        "ma", "ve", "ter", "s",    "ed", "com", "pos", "i",  "o",  "get", "un",  "ation"};
    std::string word;
    for (uint64_t n = 1 + rng_.below(3) + rng_.below(2); n-- > 0;)
      word += kSyllables[rng_.below(24)];
    if (rng_.below(4) == 0) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    return word;
  }
  std::string foreign() {
    static const std::pair<char32_t, uint64_t> kScripts[] = {
        {0x430, 32}, {0x4e00, 4000}, {0xac00, 3000}, {0x627, 36},
        {0x3b1, 25}, {0xe0, 31},     {0x905, 50}};
    const auto [first, n] = kScripts[rng_.below(7)];
    std::string word;
    for (uint64_t i = 1 + rng_.below(n > 100 ? 2 : 6); i-- > 0;) {
      append_utf8(word, first + static_cast<char32_t>(rng_.below(n)));
    }
    return word;
  }
  std::string signs() {
    static const std::string kSigns = "\"\"\"''(){}[]<>=,,.:;;/\\-+*!?&|#$%@_\n\n\t  ";
    std::string text;
    for (uint64_t n = 1 + rng_.below(4); n-- > 0;) text += kSigns[rng_.below(kSigns.size())];
    return text;
  }
  std::string any() {
    switch (rng_.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return foreign();
      case 4:
        return " " + foreign();
      case 5:
        return signs();
      case 6:
        return signs() + latin();  // ".get", "\"name", "(x"
      case 7:
        return latin() + signs();
      case 8: {  // an end of a character
        const std::string word = foreign();
        return word.substr(0, word.size() - 1);
      }
      case 9:
      case 10:
      case 11:
        return latin();
      default:
        return " " + latin();
    }
  }

 private:
  Rng rng_{1};
};

const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    constexpr std::size_t kTexts = 128000;
    Vocab vocab;
    std::set<std::string> known;
    const auto add = [&](const std::string& text) {
      if (text.empty() || vocab.tokens.size() == kTexts || !known.insert(text).second) return;
      vocab.tokens.push_back(to_byte_alphabet(text));
      vocab.types.push_back(static_cast<int32_t>(TokenType::kNormal));
    };
    for (int b = 0; b < 256; ++b) add(std::string(1, static_cast<char>(b)));
    for (int i = 0; i < 1000; ++i) add(std::to_string(i));
    for (int i = 0; i < 1000; ++i) add(std::to_string(1000 + i).substr(1));
    for (std::size_t n = 1; n <= 128; ++n) {
      add(std::string(n, ' '));
      if (n < 32) add("\n" + std::string(n, ' '));
      if (n < 24) add(std::string(n, '\n')), add(std::string(n, '\t'));
      if (n % 8 == 0) add(std::string(n, '-')), add(std::string(n, '='));
    }
    for (const char* text :
         {"{\"", "\":", "\":\"", "\",\"", "\"}", "\"},", "\":{\"", "[{\"", "\":[", "true", "false",
          "null", "\"}\n", "\"\n", "\",\n", "],", "]}", "}}"}) {
      add(text);
    }
    for (Words words; vocab.tokens.size() < kTexts;) add(words.any());
    for (int i = 0; i < 256; ++i) {
      vocab.tokens.push_back("<|reserved_" + std::to_string(i) + "|>");
      vocab.types.push_back(static_cast<int32_t>(TokenType::kControl));
    }
    vocab.eos_id = static_cast<int32_t>(kTexts) + 1;
    return Tokenizer(std::move(vocab));
  }();
  return made;
}

const std::shared_ptr<const TokenTrie>& trie() {
  static const auto made = std::make_shared<const TokenTrie>(tokenizer());
  return made;
}

// The longest token first, as merges mostly end.
std::vector<int32_t> tokens_of(const std::string& text) {
  std::vector<int32_t> ids;
  for (std::size_t at = 0; at < text.size();) {
    int32_t best = -1;
    uint32_t node = 0;
    uint32_t end = trie()->size();
    for (std::size_t i = at; i < text.size(); ++i) {
      while (node < end && (*trie())[node].byte != static_cast<uint8_t>(text[i])) {
        node = (*trie())[node].end;
      }
      if (node >= end) break;
      if (!trie()->tokens(node).empty()) best = trie()->tokens(node)[0];
      end = (*trie())[node].end;
      ++node;
    }
    ids.push_back(best);
    at += tokenizer().token_bytes(best).size();
  }
  return ids;
}

struct Case {
  const char* name;
  std::shared_ptr<const Automaton> automaton;
  std::vector<int32_t> tokens;
};

std::string sentence(Rng& rng, std::size_t length) {
  Words words;
  std::string text;
  for (uint64_t skip = rng.below(50); skip-- > 0;) words.latin();
  while (text.size() < length) text += words.latin() + (rng.below(9) == 0 ? ", " : " ");
  return text.substr(0, length);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> made = [] {
    Rng rng(7);
    std::vector<Case> all;
    const auto add = [&](const char* name, const Grammar& grammar, const std::string& text) {
      all.push_back({name, std::make_shared<const Automaton>(grammar), tokens_of(text)});
    };
    std::string items;
    for (int i = 0; i < 12; ++i) {
      items += (i == 0 ? "" : ",\n    ") + std::string("{\"id\": ") + std::to_string(i * 37) +
               ", \"name\": \"" + sentence(rng, 30) + "\", \"tags\": [\"" + sentence(rng, 8) +
               "\", \"" + sentence(rng, 12) + "\"], \"price\": 12.5, \"state\": \"open\"}";
    }
    const std::string document =
        "{\n  \"title\": \"" + sentence(rng, 200) + "\",\n  \"items\": [" + items + "]}";
    add("object", parse_json_schema(R"({"type":"object"})", "object"), document);
    add("schema",
        parse_json_schema(R"({"type":"object","properties":{"title":{"type":"string"},
          "items":{"type":"array","items":{"$ref":"#/$defs/item"}}},"required":["title","items"],
          "$defs":{"item":{"type":"object","properties":{"id":{"type":"integer","minimum":0},
          "name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},
          "price":{"type":"number"},"state":{"enum":["open","closed","late"]},
          "parts":{"type":"array","items":{"$ref":"#/$defs/item"}}},
          "required":["id","name","tags","price","state"]}}})",
                          "schema"),
        document);
    add("lengths",
        parse_json_schema(R"({"type":"object","properties":{"a":{"type":"string",
          "maxLength":100},"b":{"type":"string","minLength":10,"maxLength":500}},
          "required":["a","b"]})",
                          "schema"),
        "{\"a\": \"" + sentence(rng, 90) + "\", \"b\": \"" + sentence(rng, 480) + "\"}");
    std::string sum = "1";
    for (int i = 0; i < 60; ++i)
      sum += i % 5 == 4 ? " * (" + std::to_string(i * 91) + " + 7)" : " + 3.25";
    add("arithmetic",
        parse_gbnf(R"g(root ::= sum
          sum ::= product (" "? [-+] " "? product)*
          product ::= factor (" "? [*/] " "? factor)*
          factor ::= [0-9]+ ("." [0-9]+)? | "(" sum ")")g",
                   "arithmetic"),
        sum);
    return all;
  }();
  return made;
}

void Masks(benchmark::State& state, bool cold) {
  using Clock = std::chrono::steady_clock;
  const Case& c = cases()[static_cast<std::size_t>(state.range(0))];
  auto masks = std::make_shared<const TokenMasks>(c.automaton, trie());
  std::vector<double> us;
  const auto write = [&] {
    ConstrainedText text(masks);
    for (const int32_t token : c.tokens) {
      const auto start = Clock::now();
      benchmark::DoNotOptimize(text.mask().data());
      us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
      if (!text.accept(token)) return state.SkipWithError("the document breaks the grammar");
    }
  };
  if (!cold) write();
  us.clear();
  for (auto _ : state) {
    if (cold) masks = std::make_shared<const TokenMasks>(c.automaton, trie());
    write();
  }
  std::sort(us.begin(), us.end());
  const auto at = [&](double part) {
    return us[static_cast<std::size_t>(part * static_cast<double>(us.size() - 1))];
  };
  if (us.empty()) return;
  state.counters["tokens"] = static_cast<double>(c.tokens.size());
  state.counters["median_us"] = at(0.5);
  state.counters["p99_us"] = at(0.99);
  state.counters["max_us"] = us.back();
  state.counters["cache_KiB"] = static_cast<double>(masks->cached_bytes()) / 1024;
  state.SetLabel(c.name);
}

void Cold(benchmark::State& state) {
  Masks(state, true);
}
void Warm(benchmark::State& state) {
  Masks(state, false);
}

void BuildTrie(benchmark::State& state) {
  tokenizer();
  for (auto _ : state) benchmark::DoNotOptimize(TokenTrie(tokenizer()).size());
}

BENCHMARK(Cold)->Name("MasksCold")->DenseRange(0, 3)->Unit(benchmark::kMillisecond);
BENCHMARK(Warm)->Name("MasksWarm")->DenseRange(0, 3)->Unit(benchmark::kMillisecond);
BENCHMARK(BuildTrie)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace onebit

BENCHMARK_MAIN();
