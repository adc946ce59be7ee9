#include "convert/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/half.h"
#include "base/rng.h"
#include "base/sanitized.h"
#include "io/gguf_sample.h"
#include "models/config.h"
#include "ops/rope.h"
#include "quant/weights.h"

namespace onebit {
namespace {

using testing::TemporaryFolder;

struct Tensor {
  std::string name;
  int64_t rows, cols;
  const Format* format;
  std::vector<uint8_t> bytes;
};

GgufMetadata metadata_of(const std::string& architecture) {
  GgufMetadata m;
  m.set("general.architecture", architecture);
  m.set("general.file_type", uint32_t{40});
  m.set("split.no", uint16_t{0});
  m.set("llama.attention.head_count", uint32_t{4});
  m.set("llama.attention.head_count_kv", uint32_t{2});
  return m;
}

void write(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
           const std::string& architecture = "bitnet-b1.58") {
  GgufWriter writer(path, metadata_of(architecture));
  for (const Tensor& t : tensors) {
    std::vector<int64_t> shape = {t.cols};
    if (t.rows > 1) shape.push_back(t.rows);
    writer.add_tensor(t.name, shape, t.format->id, static_cast<int64_t>(t.bytes.size()));
  }
  writer.begin();
  for (const Tensor& t : tensors) writer.write_tensor(t.bytes);
  writer.commit();
}

CodeMatrix random_codes(int64_t rows, int64_t cols, WeightClass weight_class, int64_t group,
                        float scale, uint64_t seed) {
  Rng rng(seed);
  CodeMatrix m{.rows = rows, .cols = cols, .group = group, .codes = {}, .scales = {}};
  for (int64_t i = 0; i < rows * cols; ++i) {
    const auto code = static_cast<int8_t>(static_cast<int>(rng.below(3)) - 1);
    m.codes.push_back(code == 0 && weight_class == WeightClass::kBinary ? int8_t{1} : code);
  }
  m.scales.assign(static_cast<std::size_t>(rows * (cols / group)), scale);
  return m;
}

Tensor tensor(const std::string& name, const Format& f, const CodeMatrix& m) {
  Tensor t{name, m.rows, m.cols, &f, {}};
  t.bytes.resize(static_cast<std::size_t>(f.bytes(m.rows, m.cols)));
  f.from_codes(m, t.bytes.data());
  return t;
}

Tensor float_tensor(const std::string& name, const Format& f, int64_t rows, int64_t cols,
                    const std::vector<float>& values) {
  Tensor t{name, rows, cols, &f, {}};
  t.bytes.resize(static_cast<std::size_t>(f.bytes(rows, cols)));
  f.from_float(values.data(), rows, cols, t.bytes.data());
  return t;
}

std::vector<float> random_floats(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(rng.normal() * 0.1));
  return values;
}

constexpr char kWeight[] = "blk.0.ffn_up.weight";

ConvertOptions to(const char* type, bool allow_lossy = false) {
  return {.type = &writable_format(type), .allow_lossy = allow_lossy};
}

ConvertReport convert(const std::filesystem::path& from, const std::filesystem::path& path,
                      const ConvertOptions& options) {
  return convert_model(ModelFile::open(from), path, options);
}

std::vector<uint8_t> bytes_of(const std::filesystem::path& path, const std::string& name) {
  const ModelFile file = ModelFile::open(path);
  const ModelTensor* t = file.find(name);
  if (t == nullptr) return {};
  return {t->bytes.begin(), t->bytes.end()};
}

std::vector<float> floats_of(const std::filesystem::path& path, const std::string& name) {
  const ModelFile file = ModelFile::open(path);
  const ModelTensor& t = *file.find(name);
  std::vector<float> values(static_cast<std::size_t>(t.rows() * t.cols()));
  for (int64_t r = 0; r < t.rows(); ++r) {
    t.format->to_float(t.bytes.data(), t.rows(), t.cols(), r, values.data() + r * t.cols());
  }
  return values;
}

std::string error_of(const std::filesystem::path& from, const std::filesystem::path& path,
                     const ConvertOptions& options) {
  try {
    convert(from, path, options);
  } catch (const Error& e) {
    EXPECT_FALSE(std::filesystem::exists(path));
    return e.what();
  }
  return "no error";
}

class Convert : public ::testing::Test {
 protected:
  TemporaryFolder folder_{"convert"};
};

// Large enough for several chunks, also of I2_S with rows that end inside a group.
TEST_F(Convert, EveryPairOfFormatsThatHoldTheSameCodesRoundTrips) {
  for (const WeightClass weight_class : {WeightClass::kBinary, WeightClass::kTernary}) {
    const CodeMatrix m =
        random_codes(kIsSanitized ? 260 : 1500, 768, weight_class, 768, 0.03125f, 5);
    for (const Format& a : formats()) {
      if (a.from_codes == nullptr) continue;
      if (weight_class == WeightClass::kTernary && a.weight_class == WeightClass::kBinary) continue;
      const Tensor source = tensor(kWeight, a, m);
      write(folder_ / "a", {source});
      for (const Format& b : formats()) {
        if (b.from_codes == nullptr) {
          if (b.from_float == nullptr || b.block > 1) continue;
        } else if (weight_class == WeightClass::kTernary &&
                   b.weight_class == WeightClass::kBinary) {
          continue;
        }
        SCOPED_TRACE(std::string(a.name) + " -> " + b.name);
        convert(folder_ / "a", folder_ / "b", {.type = &b});
        convert(folder_ / "b", folder_ / "c", {.type = &a});
        EXPECT_EQ(bytes_of(folder_ / "b", kWeight).size(),
                  static_cast<std::size_t>(b.bytes(m.rows, m.cols)));
        EXPECT_TRUE(bytes_of(folder_ / "c", kWeight) == source.bytes);
      }
    }
  }
}

TEST_F(Convert, FlatGroupsAcrossRowsAndChunks) {
  const CodeMatrix m = random_codes(8640, 320, WeightClass::kTernary, 320, 0.7f, 9);
  const Tensor source = tensor(kWeight, format(kI2_S), m);
  write(folder_ / "a", {source});
  convert(folder_ / "a", folder_ / "b", to("iq2_bn"));
  EXPECT_TRUE(bytes_of(folder_ / "b", kWeight) == tensor("", format(kIQ2_BN), m).bytes);
  convert(folder_ / "b", folder_ / "c", to("i2_s"));
  EXPECT_TRUE(bytes_of(folder_ / "c", kWeight) == source.bytes);
  const std::string error = error_of(folder_ / "a", folder_ / "d", to("tq2_0"));
  EXPECT_NE(error.find(kWeight), std::string::npos) << error;
  EXPECT_NE(error.find("320 columns"), std::string::npos) << error;
}

TEST_F(Convert, WithoutOptionsEveryTensorAndKeyStays) {
  const std::vector<Tensor> tensors = {
      float_tensor("token_embd.weight", format(kF16), 40, 256, random_floats(40 * 256, 1)),
      float_tensor("blk.0.attn_norm.weight", format(kF16), 1, 256, random_floats(256, 2)),
      tensor(kWeight, format(kI2_S), random_codes(8, 256, WeightClass::kTernary, 256, 0.3f, 3)),
      float_tensor("blk.0.ffn_up.scale", format(kF32), 1, 1, {1.7f}),
      float_tensor("output.weight", format(kQ8_0), 40, 256, random_floats(40 * 256, 4))};
  write(folder_ / "a", tensors);
  const auto report = convert(folder_ / "a", folder_ / "b", {});
  EXPECT_EQ(report.tensors, 5);
  const GgufFile file = GgufFile::open(folder_ / "b");
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (const Tensor& t : tensors) {
    const GgufTensor* found = file.find(t.name);
    ASSERT_NE(found, nullptr) << t.name;
    EXPECT_EQ(found->type, t.format->id);
    EXPECT_TRUE(std::ranges::equal(found->available.first(t.bytes.size()), t.bytes)) << t.name;
  }
  EXPECT_EQ(file.metadata().get_int("general.file_type"), 40);
  EXPECT_EQ(file.metadata().find("split.no"), nullptr);
}

TEST_F(Convert, ASeparateScaleIsFoldedIntoTheFormats) {
  const CodeMatrix m = random_codes(4, 256, WeightClass::kTernary, 256, 0.5f, 3);
  write(folder_ / "a", {tensor(kWeight, format(kTQ2_0), m),
                        float_tensor("blk.0.ffn_up.scale", format(kF32), 1, 1, {1.7f})});
  convert(folder_ / "a", folder_ / "b", to("i2_s"));
  CodeMatrix folded = m;
  for (float& scale : folded.scales) scale *= 1.7f;
  EXPECT_TRUE(bytes_of(folder_ / "b", kWeight) == tensor("", format(kI2_S), folded).bytes);
  const GgufFile file = GgufFile::open(folder_ / "b");
  EXPECT_EQ(file.find("blk.0.ffn_up.scale"), nullptr);
  EXPECT_EQ(file.metadata().find("general.file_type"), nullptr);
  // f16 does not hold 0.85.
  EXPECT_NE(error_of(folder_ / "a", folder_ / "c", to("q2_0")).find("f16"), std::string::npos);
}

TEST_F(Convert, AScaleThatF16DoesNotHoldIsRoundedOnlyWhenAllowed) {
  const float scale = 0.0123456f;
  const CodeMatrix m = random_codes(4, 256, WeightClass::kTernary, 256, scale, 3);
  write(folder_ / "a", {tensor(kWeight, format(kI2_S), m)});
  const std::string error = error_of(folder_ / "a", folder_ / "b", to("tq1_0"));
  EXPECT_NE(error.find(kWeight), std::string::npos) << error;
  EXPECT_NE(error.find("0.0123456"), std::string::npos) << error;
  const auto report = convert(folder_ / "a", folder_ / "b", to("tq1_0", true));
  ASSERT_EQ(report.losses.size(), 1u);
  CodeMatrix rounded = m;
  for (float& s : rounded.scales) s = f16_to_f32(f32_to_f16(s));
  EXPECT_TRUE(bytes_of(folder_ / "b", kWeight) == tensor("", format(kTQ1_0), rounded).bytes);
}

TEST_F(Convert, FloatsThatAreCodesBecomeCodes) {
  const CodeMatrix m = random_codes(5000, 256, WeightClass::kTernary, 256, 0.25f, 11);
  std::vector<float> values(m.codes.size());
  dequantize_weights(m, values.data());
  std::fill_n(values.begin(), 256, 0.0f);  // a row of zeros has no scale of its own
  write(folder_ / "a", {float_tensor(kWeight, format(kBF16), 5000, 256, values)});
  convert(folder_ / "a", folder_ / "b", to("i2_s"));
  EXPECT_EQ(floats_of(folder_ / "b", kWeight), values);
  convert(folder_ / "a", folder_ / "c", to("q2_0"));
  EXPECT_EQ(floats_of(folder_ / "c", kWeight), values);
}

TEST_F(Convert, OtherFloatsBecomeTernaryByAbsmeanOnlyWhenAllowed) {
  const auto values = random_floats(5000 * 256, 13);
  write(folder_ / "a", {float_tensor(kWeight, format(kF32), 5000, 256, values)});
  EXPECT_NE(error_of(folder_ / "a", folder_ / "b", to("i2_s")).find(kWeight), std::string::npos);
  convert(folder_ / "a", folder_ / "b", to("i2_s", true));
  const CodeMatrix expected = quantize_weights(values.data(), 5000, 256, WeightClass::kTernary,
                                               Granularity::kTensor, ScaleType::kF32);
  EXPECT_TRUE(bytes_of(folder_ / "b", kWeight) == tensor("", format(kI2_S), expected).bytes);
  convert(folder_ / "a", folder_ / "c", to("q1_0", true));
  const CodeMatrix binary = quantize_weights(values.data(), 5000, 256, WeightClass::kBinary,
                                             Granularity::kGroup128, ScaleType::kF16);
  EXPECT_TRUE(bytes_of(folder_ / "c", kWeight) == tensor("", format(kQ1_0), binary).bytes);
}

TEST_F(Convert, FloatsKeepTheirValuesOrAreRefused) {
  const auto values = random_floats(3 * 64, 17);
  const Tensor half = float_tensor("token_embd.weight", format(kF16), 3, 64, values);
  write(folder_ / "a", {half});
  const auto embedding = [](const char* type, bool lossy = false) {
    return ConvertOptions{.embedding_type = &writable_format(type), .allow_lossy = lossy};
  };
  convert(folder_ / "a", folder_ / "b", embedding("f32"));
  EXPECT_EQ(floats_of(folder_ / "b", half.name), floats_of(folder_ / "a", half.name));
  convert(folder_ / "b", folder_ / "c", embedding("f16"));
  EXPECT_TRUE(bytes_of(folder_ / "c", half.name) == half.bytes);
  EXPECT_NE(error_of(folder_ / "a", folder_ / "d", embedding("bf16")).find("token_embd"),
            std::string::npos);
  EXPECT_NE(error_of(folder_ / "a", folder_ / "d", embedding("q8_0")).find("Q8_0"),
            std::string::npos);
  convert(folder_ / "a", folder_ / "d", embedding("q8_0", true));
  EXPECT_TRUE(bytes_of(folder_ / "d", half.name) ==
              float_tensor("", format(kQ8_0), 3, 64, floats_of(folder_ / "a", half.name)).bytes);
}

// A model as a Hugging Face reader hands it over: floats with a meaning, rows in the model's order.
class ConvertMaster : public Convert {
 protected:
  ModelFile master(const Tensor& t, AtLoad at_load, const std::string& architecture) {
    ModelFile::Contents contents{.name = "folder",
                                 .container = "Hugging Face folder",
                                 .metadata = metadata_of(architecture),
                                 .tensors = {},
                                 .quirks = {},
                                 .files = {}};
    AlignedBuffer<uint8_t> bytes(static_cast<int64_t>(t.bytes.size()));
    std::ranges::copy(t.bytes, bytes.begin());
    contents.files.emplace_back(std::move(bytes));
    contents.tensors.push_back({.name = t.name,
                                .shape = {t.cols, t.rows},
                                .format = t.format,
                                .bytes = contents.files[0].span(),
                                .at_load = at_load});
    return ModelFile(std::move(contents));
  }
};

TEST_F(ConvertMaster, BecomesWhatTheLoaderWouldMakeOfIt) {
  const auto values = random_floats(5000 * 256, 19);
  const Tensor t = float_tensor(kWeight, format(kF32), 5000, 256, values);
  const auto report = convert_model(master(t, AtLoad::kTernary, "bitnet-b1.58"), folder_ / "a", {});
  EXPECT_TRUE(report.losses.empty());
  const CodeMatrix expected = quantize_weights(values.data(), 5000, 256, WeightClass::kTernary,
                                               Granularity::kTensor, ScaleType::kF32);
  EXPECT_TRUE(bytes_of(folder_ / "a", kWeight) == tensor("", format(kI2_S), expected).bytes);
}

TEST_F(ConvertMaster, GroupsBecomeBlocks) {
  for (const bool binary : {true, false}) {
    const auto weight_class = binary ? WeightClass::kBinary : WeightClass::kTernary;
    CodeMatrix m = random_codes(4, 256, weight_class, 128, 0.25f, 3);
    for (std::size_t i = 0; i < m.scales.size(); ++i) m.scales[i] = 0.25f + 0.125f * float(i);
    std::vector<float> values(m.codes.size());
    dequantize_weights(m, values.data());
    const Tensor t = float_tensor(kWeight, format(kF16), 4, 256, values);
    convert_model(master(t, AtLoad::kGroups128, "qwen3"), folder_ / "a", {});
    EXPECT_EQ(GgufFile::open(folder_ / "a").find(kWeight)->type, binary ? kQ1_0 : kQ2_0);
    EXPECT_EQ(floats_of(folder_ / "a", kWeight), values);
  }
}

TEST_F(ConvertMaster, RowsOfLlamasQueriesAndKeysAreInterleaved) {
  const int64_t rows = 4 * 16;
  const auto values = random_floats(rows * 64, 23);
  const Tensor t = float_tensor("blk.0.attn_q.weight", format(kF32), rows, 64, values);
  convert_model(master(t, AtLoad::kAsStored, "llama"), folder_ / "a", {});
  const auto found = floats_of(folder_ / "a", t.name);
  for (int64_t row = 0; row < rows; ++row) {
    EXPECT_TRUE(std::equal(values.begin() + row * 64, values.begin() + row * 64 + 64,
                           found.begin() + interleaved_row(row, 16) * 64))
        << row;
  }
  // Once more, from GGUF to GGUF: the order is that of the file already.
  const auto report = convert(folder_ / "a", folder_ / "b", {});
  EXPECT_EQ(report.copied, 1);
  EXPECT_EQ(floats_of(folder_ / "b", t.name), found);
}

TEST_F(Convert, TheWayActivationsEnterIsWrittenWhereTheFormatWouldChangeIt) {
  GgufMetadata m = metadata_of("qwen3");
  const CodeMatrix codes = random_codes(128, 256, WeightClass::kTernary, 256, 0.25f, 3);
  const Tensor t = tensor("blk.0.ffn_down.weight", format(kQ2_0), codes);
  m.set("qwen3.embedding_length", uint32_t{128});
  m.set("qwen3.feed_forward_length", uint32_t{256});
  m.set("qwen3.block_count", uint32_t{1});
  m.set("qwen3.attention.head_count", uint32_t{2});
  m.set("qwen3.context_length", uint32_t{64});
  m.set("qwen3.attention.layer_norm_rms_epsilon", 1e-6f);
  GgufWriter writer(folder_ / "a", m);
  writer.add_tensor(t.name, {t.cols, t.rows}, t.format->id, static_cast<int64_t>(t.bytes.size()));
  writer.begin();
  writer.write_tensor(t.bytes);
  writer.commit();
  convert(folder_ / "a", folder_ / "b", to("tq2_0"));
  EXPECT_EQ(GgufFile::open(folder_ / "b").metadata().get_string(kActQuantKey), "a8g32");
  convert(folder_ / "a", folder_ / "c", to("pq2_0"));
  EXPECT_EQ(GgufFile::open(folder_ / "c").metadata().find(kActQuantKey), nullptr);
}

TEST(ConvertOptions, TypesThatCannotBeWrittenAreRefused) {
  EXPECT_EQ(&writable_format("i2_s"), &format(kI2_S));
  for (const char* name : {"q4_k", "I2_S/64", "x", ""}) {
    EXPECT_THROW(writable_format(name), Error) << name;
  }
}

}  // namespace
}  // namespace onebit
