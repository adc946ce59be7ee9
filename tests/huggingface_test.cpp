// Hugging Face folders against independent reference numbers, and against the GGUF file of the same
// weights. Data and tolerances: tests/golden/huggingface/README.md.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "eval/perplexity.h"
#include "io/npy.h"

namespace onebit {
namespace {

const std::string kGolden = std::string(ONEBIT_SOURCE_DIR) + "/tests/golden/";
const std::string kFolders = kGolden + "huggingface/";

std::vector<int32_t> read_ids(const std::string& path) {
  std::ifstream file(path);
  return {std::istream_iterator<int32_t>(file), std::istream_iterator<int32_t>()};
}

// Logits of a model in the golden data, [tokens, vocab], for a file of prompt tokens.
std::vector<float> logits_of(const std::string& model, const std::string& ids,
                             std::optional<ActQuant> activations = {}) {
  Engine engine(ModelFile::open(kGolden + model),
                {.threads = 1, .activations = activations, .head = Head::kExact});
  return all_logits(engine, read_ids(kFolders + ids));
}

struct Tolerance {
  double max_abs;
  double rms;
  double min_cosine;  // of any row
};

void expect_close(const std::vector<float>& found, const std::string& npy,
                  const Tolerance& tolerance) {
  SCOPED_TRACE(npy);
  const auto reference = read_npy<float>(kGolden + npy);
  const std::vector<float>& expected = reference.values;
  ASSERT_EQ(found.size(), expected.size());
  constexpr std::size_t kVocab = 512;
  double max_abs = 0, square = 0, min_cosine = 1;
  for (std::size_t row = 0; row < found.size(); row += kVocab) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = row; i < row + kVocab; ++i) {
      const double a = found[i], b = expected[i];
      max_abs = std::max(max_abs, std::fabs(a - b));
      square += (a - b) * (a - b);
      ab += a * b;
      aa += a * a;
      bb += b * b;
    }
    min_cosine = std::min(min_cosine, ab / std::sqrt(aa * bb));
  }
  const double rms = std::sqrt(square / static_cast<double>(found.size()));
  EXPECT_LE(max_abs, tolerance.max_abs) << "rms " << rms << " cosine " << min_cosine;
  EXPECT_LE(rms, tolerance.rms);
  EXPECT_GE(min_cosine, tolerance.min_cosine);
}

struct GoldenFolder {
  std::string folder;
  std::string ids;        // stem: + "0.ids"
  std::string reference;  // stem of the logits as the model was trained: + "0.npy"
  Tolerance tolerance;
  std::string exact;  // stem of those with f32 activations
  std::string exact_suffix;
};

const GoldenFolder kModels[] = {
    {"bitnet158-packed-a",
     "p",
     "bitnet-b1.58/bitnet158-a.i2_s.p",
     {0.8, 0.154, 0.9983},
     "bitnet-b1.58/bitnet158-a.f16.p",
     ".npy"},
    {"bitnet158-master-a",
     "p",
     "huggingface/bitnet158-master-a.p",
     {0.53, 0.125, 0.9989},
     "huggingface/bitnet158-master-a.p",
     ".ref64.npy"},
    {"llama-packed-a",
     "p",
     "huggingface/llama-packed-a.p",
     {0.66, 0.172, 0.9976},
     "huggingface/llama-packed-a.p",
     ".ref64.npy"},
    // The reference has no activation quantisation; ours has, by groups of 32.
    {"qwen3-unpacked-a",
     "qwen3-unpacked-a.p",
     "huggingface/qwen3-unpacked-a.p",
     {1.0, 0.2, 0.997},
     "huggingface/qwen3-unpacked-a.p",
     ".npy"}};

class HuggingfaceGolden : public ::testing::TestWithParam<GoldenFolder> {};

TEST_P(HuggingfaceGolden, LogitsAsTrained) {
  const GoldenFolder& m = GetParam();
  for (const std::string p : {"0", "1"}) {
    expect_close(logits_of("huggingface/" + m.folder, m.ids + p + ".ids"), m.reference + p + ".npy",
                 m.tolerance);
  }
}

