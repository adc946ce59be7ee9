#include "vocab/tokenizer_json.h"

#include "vocab/vocab_sample.h"

namespace onebit {
namespace {

using namespace testing;

constexpr std::string_view kByteLevel = R"({
  "version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [
    {"id": 4, "content": "<bos>", "single_word": false, "lstrip": false, "rstrip": false, "special": true},
    {"id": 6, "content": "<think>", "lstrip": true, "rstrip": true, "special": false}],
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
  "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"},
    {"type": "TemplateProcessing",
     "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A"}}],
     "special_tokens": {"<bos>": {"id": "<bos>", "ids": [4], "tokens": ["<bos>"]}}}]},
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
    "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
    "vocab": {"a": 0, "b": 1, "ba": 3, "ab": 2}, "merges": ["a b", ["b", "a"]]}
})";

constexpr std::string_view kSentencePiece = R"({
  "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                   {"id": 1, "content": "<s>", "special": true}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "pre_tokenizer": null, "post_processor": null,
  "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "a": 4, "b": 5, "ab": 6, "▁ab": 7,
              "▁a": 8},
    "merges": ["▁ a", "a b", "▁a b", "▁ ab"]}
})";

Vocab parse(std::string_view text) {
  return parse_tokenizer_json(text, "FILE");
}

std::string refused(std::string_view text) {
  return refusal([&] { parse(text); });
}

std::string refused(std::string_view from, std::string_view to) {
  return refused(with(std::string(kByteLevel), from, to));
}

TEST(TokenizerJson, ByteLevel) {
  const Vocab vocab = parse(kByteLevel);
  EXPECT_EQ(vocab.model, VocabModel::kBpe);
  EXPECT_EQ(vocab.tokens, (std::vector<std::string>{"a", "b", "ab", "ba", "<bos>", "", "<think>"}));
  EXPECT_EQ(vocab.types,
            (std::vector<int32_t>{kNormal, kNormal, kNormal, kNormal, kControl, kUnused, kUser}));
  EXPECT_EQ(vocab.merges, (std::vector<std::string>{"a b", "b a"}));
  EXPECT_EQ(vocab.pre, "gpt-2");
  EXPECT_TRUE(vocab.ignore_merges);
  EXPECT_TRUE(vocab.add_bos);
  EXPECT_FALSE(vocab.add_eos);
  EXPECT_EQ(vocab.bos_id, 4);
  EXPECT_EQ(vocab.eos_id, -1);
  EXPECT_EQ(vocab.strip, (std::vector<uint8_t>{0, 0, 0, 0, 0, 0, 3}));
}

TEST(TokenizerJson, SentencePiece) {
  const Vocab vocab = parse(kSentencePiece);
  EXPECT_EQ(vocab.model, VocabModel::kSpm);
  EXPECT_EQ(vocab.types, (std::vector<int32_t>{kUnknown, kControl, kByte, kNormal, kNormal, kNormal,
                                               kNormal, kNormal, kNormal}));
  EXPECT_EQ(vocab.scores, (std::vector<float>{-4, -4, -4, -4, -4, -4, -1, -2, 0}));
  EXPECT_TRUE(vocab.merges.empty());
  EXPECT_EQ(vocab.unk_id, 0);
  EXPECT_TRUE(vocab.add_space_prefix);
  EXPECT_FALSE(vocab.add_bos);
}

TEST(TokenizerJson, FormsOfSentencePiece) {
  const auto variant = [](std::string_view normalizer, std::string_view pre_tokenizer) {
    const std::string text(kSentencePiece);
    const std::size_t begin = text.find("\"normalizer\":");
    const std::size_t end = text.find(", \"post_processor\"");
    return text.substr(0, begin) + "\"normalizer\":" + std::string(normalizer) +
           ",\"pre_tokenizer\":" + std::string(pre_tokenizer) + text.substr(end);
  };
  constexpr auto kReplace = R"({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})";
  // Gemma
  EXPECT_FALSE(parse(variant(kReplace, R"({"type": "Split", "pattern": {"String": " "},
      "behavior": "MergedWithPrevious", "invert": false})"))
                   .add_space_prefix);
  // Llama 2, legacy = false; Mistral
  for (const auto& [scheme, prefix] :
       {std::pair{"first", true}, {"always", true}, {"never", false}}) {
    EXPECT_EQ(parse(variant("null", std::string(R"({"type": "Metaspace", "replacement": "▁",
        "prepend_scheme": ")") + scheme +
                                        R"(", "split": false})"))
                  .add_space_prefix,
              prefix);
  }
  constexpr auto kSplit = R"({"type": "Metaspace", "replacement": "▁", "add_prefix_space": true})";
  EXPECT_TRUE(parse(variant("null", kSplit)).add_space_prefix);
  EXPECT_EQ(refused(with(variant("null", kSplit), "\"▁a\": 8", "\"▁a\": 8, \"a▁\": 9")),
            "FILE: pre_tokenizer: expected split = false, as there are tokens like "
            "'a\\xe2\\x96\\x81', found true");
  for (const auto& [normalizer, pre_tokenizer] :
       {std::pair{"null", "null"},
        {R"({"type": "NFKC"})", "null"},
        {kReplace, R"({"type": "Digits"})"},
        {R"({"type": "Prepend", "prepend": "▁"})", "null"},
        {R"({"type": "Replace", "pattern": {"Regex": " "}, "content": "▁"})", "null"},
        {R"({"type": "Precompiled", "precompiled_charsmap": ""})", kSplit},
        {"null", R"({"type": "Metaspace", "replacement": "_"})"}}) {
    EXPECT_NE(refused(variant(normalizer, pre_tokenizer)), "") << normalizer << pre_tokenizer;
  }
}

