// Packed files: the logits of their sources bit for bit, mapped and not copied, and back again.
#include "convert/pack.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "convert/convert.h"
#include "engine/engine.h"
#include "kernels/dispatch.h"
#include "models/config.h"

namespace onebit {
namespace {

const std::vector<int32_t> kTokens = {1, 300, 17, 5, 42, 511, 8};

std::string golden(const std::string& name) {
  return ONEBIT_GOLDEN_MODELS + name + ".gguf";
}

class PackFiles : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  std::filesystem::path pack(const std::filesystem::path& from, Head head = Head::kInt8) const {
    pack_model(ModelFile::open(from), path("packed.gguf"), {.head = head});
    return path("packed.gguf");
  }

 private:
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("onebit_pack_" + std::to_string(getpid()));
};

class Pack : public PackFiles, public ::testing::WithParamInterface<const char*> {};

std::vector<float> logits(const std::filesystem::path& file, const EngineOptions& options) {
  Engine engine(ModelFile::open(file), options);
  Sequence sequence(engine);
  std::vector<float> all;
  sequence.append_all(kTokens, [&](int64_t, std::span<const float> some) {
    all.insert(all.end(), some.begin(), some.end());
  });
  return all;
}

EngineOptions two_threads() {
  return {.threads = 2, .context = 32};
}

TEST_P(Pack, TheSameLogits) {
  const auto source = golden(GetParam());
  const auto packed = pack(source);
  EXPECT_EQ(logits(packed, two_threads()), logits(source, two_threads()));
}

TEST_P(Pack, TheSameLogitsWithTheHeadAsItIs) {
  EngineOptions options = two_threads();
  options.head = Head::kExact;
  const auto source = golden(GetParam());
  const auto packed = pack(source, Head::kExact);
  EXPECT_EQ(logits(packed, options), logits(source, options));
}

TEST_P(Pack, TheSameLogitsWithAHeadOfSixBits) {
  const auto source = golden(GetParam());
  const auto packed = pack(source, Head::kInt6);
  EngineOptions options = two_threads();
  options.head = Head::kInt6;
  const auto expected = logits(source, options);
  for (const Kernels* kernels : usable_kernels()) {
    options.isa = kernels->isa;
    EXPECT_EQ(logits(source, options), expected) << kernels->isa;
    EXPECT_EQ(logits(packed, options), expected) << kernels->isa;
    options.head = Head::kInt8;  // the file's six bits stay
    EXPECT_EQ(logits(packed, options), expected) << kernels->isa;
    options.head = Head::kInt6;
  }
}

// What the kernels do not read as it lies is repacked from its codes, or decoded.
TEST_P(Pack, OtherActivationsThanPackedFor) {
  const auto source = golden(GetParam());
  const auto packed = pack(source, Head::kExact);
  for (const ActQuant quant : {ActQuant::kF32, ActQuant::kInt8, ActQuant::kInt8Group}) {
    EngineOptions options = two_threads();
    options.activations = quant;
    options.head = Head::kExact;
    EXPECT_EQ(logits(packed, options), logits(source, options)) << static_cast<int>(quant);
  }
}

TEST_P(Pack, EveryMatrixIsPanels) {
  const ModelFile packed = ModelFile::open(pack(golden(GetParam())));
  const bool untied = packed.find("output.weight") != nullptr;
  for (const ModelTensor& t : packed.tensors()) {
    const bool is_matrix = t.name.starts_with("blk.") && t.shape.size() > 1;
    const bool is_head = t.name == (untied ? "output.weight" : "token_embd.weight");
    EXPECT_EQ(t.format->packing.has_value(), is_matrix || is_head) << t.name;
    EXPECT_EQ(t.interleaved_heads, 0) << t.name;
    EXPECT_TRUE(!t.format->packing || reinterpret_cast<uintptr_t>(t.bytes.data()) % 64 == 0);
  }
  EXPECT_NE(packed.metadata().find(kActQuantKey), nullptr);
}

TEST_P(Pack, PackedAgainIsACopy) {
  const auto once = pack(golden(GetParam()));
  const auto report = pack_model(ModelFile::open(once), path("twice.gguf"), {});
  EXPECT_EQ(report.copied, report.tensors);
  EXPECT_EQ(report.losses, std::vector<std::string>{});
  const auto a = read_file(once);
  const auto b = read_file(path("twice.gguf"));
  EXPECT_TRUE(std::ranges::equal(a.span(), b.span()));
}

// Codes, scales and the order of rows all come back.
TEST_P(Pack, ConvertedBackItIsTheSource) {
  const ModelFile source = ModelFile::open(golden(GetParam()));
  const ModelTensor& some = *source.find("blk.0.ffn_down.weight");
  const auto packed = pack(golden(GetParam()), Head::kExact);
  const Format* type = find_format(some.format->id);
  convert_model(
      ModelFile::open(packed), path("back.gguf"),
      {.type = type, .embedding_type = find_format(source.find("token_embd.weight")->format->id)});
  const ModelFile back = ModelFile::open(path("back.gguf"));
  for (const ModelTensor& t : source.tensors()) {
    const ModelTensor* found = back.find(t.name);
    ASSERT_NE(found, nullptr) << t.name;
    ASSERT_EQ(found->format, t.format) << t.name;
    const std::size_t tail = t.format->id == kI2_S ? 28 : 0;  // whatever its writer had in memory
    EXPECT_TRUE(std::ranges::equal(found->bytes.first(found->bytes.size() - tail),
                                   t.bytes.first(t.bytes.size() - tail)))
        << t.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Pack,
                         ::testing::Values("bitnet158-a.i2_s", "bitnet-a.tq2_0-embf16",
                                           "bitnet-a.tq1_0-embf16", "llama-tied-a.q2_0",
                                           "llama-tied-a.tq2_0", "llama-untied-a.tq2_0",
                                           "llama-binary-a.q1_0", "llama-binary-a.q1_0-embq8_0",
                                           "qwen3-binary-a.q1_0", "qwen3-ternary-a.q2_0"),
                         [](const auto& model) {
                           std::string name = model.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

// A separate scale of a tensor is folded into the scales of its rows, as at load.
TEST_F(PackFiles, SeparateScales) {
  const auto source = golden("bitnet-a-scale.tq2_0-embf16");
  EXPECT_EQ(logits(pack(source), two_threads()), logits(source, two_threads()));
}

TEST_F(PackFiles, ScalesOfSomeColumnsStayInF16) {
  const auto type_of = [&](const char* source) {
    return ModelFile::open(pack(golden(source))).find("blk.0.ffn_down.weight")->format->id;
  };
  EXPECT_EQ(type_of("qwen3-binary-a.q1_0"), kP_BINARY_128_F16);
  EXPECT_EQ(type_of("qwen3-ternary-a.q2_0"), kP_TERNARY_64_F16);
}

TEST_F(PackFiles, AModelOfFloatsKeepsThem) {
  const auto source = golden("llama-tied-a.f16");
  const auto packed = pack(source);
  EXPECT_EQ(logits(packed, two_threads()), logits(source, two_threads()));
  EXPECT_EQ(ModelFile::open(packed).find("blk.0.ffn_up.weight")->format->id, kF16);
  EXPECT_EQ(ModelFile::open(packed).find("token_embd.weight")->format->id, kP_INT8);
}

TEST_F(PackFiles, AHeadOfSixBitsIsKept) {
  const auto once = pack(golden("bitnet-a.tq2_0-embf16"), Head::kInt6);
  EXPECT_EQ(ModelFile::open(once).find("token_embd.weight")->format->id, kP_INT6);
  const auto report = pack_model(ModelFile::open(once), path("twice.gguf"), {});
  EXPECT_EQ(report.copied, report.tensors);
  const auto a = read_file(once);
  const auto b = read_file(path("twice.gguf"));
  EXPECT_TRUE(std::ranges::equal(a.span(), b.span()));
}

TEST_F(PackFiles, AScaleThatIsNotFiniteIsRefused) {
  const auto packed = pack(golden("bitnet158-a.i2_s"));
  int64_t at = 0;
  {
    const ModelFile file = ModelFile::open(packed);
    const ModelTensor& t = *file.find("blk.1.ffn_up.weight");
    const auto all = read_file(packed);
    const auto found = std::ranges::search(all.span(), t.bytes);
    at = found.end() - all.span().begin() - 4;  // the last row's
  }
  std::fstream stream(packed, std::ios::in | std::ios::out | std::ios::binary);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  stream.seekp(at).write(reinterpret_cast<const char*>(&nan), sizeof nan);
  stream.close();
  try {
    logits(packed, two_threads());
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("'blk.1.ffn_up.weight': "), std::string::npos) << e.what();
    EXPECT_EQ(e.code(), ErrorCode::kInvalidFile);
  }
}

// The weights stay in the file, so it must stay too.
TEST_F(PackFiles, AFileThatShrinksEndsInOneLine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto packed = pack(golden("bitnet158-a.i2_s"));
  const auto cut_in_use = [&] {
    report_bus_errors();
    Engine engine(ModelFile::open(packed), {.threads = 1, .context = 32});
    std::filesystem::resize_file(packed, 4096);
    Sequence sequence(engine);
    sequence.append(kTokens);
  };
  EXPECT_EXIT(cut_in_use(), ::testing::ExitedWithCode(74), "^onebit: a model file shrank");
}

}  // namespace
}  // namespace onebit