TEST_P(HuggingfaceGolden, LogitsWithFloatActivations) {
  const GoldenFolder& m = GetParam();
  for (const std::string p : {"0", "1"}) {
    expect_close(logits_of("huggingface/" + m.folder, m.ids + p + ".ids", ActQuant::kF32),
                 m.exact + p + m.exact_suffix, {0.02, 0.002, 0.99999});
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, HuggingfaceGolden, ::testing::ValuesIn(kModels),
                         [](const auto& test) {
                           std::string name = test.param.folder;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// The same weights in two containers: one as the other.
TEST(Huggingface, FolderAndGgufGiveTheSameLogits) {
  for (const char* ids : {"p0.ids", "p1.ids"}) {
    const auto folder = logits_of("huggingface/bitnet158-packed-a", ids);
    const auto gguf = logits_of("bitnet-b1.58/bitnet158-a.i2_s.gguf", ids);
    ASSERT_EQ(folder.size(), gguf.size());
    for (std::size_t i = 0; i < folder.size(); ++i) ASSERT_NEAR(folder[i], gguf[i], 1e-5) << i;
  }
}

TEST(Huggingface, FolderAndGgufAreTheSameModel) {
  const auto folder = ModelFile::open(kFolders + "bitnet158-packed-a");
  const auto gguf = ModelFile::open(kGolden + "bitnet-b1.58/bitnet158-a.i2_s.gguf");
  EXPECT_EQ(folder.container(), "Hugging Face folder");
  EXPECT_EQ(folder.tensors().size(), gguf.tensors().size());
  for (const ModelTensor& t : gguf.tensors()) {
    const ModelTensor* found = folder.find(t.name);
    ASSERT_NE(found, nullptr) << t.name;
    EXPECT_EQ(found->shape, t.shape) << t.name;
  }
  EXPECT_EQ(folder.metadata().get_strings("tokenizer.ggml.tokens").size(), 512u);
  EXPECT_TRUE(folder.quirks().empty());
}

// A copy of a folder whose config.json has one text replaced.
class EditedFolder {
 public:
  EditedFolder(const std::string& folder, const std::string& from, const std::string& to)
      : path_(std::filesystem::temp_directory_path() /
              ("huggingface_test." + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::copy(kFolders + folder, path_);
    std::ifstream in(kFolders + folder + "/config.json");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(path_ / "config.json") << text;
  }
  ~EditedFolder() { std::filesystem::remove_all(path_); }

  // Of loading it; "" if it loads.
  std::string refusal() const {
    try {
      load_model(ModelFile::open(path_));
    } catch (const Error& e) {
      const std::string what = e.what();
      EXPECT_TRUE(what.starts_with(path_.string())) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos);
      return what.substr(path_.string().size());
    }
    return "";
  }

 private:
  std::filesystem::path path_;
};

TEST(Huggingface, ConfigAndTensorsMustAgree) {
  struct Case {
    const char* folder;
    const char* from;
    const char* to;
    const char* message;
  };
  const Case cases[] = {
      {"llama-packed-a", "\"vocab_size\": 512", "\"vocab_size\": 512", ""},
      {"llama-packed-a", "\"vocab_size\": 512", "\"vocab_size\": 7",
       ": vocab_size: expected 512 as the embedding has rows, found 7"},
      {"llama-packed-a", "\"vocab_size\": 512", "\"vocab_size\": 600",
       ": vocab_size: expected 512 as the embedding has rows, found 600"},
      {"bitnet158-packed-a", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
       ": tensor 'blk.2.attn_norm.weight': expected shape [256], found no such tensor"},
      {"bitnet158-packed-a", "\"intermediate_size\": 384", "\"intermediate_size\": 388",
       ": tensor 'blk.0.ffn_gate.weight': expected shape [256, 388], found [256, 384]"},
      {"bitnet158-packed-a", "offline", "online",
       "/model.safetensors: tensor 'model.layers.0.mlp.down_proj.weight': expected floats, as "
       "quantization_config does not say that it is packed, found U8"},
      {"llama-packed-a", "\"quant_method\": \"bitnet\"", "\"quant_method\": \"fp8\"",
       "/config.json: quantization_config.quant_method: expected bitnet, found 'fp8'"},
  };
  for (const Case& c : cases) {
    const EditedFolder folder(c.folder, c.from, c.to);
    EXPECT_EQ(folder.refusal(), c.message) << c.to;
  }
}

}  // namespace
}  // namespace onebit
