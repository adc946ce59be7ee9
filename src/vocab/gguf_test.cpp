#include "vocab/gguf.h"

#include <limits>

#include "vocab/vocab_sample.h"

namespace onebit {
namespace {

using namespace testing;

Vocab bpe_vocab() {
  Vocab vocab = byte_vocab({{"h", "e"}, {"he", "y"}}, {"<bos>", "<eos>", "<eot>", "<a>", "<b>"});
  vocab.pre = "qwen2";
  vocab.bos_id = 258;
  vocab.eos_id = 259;
  vocab.stop_ids = {260, 261, 262, 7};
  vocab.add_bos = true;
  vocab.ignore_merges = true;  // not what qwen2 implies
  vocab.strip.assign(vocab.tokens.size(), 0);
  vocab.strip[260] = 3;
  vocab.types[261] = kUser;
  vocab.chat_template = "{{ messages }}\n";
  return vocab;
}

Vocab spm_vocab() {
  Vocab vocab;
  vocab.model = VocabModel::kSpm;
  vocab.tokens = {"<unk>",
                  "<s>",
                  "</s>",
                  "<0x0A>",
                  "\xe2\x96\x81",
                  "a",
                  "\xe2\x96\x81"
                  "a"};
  vocab.types = {kUnknown, kControl, kControl, kByte, kNormal, kNormal, kNormal};
  vocab.scores = {0, 0, 0, 0, -1, -2.5f, -0.25f};
  vocab.unk_id = 0;
  vocab.bos_id = 1;
  vocab.eos_id = 2;
  vocab.add_eos = true;
  vocab.add_space_prefix = false;
  return vocab;
}

GgufMetadata written(const Vocab& vocab) {
  GgufMetadata metadata;
  metadata.set("general.architecture", std::string("llama"));
  write_vocab(vocab, metadata);
  return metadata;
}

// What is refused when `key` holds `value`.
std::string refusal_with(const Vocab& vocab, const std::string& key, GgufValue value) {
  GgufMetadata metadata = written(vocab);
  metadata.set(key, std::move(value));
  return refusal([&] { read_vocab(metadata); }, "metadata key '" + key + "': ");
}

TEST(VocabGguf, ReadGivesBackWhatWasWritten) {
  for (const Vocab& vocab : {bpe_vocab(), spm_vocab(), byte_vocab()}) {
    expect_same(read_vocab(written(vocab)), vocab);
  }
  Vocab vocab = bpe_vocab();
  vocab.stop_ids = {260};
  vocab.ignore_merges = false;
  vocab.strip.clear();
  vocab.chat_template.clear();
  const GgufMetadata metadata = written(vocab);
  expect_same(read_vocab(metadata), vocab);
  for (const auto& entry : metadata.entries()) EXPECT_FALSE(entry.key.starts_with("onebit."));
}

TEST(VocabGguf, AlsoThroughAFile) {
  const TemporaryFolder folder("vocab_gguf");
  for (const Vocab& vocab : {bpe_vocab(), spm_vocab()}) {
    write_sample(folder / "f", written(vocab), {});
    expect_same(read_vocab(GgufFile::open(folder / "f").metadata()), vocab);
  }
}

TEST(VocabGguf, DefaultsOfLlamaCpp) {
  GgufMetadata m;
  m.set("tokenizer.ggml.model", std::string("llama"));
  m.set("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "a"});
  m.set("tokenizer.ggml.token_type", std::vector<int32_t>{2, 1});
  m.set("tokenizer.ggml.scores", std::vector<float>{0, -1});
  m.set("tokenizer.ggml.eom_token_id", uint32_t{1});
  const Vocab vocab = read_vocab(m);
  EXPECT_TRUE(vocab.add_bos);
  EXPECT_FALSE(vocab.add_eos);
  EXPECT_TRUE(vocab.add_space_prefix);
  EXPECT_EQ(vocab.unk_id, -1);
  EXPECT_EQ(vocab.stop_ids, std::vector<int32_t>{1});
}

TEST(VocabGguf, Bitnet2b4tIsKnownByItsSize) {
  Vocab vocab = byte_vocab();
  vocab.tokens.resize(128256, "x");
  vocab.types.resize(128256, kUnused);
  const GgufMetadata with_pre = written(vocab);
  GgufMetadata m;
  for (const auto& entry : with_pre.entries()) {
    if (entry.key != "tokenizer.ggml.pre" && entry.key != "tokenizer.ggml.add_bos_token" &&
        !entry.key.starts_with("onebit.")) {
      m.set(entry.key, entry.value);
    }
  }
  m.set("tokenizer.ggml.eos_token_id", uint32_t{128001});
  EXPECT_EQ(read_vocab(m).pre, "default");
  m.set("general.architecture", std::string("bitnet-b1.58"));
  const Vocab fixed = read_vocab(m);
  EXPECT_EQ(fixed.pre, "llama-bpe");
  EXPECT_TRUE(fixed.add_bos);
  EXPECT_TRUE(fixed.ignore_merges);
  EXPECT_EQ(fixed.stop_ids, std::vector<int32_t>{128009});
  expect_same(read_vocab(written(fixed)), fixed);
}

TEST(VocabGguf, RefusesWhatItCannotDo) {
  for (const char* model : {"bert", "t5", "rwkv", "plamo2", "none", ""}) {
    EXPECT_EQ(refusal_with(bpe_vocab(), "tokenizer.ggml.model", std::string(model)),
              "metadata key 'tokenizer.ggml.model': expected gpt2 or llama, found '" +
                  std::string(model) + "'");
  }
  EXPECT_EQ(refusal_with(spm_vocab(), "tokenizer.ggml.remove_extra_whitespaces", true),
            "metadata key 'tokenizer.ggml.remove_extra_whitespaces': expected false, found true");
  EXPECT_EQ(refusal_with(spm_vocab(), "tokenizer.ggml.remove_extra_whitespaces", false), "");
}

TEST(VocabGguf, RefusesWrongSizesAndIds) {
  const std::string t = "tokenizer.ggml.";
  EXPECT_NE(refusal_with(spm_vocab(), t + "scores", std::vector<float>{1}), "");
  EXPECT_NE(refusal_with(spm_vocab(), t + "scores", std::vector<double>(7)), "");
  EXPECT_NE(refusal_with(spm_vocab(), t + "scores",
                         std::vector<float>(7, std::numeric_limits<float>::quiet_NaN())),
            "");
  EXPECT_NE(refusal_with(bpe_vocab(), t + "token_type", std::vector<int32_t>(5, 1)), "");
  EXPECT_NE(refusal_with(bpe_vocab(), t + "token_type", std::vector<uint32_t>(263, 1)), "");
  EXPECT_NE(refusal_with(bpe_vocab(), "onebit.tokenizer.strip", std::vector<uint8_t>(262)), "");
  EXPECT_NE(refusal_with(bpe_vocab(), "tokenizer.chat_template", std::string((1 << 20) + 1, 'x')),
            "");
  EXPECT_EQ(refusal_with(bpe_vocab(), "tokenizer.chat_template", std::string(1 << 20, 'x')), "");
  for (const char* name : {"bos", "eos", "unknown", "padding", "eot", "eom"}) {
    const std::string key = t + name + "_token_id";
    EXPECT_NE(refusal_with(bpe_vocab(), key, uint32_t{263}), "") << name;
    EXPECT_NE(refusal_with(bpe_vocab(), key, int64_t{-2}), "") << name;
    EXPECT_NE(refusal_with(bpe_vocab(), key, ~uint64_t{0}), "") << name;
    EXPECT_EQ(refusal_with(bpe_vocab(), key, int32_t{-1}), "") << name;
    EXPECT_EQ(refusal_with(bpe_vocab(), key, uint64_t{262}), "") << name;
  }
  for (const std::vector<int32_t>& ids :
       {std::vector<int32_t>{263}, std::vector<int32_t>{-1}, std::vector<int32_t>{5, 5}}) {
    EXPECT_NE(refusal_with(bpe_vocab(), "onebit.tokenizer.stop_token_ids", ids), "");
  }
}

// Every key with a value of every type: the right one passes, the others are one line each.
TEST(VocabGguf, TypeSwaps) {
  const GgufMetadata types = sample_metadata();
  for (const Vocab& vocab : {bpe_vocab(), spm_vocab()}) {
    const GgufMetadata good = written(vocab);
    for (const auto& entry : good.entries()) {
      if (entry.key == "tokenizer.ggml.pre" || entry.key == "general.architecture") continue;
      for (const auto& other : types.entries()) {
        GgufMetadata metadata = written(vocab);
        metadata.set(entry.key, other.value);
        const std::string message = refusal([&] { read_vocab(metadata); }, "metadata key ");
        if (entry.value.index() != other.value.index() &&
            entry.key.find("token_id") == entry.key.npos) {
          EXPECT_NE(message, "") << entry.key << " " << other.key;
        }
      }
    }
  }
}

}  // namespace
}  // namespace onebit