std::string with_regex(std::string_view regex, std::string_view more = "") {
  std::string escaped;
  for (const char c : regex) escaped += c == '\\' ? "\\\\" : std::string(1, c);
  return with(std::string(kByteLevel),
              R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})",
              R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ")" +
                  escaped + R"("}, "behavior": "Isolated", "invert": false},)" + std::string(more) +
                  R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
}

TEST(TokenizerJson, PreTokenizersAreKnownByTheirText) {
  const std::string head = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?)";
  const std::string tail = R"([\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  EXPECT_EQ(parse(with_regex(head + R"(\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+)" + tail)).pre,
            "llama-bpe");
  EXPECT_EQ(parse(with_regex(head + R"(\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+)" + tail)).pre, "qwen2");
  EXPECT_EQ(parse(with_regex(head + R"([\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+)" + tail)).pre,
            "qwen35");
  EXPECT_EQ(parse(with(std::string(kByteLevel),
                       R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})",
                       R"({"type": "Sequence", "pretokenizers": [
      {"type": "Punctuation", "behavior": "Contiguous"},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
      {"type": "Digits", "individual_digits": false},
      {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": false}]})"))
                .pre,
            "falcon");
  EXPECT_EQ(refused(with_regex(R"(\p{N}{1,4}| ?\w+)")),
            "FILE: pre_tokenizer: expected that of gpt-2, llama-bpe, qwen2, qwen35, falcon, found "
            "'\\p{N}{1,4}| ?\\w+'");
  EXPECT_NE(refused(with_regex(head + R"(\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+)" + tail,
                               R"({"type": "Digits", "individual_digits": true},)")),
            "");
  EXPECT_NE(refused("\"add_prefix_space\": false", "\"add_prefix_space\": true"), "");
}

TEST(TokenizerJson, PostProcessors) {
  const std::string bos = R"({"SpecialToken": {"id": "<bos>", "type_id": 0}})";
  const std::string text = R"({"Sequence": {"id": "A"}})";
  const std::string old = bos + ", " + text;
  const Vocab eos = parse(with(std::string(kByteLevel), old, text + ", " + bos));
  EXPECT_FALSE(eos.add_bos);
  EXPECT_TRUE(eos.add_eos);
  EXPECT_EQ(eos.eos_id, 4);
  for (const std::string& single :
       {bos + "," + bos + "," + text, text + "," + text, bos, std::string("{}"), std::string("1"),
        text + "," + bos + "," + bos}) {
    EXPECT_NE(refused(old, single), "") << single;
  }
  EXPECT_NE(refused("\"ids\": [4]", "\"ids\": [7]"), "");
  EXPECT_NE(refused("\"ids\": [4]", "\"ids\": [4, 4]"), "");
  EXPECT_NE(refused("\"TemplateProcessing\"", "\"RobertaProcessing\""), "");
}

