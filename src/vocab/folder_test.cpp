#include "vocab/folder.h"

#include "text/tokenizer.h"
#include "vocab/gguf.h"
#include "vocab/sentencepiece.h"
#include "vocab/vocab_sample.h"

namespace onebit {
namespace {

using namespace testing;

// The vocabularies of text/golden_test.cpp (there without tokens that its cases cannot have); the
// ids are llama.cpp's.
TEST(VocabFolder, HuggingFaceFoldersGiveTheGoldenIds) {
  for (const auto& [name, golden_name] : {std::pair{"bitnet158-packed-a", "llama-bpe-tiny.txt"},
                                          {"qwen3-unpacked-a", "qwen2-tiny.txt"}}) {
    const GoldenFile golden = read_golden(golden_folder() / "text" / golden_name);
    const Vocab vocab = read_vocab_folder(golden_folder() / "vocab" / name);
    EXPECT_EQ(vocab.pre, golden.vocab.pre);
    EXPECT_EQ(vocab.add_bos, golden.vocab.add_bos);
    const Tokenizer tokenizer(vocab);
    EXPECT_GT(golden.cases.size(), 200u);
    for (const GoldenCase& c : golden.cases) {
      EXPECT_EQ(tokenizer.encode(c.text), c.ids[0]);
      EXPECT_EQ(tokenizer.encode(c.text, {.add_bos = true, .parse_special = true}), c.ids[3]);
    }
  }
}

TEST(VocabFolder, EqualsTheGgufOfTheSameModel) {
  Vocab folder = read_vocab_folder(golden_folder() / "vocab/bitnet158-packed-a");
  EXPECT_TRUE(folder.chat_template.starts_with("{% set loop_messages = messages %}"));
  const auto file = GgufFile::open(golden_folder() / "bitnet-b1.58/bitnet158-a.f16.gguf");
  Vocab gguf = read_vocab(file.metadata());
  gguf.chat_template = folder.chat_template;  // another in that file
  expect_same(folder, gguf);
  GgufMetadata metadata;
  write_vocab(folder, metadata);
  expect_same(read_vocab(metadata), folder);
}

TEST(VocabFolder, Qwen3) {
  const Vocab vocab = read_vocab_folder(golden_folder() / "vocab/qwen3-unpacked-a");
  EXPECT_EQ(vocab.bos_id, 504);  // generation_config.json; never added
  EXPECT_FALSE(vocab.add_bos);
  EXPECT_EQ(vocab.eos_id, 506);
  EXPECT_EQ(vocab.stop_ids, std::vector<int32_t>{504});
}

class VocabFolderFiles : public ::testing::Test {
 protected:
  VocabFolderFiles() : folder_("vocab_folder") {
    write("tokenizer.json", R"({
      "added_tokens": [{"id": 2, "content": "<e>", "special": true}],
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "model": {"vocab": {"a": 0, "b": 1}, "merges": []}})");
  }
  void write(const std::string& name, std::string_view text) { write_text(folder_ / name, text); }
  Vocab read() { return read_vocab_folder(folder_ / ""); }
  Vocab read_with(std::string_view config) {
    write("tokenizer_config.json", config);
    return read();
  }
  std::string refused() {
    return refusal([&] { read(); }, (folder_ / "").string());
  }
  std::string refused_with(std::string_view config) {
    write("tokenizer_config.json", config);
    return refused();
  }
  TemporaryFolder folder_;
};

TEST_F(VocabFolderFiles, TokenizerConfig) {
  Vocab vocab = read_with(R"({"added_tokens_decoder": {
      "3": {"content": "<s>", "lstrip": true, "rstrip": false, "special": true},
      "5": {"content": "<t>", "lstrip": false, "special": false}, "2": {"content": "<e>", "special": true}},
      "bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "<e>", "unk_token": "<none>",
      "add_bos_token": true, "add_eos_token": true, "add_prefix_space": false,
      "chat_template": [{"name": "tool", "template": "T"}, {"name": "default", "template": "D"}]})");
  EXPECT_EQ(vocab.tokens, (std::vector<std::string>{"a", "b", "<e>", "<s>", "", "<t>"}));
  EXPECT_EQ(vocab.types,
            (std::vector<int32_t>{kNormal, kNormal, kControl, kControl, kUnused, kUser}));
  EXPECT_EQ(vocab.strip, (std::vector<uint8_t>{0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(vocab.bos_id, 3);
  EXPECT_EQ(vocab.eos_id, 2);
  EXPECT_EQ(vocab.unk_id, -1);
  EXPECT_TRUE(vocab.add_bos && vocab.add_eos);
  EXPECT_EQ(vocab.chat_template, "D");
  vocab = read_with(R"({"chat_template": "S", "bos_token": null})");
  EXPECT_EQ(vocab.chat_template, "S");
  EXPECT_EQ(vocab.bos_id, -1);
  write("chat_template.jinja", "J\n");
  EXPECT_EQ(read().chat_template, "J\n");
}

TEST_F(VocabFolderFiles, AddedEosBeatsTheConfig) {
  write("tokenizer.json", R"({
      "added_tokens": [{"id": 2, "content": "<e>", "special": true},
                       {"id": 3, "content": "<im_end>", "special": true}],
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "post_processor": {"type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "<e>"}}],
        "special_tokens": {"<e>": {"ids": [2]}}},
      "model": {"vocab": {"a": 0, "b": 1}, "merges": []}})");
  const Vocab vocab = read_with(R"({"eos_token": "<im_end>"})");
  EXPECT_TRUE(vocab.add_eos);
  EXPECT_EQ(vocab.eos_id, 2);
  EXPECT_EQ(vocab.stop_ids, std::vector<int32_t>{3});
}

TEST_F(VocabFolderFiles, GenerationConfig) {
  write("generation_config.json", R"({"eos_token_id": [2, 1, 2, 0], "bos_token_id": 1})");
  Vocab vocab = read();
  EXPECT_EQ(vocab.eos_id, 2);
  EXPECT_EQ(vocab.bos_id, 1);
  EXPECT_EQ(vocab.stop_ids, (std::vector<int32_t>{1, 0}));
  write("config.json", R"({"eos_token_id": 99})");  // not read beside a generation_config.json
  write("generation_config.json", R"({"eos_token_id": 1})");
  vocab = read_with(R"({"eos_token": "<e>"})");
  EXPECT_EQ(vocab.eos_id, 2);
  EXPECT_EQ(vocab.stop_ids, std::vector<int32_t>{1});
  std::filesystem::remove(folder_ / "generation_config.json");
  EXPECT_NE(refused().find("config.json: eos_token_id: expected an integer from 0 to 2, found 99"),
            std::string::npos);
}

TEST_F(VocabFolderFiles, Refusals) {
  for (const char* config : {"[]",
                             "1",
                             "{",
                             R"({"bos_token": "<x>"})",
                             R"({"bos_token": 1})",
                             R"({"eos_token": {}})",
                             R"({"eos_token": ["<e>"]})",
                             R"({"add_bos_token": true})",
                             R"({"add_bos_token": 1})",
                             R"({"add_eos_token": "yes"})",
                             R"({"chat_template": 1})",
                             R"({"chat_template": []})",
                             R"({"chat_template": [{"name": "tool", "template": ""}]})",
                             R"({"chat_template": ["x"]})",
                             R"({"added_tokens_decoder": []})",
                             R"({"added_tokens_decoder": {"3": {}}})",
                             R"({"added_tokens_decoder": {"03": {"content": "x"}}})",
                             R"({"added_tokens_decoder": {"x": {"content": "x"}}})",
                             R"({"added_tokens_decoder": {"-1": {"content": "x"}}})",
                             R"({"added_tokens_decoder": {"2097152": {"content": "x"}}})",
                             R"({"added_tokens_decoder": {"70000": {"content": "x"}}})",
                             R"({"added_tokens_decoder": {"2": {"content": "x"}}})",
                             R"({"added_tokens_decoder": {"3": {"content": "a"}}})"}) {
    EXPECT_NE(refused_with(config), "") << config;
  }
  EXPECT_NE(refused_with("{\"chat_template\": \"" + std::string((1 << 20) + 1, 'x') + "\"}"), "");
  EXPECT_EQ(refused_with("{\"chat_template\": \"" + std::string(1 << 20, 'x') + "\"}"), "");
  for (const char* eos : {"-1", "3", "\"2\"", "[3]", "[[]]", "2.0", "true"}) {
    write("generation_config.json", "{\"eos_token_id\": " + std::string(eos) + "}");
    EXPECT_NE(refused(), "") << eos;
  }
  std::filesystem::remove(folder_ / "generation_config.json");
  write("chat_template.jinja", "\xff");
  EXPECT_NE(refused(), "");
  write("chat_template.jinja", std::string((1 << 20) + 1, 'x'));
  EXPECT_NE(refused(), "");
}

TEST_F(VocabFolderFiles, TokenizerModelIsKnownByItsContent) {
  std::filesystem::remove(folder_ / "tokenizer.json");
  EXPECT_EQ(refused(),
            (folder_ / "").string() +
                ": vocabulary: expected tokenizer.json or tokenizer.model, found neither");
  write("tokenizer.model", "YQ== 0\nYg== 1\n");
  EXPECT_EQ(read().tokens, (std::vector<std::string>{"a", "b"}));
  const auto golden = golden_folder() / "vocab/sentencepiece.model";
  write("tokenizer.model", read_text(golden));
  expect_same(read(), read_sentencepiece(golden));
  Vocab vocab = read_with(R"({"add_bos_token": false, "add_eos_token": true, "unk_token": "<unk>",
      "add_prefix_space": false, "added_tokens_decoder": {"600": {"content": "<t>"}}})");
  EXPECT_FALSE(vocab.add_bos || vocab.add_space_prefix);
  EXPECT_TRUE(vocab.add_eos);
  EXPECT_EQ(vocab.tokens[600], "<t>");
  EXPECT_EQ(vocab.scores.size(), 601u);
  write("tokenizer.model", "");
  EXPECT_NE(refused(), "");
}

}  // namespace
}  // namespace onebit
