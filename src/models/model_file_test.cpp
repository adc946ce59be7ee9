// GGUF files as models: parts, layouts, scales of their own, what is refused.
#include "models/model_file.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include "models/loader.h"
#include "models/test_model.h"

namespace onebit {
namespace {

class ModelFileTest : public ::testing::Test {
 protected:
  ModelFileTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("model_file_test." + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ModelFileTest() override { std::filesystem::remove_all(folder_); }

  // The tensors [begin, end) of `whole` with this metadata.
  void write_part(const std::string& name, const GgufFile& whole, GgufMetadata metadata,
                  std::size_t begin, std::size_t end) {
    GgufWriter writer(folder_ / name, std::move(metadata));
    for (std::size_t i = begin; i < end; ++i) {
      const GgufTensor& t = whole.tensors()[i];
      writer.add_tensor(t.name, t.shape, t.type, bytes_of(t));
    }
    writer.begin();
    for (std::size_t i = begin; i < end; ++i) {
      const GgufTensor& t = whole.tensors()[i];
      writer.write_tensor(t.available.first(static_cast<std::size_t>(bytes_of(t))));
    }
    writer.commit();
  }

  // The test model in `count` parts; `edit` changes the metadata of part `no` before it is written.
  std::filesystem::path write_split(
      uint16_t count, const std::function<void(uint16_t no, GgufMetadata&)>& edit = {}) {
    const auto path = write_test_model(small_test_model(), "model_file_test");
    const GgufFile whole = GgufFile::open(path);
    std::filesystem::remove(path);
    const std::size_t n = whole.tensors().size();
    for (uint16_t no = 0; no < count; ++no) {
      GgufMetadata metadata = no == 0 ? whole.metadata() : GgufMetadata();
      metadata.set("split.no", no);
      metadata.set("split.count", count);
      metadata.set("split.tensors.count", static_cast<int32_t>(n));
      if (edit) edit(no, metadata);
      write_part(part_name(no, count), whole, metadata, no * n / count, (no + 1u) * n / count);
    }
    return folder_ / part_name(0, count);
  }

  static std::string part_name(int no, int count) {
    char name[64];
    std::snprintf(name, sizeof name, "m-%05d-of-%05d.gguf", no + 1, count);
    return name;
  }

  static int64_t bytes_of(const GgufTensor& t) {
    return find_format(t.type)->bytes(t.rows(), t.cols());
  }

  std::string refusal(const std::filesystem::path& path, const OpenOptions& options = {}) {
    try {
      load_model(ModelFile::open(path, options));
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
      EXPECT_NE(std::string(e.what()).find(folder_.string()), std::string::npos) << e.what();
      return e.what();
    }
    return "";
  }

  void expect_refusal(const std::filesystem::path& path, const std::string& part,
                      const OpenOptions& options = {}) {
    const std::string found = refusal(path, options);
    EXPECT_NE(found.find(part), std::string::npos) << found;
  }

  // A whole test model with one more tensor or key.
  std::filesystem::path write_edited(const std::function<void(TestModel&)>& edit) {
    TestModel m = small_test_model();
    edit(m);
    const auto path = write_test_model(m, "model_file_test");
    std::filesystem::rename(path, folder_ / "m.gguf");
    return folder_ / "m.gguf";
  }

  std::filesystem::path folder_;
};

TEST_F(ModelFileTest, PartsAreOneModel) {
  const auto path = write_split(3);
  const ModelFile file = ModelFile::open(path);
  EXPECT_EQ(file.container(), "GGUF v3, 3 parts");
  EXPECT_EQ(file.tensors().size(), 24u);
  EXPECT_GT(load_model(file).model->bytes_per_token(), 0);
}

TEST_F(ModelFileTest, WrongPartsAreRefused) {
  write_split(3);
  expect_refusal(folder_ / part_name(1, 3), "expected the first of at most 1024 parts, found 1, 3");
  std::filesystem::remove(folder_ / part_name(2, 3));
  expect_refusal(folder_ / part_name(0, 3), "m-00003-of-00003.gguf");
  std::filesystem::rename(folder_ / part_name(0, 3), folder_ / "other.gguf");
  expect_refusal(folder_ / "other.gguf", "expected a file NAME-00001-of-3.gguf");

  const auto set = [](int part, const char* key, GgufValue value) {
    return [=](uint16_t no, GgufMetadata& metadata) {
      if (no == part) metadata.set(key, value);
    };
  };
  expect_refusal(write_split(2, set(1, "split.no", uint16_t{0})), "expected 1, 2, found 0, 2");
  expect_refusal(write_split(2, set(1, "split.count", uint16_t{3})), "expected 1, 2, found 1, 3");
  expect_refusal(write_split(2, set(0, "split.tensors.count", int32_t{7})), "expected 7 tensors");
  expect_refusal(write_split(2, set(0, "split.count", uint16_t{65535})), "found 0, 65535");
}

TEST_F(ModelFileTest, I2sLayoutIsChosenByTheUser) {
  const auto path = write_edited([](TestModel&) {});
  EXPECT_STREQ(ModelFile::open(path).find("blk.0.attn_q.weight")->format->name, "I2_S");
  const ModelFile arm = ModelFile::open(path, {.i2s_layout = "64"});
  EXPECT_STREQ(arm.find("blk.0.attn_q.weight")->format->name, "I2_S/64");
  ASSERT_EQ(arm.quirks().size(), 1u);
  EXPECT_NE(arm.quirks()[0].find("I2_S/64"), std::string::npos);
  EXPECT_EQ(refusal(path, {.i2s_layout = "4row"}), "");
  EXPECT_THROW(ModelFile::open(path, {.i2s_layout = "32"}), Error);
}

TEST_F(ModelFileTest, RotatedWeightsAreRefused) {
  const auto path = write_edited([](TestModel& m) {
    m.edit_metadata = [](GgufMetadata& metadata) {
      metadata.set("prism.hadamard.version", uint32_t{1});
    };
  });
  expect_refusal(path, "Hadamard-rotated (Bonsai 2)");
}

TEST_F(ModelFileTest, LlamaStoresQAndKInterleaved) {
  const auto path = write_edited([](TestModel& m) {
    m.config.architecture = "llama";
    m.config.sub_norms = false;
    m.config.activation = Activation::kSilu;
  });
  const ModelFile file = ModelFile::open(path);
  EXPECT_EQ(file.find("blk.0.attn_q.weight")->interleaved_heads, 4);
  EXPECT_EQ(file.find("blk.0.attn_k.weight")->interleaved_heads, 2);
  EXPECT_EQ(file.find("blk.0.attn_v.weight")->interleaved_heads, 0);
}

TEST_F(ModelFileTest, ActivationsFollowTheKindOfWeights) {
  const auto quant = [&](TensorType type, WeightClass weight_class) {
    return load_config(ModelFile::open(write_edited([&](TestModel& m) {
                         m.type = type;
                         m.weight_class = weight_class;
                         m.edit_metadata = [](GgufMetadata& metadata) {
                           GgufMetadata kept;
                           for (const auto& [key, value] : metadata.entries()) {
                             if (key != kActQuantKey) kept.set(key, value);
                           }
                           metadata = kept;
                         };
                       })),
                       64)
        .act_quant;
  };
  EXPECT_EQ(quant(kI2_S, WeightClass::kTernary), ActQuant::kInt8);
  EXPECT_EQ(quant(kQ1_0, WeightClass::kBinary), ActQuant::kInt8Group);
  EXPECT_EQ(quant(kQ2_0, WeightClass::kTernary), ActQuant::kInt8Group);
}

}  // namespace
}  // namespace onebit