TEST(TokenizerJson, Refusals) {
  EXPECT_EQ(refused("\"type\": \"BPE\"", "\"type\": \"Unigram\""),
            "FILE: model.type: expected BPE, found 'Unigram'");
  EXPECT_NE(refused("\"type\": \"BPE\"", "\"type\": \"WordPiece\""), "");
  EXPECT_NE(refused("\"dropout\": null", "\"dropout\": 0.1"), "");
  EXPECT_EQ(refused("\"dropout\": null", "\"dropout\": 0.0"), "");
  EXPECT_NE(refused("\"continuing_subword_prefix\": \"\"", "\"continuing_subword_prefix\": \"#\""),
            "");
  EXPECT_NE(refused("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\""), "");
  EXPECT_NE(refused("\"NFC\"", "\"Lowercase\""), "");
  EXPECT_NE(refused("\"single_word\": false", "\"single_word\": true"), "");
  EXPECT_EQ(refused("\"ba\": 3", "\"ba\": 2"),
            "FILE: model.vocab: expected id 2 once, found 'ba' and 'ab'");
  EXPECT_NE(refused("\"ba\": 3", "\"a\": 3"), "");
  for (const char* id : {"-1", "2097152", "70000", "1.0", "\"3\"", "null", "4294967299",
                         "9223372036854775807", "18446744073709551615", "[]", "{}"}) {
    EXPECT_NE(refused("\"ba\": 3", "\"ba\": " + std::string(id)), "") << id;
    EXPECT_NE(refused("\"id\": 6", "\"id\": " + std::string(id)), "") << id;
  }
  EXPECT_EQ(refused("\"id\": 6", "\"id\": 3"),
            "FILE: added_tokens: expected id 3 once, found 'ba' and '<think>'");
  EXPECT_EQ(refused("\"<think>\"", "\"ab\""),
            "FILE: added_tokens: expected 'ab' as id 2 (the model's), found 'ab' as id 6");
  EXPECT_NE(refused("\"<think>\"", "\"<bos>\""), "");
  EXPECT_NE(refused("\"<think>\"", "\"\""), "");
  for (const char* merge :
       {"\"ab\"", "\"a \"", "\"\"", "1", "[]", "[\"a\"]", "[\"a\", \"b\", \"a\"]", "[\"a\", 1]",
        "[\"a \", \"b\"]", "[\"\", \"b\"]", "null", "{}"}) {
    EXPECT_NE(refused("[\"b\", \"a\"]", merge), "") << merge;
  }
  EXPECT_NE(refused(R"({"a": 0, "b": 1, "ba": 3, "ab": 2})", "{}"), "");
  EXPECT_NE(refused(R"("merges": ["a b", ["b", "a"]])", R"("none": 0)"), "");
  EXPECT_NE(refused(with(std::string(kSentencePiece), "\"▁ ab\"", "\"▁ x\"")), "");
  EXPECT_NE(refused(with(std::string(kSentencePiece), "\"unk_token\": \"<unk>\"",
                         "\"unk_token\": \"x\"")),
            "");
  EXPECT_NE(refused("{}"), "");
  EXPECT_NE(refused("[]"), "");
  EXPECT_NE(refused(std::string(100000, '[')), "");
}

// A Sequence in a Sequence in ...: as deep as JSON may be here, no deeper.
TEST(TokenizerJson, Nesting) {
  for (const int depth : {20, 40, 100000}) {
    std::string open, close;
    for (int i = 0; i < depth; ++i) {
      open += R"({"type": "Sequence", "pretokenizers": [)";
      close += "]}";
    }
    const std::string step =
        R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})";
    EXPECT_EQ(refused(step, open + step + close) == "", depth == 20) << depth;
  }
}

TEST(TokenizerJson, ManySteps) {
  std::string steps;
  for (int i = 0; i < 100; ++i) steps += R"({"type": "Digits"},)";
  EXPECT_NE(refused(with_regex("x", steps)).find("expected at most 64 steps"), std::string::npos);
}

TEST(TokenizerJson, EveryTruncationFlipAndSwap) {
  Rng rng(1);
  for (const std::string_view sample : {kByteLevel, kSentencePiece}) {
    for (std::size_t n = 0; n < sample.size(); ++n) EXPECT_NE(refused(sample.substr(0, n)), "");
    for (std::size_t i = 0; i < 8 * sample.size() + 20000; ++i) {
      std::string text(sample);
      if (i < 8 * text.size()) {
        text[i / 8] = static_cast<char>(text[i / 8] ^ 1 << i % 8);
      } else {
        const auto from = sample.substr(rng.below(text.size()), rng.below(30));
        text.replace(rng.below(text.size()), rng.below(30), from);
      }
      refused(text);
    }
    // Every value that follows a colon, replaced by one of every kind.
    for (std::size_t at = sample.find(": "); at != sample.npos; at = sample.find(": ", at + 1)) {
      const std::string_view rest = sample.substr(at + 2);
      if (rest[0] == '{' || rest[0] == '[') continue;
      const std::size_t size = rest[0] == '"' ? rest.find('"', 1) + 1 : rest.find_first_of(",}]\n");
      for (const char* value : {"null", "true", "-1", "1e300", "18446744073709551615", "\"\"",
                                "\"BPE\"", "[]", "{}", "[[[0]]]", "{\"type\": 1}"}) {
        refused(std::string(sample).replace(at + 2, size, value));
      }
    }
  }
}

}  // namespace
}  // namespace onebit
