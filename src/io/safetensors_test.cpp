#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <sstream>

#include "io/safetensors_sample.h"

namespace onebit {
namespace {

using enum SafetensorsDtype;
using testing::error_of;
using testing::safetensors_bytes;
using testing::SampleArray;
using testing::TemporaryFolder;
using testing::write_text;

SafetensorsFile parse(const std::string& bytes) {
  return SafetensorsFile::parse(testing::to_buffer(bytes), "FILE");
}

std::string_view text_of(const SafetensorsTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

TEST(Safetensors, WritesTheBytesOfTheFormat) {
  const TemporaryFolder folder("safetensors");
  testing::write_arrays(folder / "f", {{"format", "pt"}},
                        {{"a", kF32, {1, 2}, "12345678"}, {"b", kU8, {}, "9"}});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(testing::read_text(folder / "f"), safetensors_bytes(padded, "123456789"));
}

TEST(Safetensors, ReadsBackWhatWasWritten) {
  const TemporaryFolder folder("safetensors");
  const auto arrays = testing::sample_arrays();
  const SafetensorsMetadata metadata = {{"format", "pt"}, {"", "a\n\"\xe2\x82\xac"}};
  testing::write_arrays(folder / "f", metadata, arrays);
  const SafetensorsFile file = SafetensorsFile::open(folder / "f");
  EXPECT_EQ(file.name(), (folder / "f").string());
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const SafetensorsTensor& tensor = file.tensors()[i];
    EXPECT_EQ(tensor.name, arrays[i].name);
    EXPECT_EQ(tensor.dtype, arrays[i].dtype);
    EXPECT_EQ(tensor.shape, arrays[i].shape);
    EXPECT_EQ(text_of(tensor), arrays[i].data);
    EXPECT_EQ(file.find(tensor.name), &tensor);
  }
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST(Safetensors, EveryDtype) {
  const std::pair<const char*, int> dtypes[] = {
      {"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
      {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const auto& [name, size] : dtypes) {
    const std::string bytes = std::to_string(3 * size);
    const SafetensorsFile file =
        parse(safetensors_bytes("{\"a\":{\"dtype\":\"" + std::string(name) +
                                    "\",\"shape\":[3],\"data_offsets\":[0," + bytes + "]}}",
                                std::string(3 * static_cast<std::size_t>(size), 'x')));
    EXPECT_EQ(dtype_name(file.tensors()[0].dtype), name);
    EXPECT_EQ(dtype_bytes(file.tensors()[0].dtype), size);
  }
}

// Values of tests/golden/safetensors/README.md.
TEST(Safetensors, ReadsAFileOfAnotherWriter) {
  const std::string path = ONEBIT_SOURCE_DIR "/tests/golden/safetensors/tiny-llama-packed";
  const SafetensorsFile file = SafetensorsFile::open(path + ".safetensors");
  EXPECT_EQ(file.metadata(), (SafetensorsMetadata{{"format", "pt"}}));
  std::ostringstream lines;
  std::vector<SampleArray> arrays;
  for (const SafetensorsTensor& t : file.tensors()) {
    uint64_t sum = 0;
    for (std::size_t i = 0; i < t.bytes.size(); ++i) sum += (i + 1) * t.bytes[i];
    lines << t.name << ' ' << dtype_name(t.dtype) << ' ' << t.bytes.size() << ' ' << sum << ' '
          << t.shape.size();
    for (const int64_t dim : t.shape) lines << ' ' << dim;
    lines << '\n';
    arrays.push_back({t.name, t.dtype, t.shape, std::string(text_of(t))});
  }
  EXPECT_EQ(lines.str(), testing::read_text(path + ".txt"));

  const TemporaryFolder folder("safetensors");
  testing::write_arrays(folder / "again", file.metadata(), arrays);
  EXPECT_EQ(testing::read_text(folder / "again"), testing::read_text(path + ".safetensors"));
}

TEST(Safetensors, TensorsComeInOrderOfDataWhateverTheOrderOfTheHeader) {
  const SafetensorsFile file =
      parse(safetensors_bytes("{"
                              R"("b": {"data_offsets": [1, 3], "shape": [2], "dtype": "I8"},)"
                              R"( "\u0061": {"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                              R"("z":{"dtype":"F32","shape":[0],"data_offsets":[1,1]} } )"
                              "\n\t",
                              "xyz"));
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(text_of(*file.find("a")), "x");
  EXPECT_EQ(text_of(*file.find("b")), "yz");
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[1].name, "z");
  EXPECT_EQ(file.tensors()[2].name, "b");
}

TEST(Safetensors, AFileOfNothing) {
  EXPECT_TRUE(parse(safetensors_bytes("{}")).tensors().empty());
  const TemporaryFolder folder("safetensors");
  testing::write_arrays(folder / "f", {}, {});
  EXPECT_EQ(testing::read_text(folder / "f"), safetensors_bytes("{}      "));
}

TEST(SafetensorsWriter, RefusesWhatTheReaderWouldAndLeavesNoFile) {
  const TemporaryFolder folder("safetensors");
  const auto write = [&](const SafetensorsMetadata& metadata,
                         const std::vector<std::string>& names) {
    std::vector<SampleArray> arrays;
    for (const auto& name : names) arrays.push_back({name, kU8, {1}, "x"});
    const std::string message =
        error_of([&] { testing::write_arrays(folder / "f", metadata, arrays); });
    EXPECT_TRUE(std::filesystem::is_empty(folder / "")) << message;
    return message;
  };
  EXPECT_EQ(write({}, {"a", "b", "a"}),
            "safetensors header: tensor 'a': name: expected a new name, found a duplicate");
  EXPECT_EQ(write({}, {""}),
            "safetensors header: tensor '': name: expected at least 1 byte, found ''");
  EXPECT_NE(write({}, {"__metadata__"}), "no error");
  EXPECT_NE(write({}, {"\xff"}), "no error");
  EXPECT_NE(write({}, {std::string("a\0", 2)}).find("no NUL byte"), std::string::npos);
  EXPECT_NE(write({}, {std::string(128, 'n')}).find("at most 127 bytes"), std::string::npos);
  EXPECT_NE(write({{"k", "\xc0\x80"}}, {}), "no error");
  EXPECT_NE(write({{std::string(257, 'k'), ""}}, {}).find("at most 256 bytes"), std::string::npos);
}

// Two shards and their index, as model.safetensors.index.json.
class Shards {
 public:
  Shards() : folder_("shards") {
    testing::write_arrays(folder_ / "s-1", {}, {{"a", kU8, {1}, "1"}, {"b", kU8, {2}, "23"}});
    testing::write_arrays(folder_ / "s-2", {}, {{"c", kU8, {1}, "4"}});
  }
  SafetensorsFolder open(std::string_view index) const {
    write_text(folder_ / "model.safetensors.index.json", index);
    return SafetensorsFolder::open(folder_ / "");
  }
  std::string error(std::string_view index) const {
    const std::string message = error_of([&] { open(index); });
    const std::string prefix = (folder_ / "model.safetensors.index.json: ").string();
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
  std::string map_error(std::string_view map) const {
    return error("{\"weight_map\":{" + std::string(map) + "}}");
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

TEST(SafetensorsFolder, Shards) {
  const Shards shards;
  for (const char* metadata : {R"("metadata":{"total_size":4},)", R"("metadata":{},)", ""}) {
    const SafetensorsFolder model = shards.open("{" + std::string(metadata) +
                                                R"("weight_map":{"c":"s-2","a":"s-1","b":"s-1"}})");
    EXPECT_EQ(model.files().size(), 2u);
    EXPECT_EQ(text_of(*model.find("a")), "1");
    EXPECT_EQ(text_of(*model.find("b")), "23");
    EXPECT_EQ(text_of(*model.find("c")), "4");
    EXPECT_EQ(model.find("d"), nullptr);
  }
}

TEST(SafetensorsFolder, OneFileIsPreferred) {
  const Shards shards;
  testing::write_arrays(shards.folder() / "model.safetensors", {}, {{"x", kU8, {1}, "1"}});
  const SafetensorsFolder model = shards.open("not even JSON");
  EXPECT_EQ(model.files().size(), 1u);
  EXPECT_NE(model.find("x"), nullptr);
}

TEST(SafetensorsFolder, Neither) {
  const TemporaryFolder folder("none");
  EXPECT_EQ(
      error_of([&] { SafetensorsFolder::open(folder / "x"); }),
      "cannot open " + (folder / "x/model.safetensors").string() + ": No such file or directory");
}

TEST(SafetensorsFolder, ShardNamesArePlainFileNames) {
  const Shards shards;
  std::filesystem::create_directory(shards.folder() / "sub");
  const auto path = (shards.folder() / "s-1").string();
  for (const std::string& name :
       {std::string("../s-1"), path, std::string("./s-1"), std::string("sub/../s-1"),
        std::string(".."), std::string("."), std::string(""), std::string("s\\\\1"),
        std::string("s-1\\u0000"), std::string(256, 's')}) {
    const std::string message = shards.map_error("\"a\":\"" + name + "\"");
    EXPECT_TRUE(message.starts_with("weight_map: 'a': expected a plain file name, found '"))
        << message;
  }
}

TEST(SafetensorsFolder, IndexAndShardsMustAgree) {
  const Shards shards;
  EXPECT_EQ(shards.map_error(R"("a":"s-1","b":"s-1","c":"s-3")"),
            "weight_map: shard 's-3': expected a file beside the index, found none");
  EXPECT_EQ(shards.map_error(R"("a":"s-1","b":"s-1","c":"s-1")"),
            "weight_map: 'c': expected a tensor of shard 's-1', found none of that name");
  EXPECT_EQ(shards.map_error(R"("a":"s-2","b":"s-1","c":"s-2")"),
            "weight_map: 'a': expected 's-1', which has it, found 's-2'");
  EXPECT_EQ(shards.map_error(R"("a":"s-1","c":"s-2")"),
            "weight_map: 'b': expected 's-1', which has it, found no such tensor");
  EXPECT_EQ(shards.map_error(R"("a":"s-1","b":"s-1","c":"s-2","d":"s-2")"),
            "weight_map: 'd': expected a tensor of shard 's-2', found none of that name");
  testing::write_arrays(shards.folder() / "s-4", {}, {{"a", kU8, {1}, "1"}});
  EXPECT_EQ(shards.map_error(R"("a":"s-1","b":"s-1","c":"s-4")"),
            "weight_map: 'a': expected 's-4', which has it, found 's-1'");
  write_text(shards.folder() / "s-2", "short");
  EXPECT_EQ(shards.map_error(R"("a":"s-1","b":"s-1","c":"s-2")"),
            (shards.folder() / "s-2: header length: expected 8 bytes, found 5 before end of file")
                .string());
}

TEST(SafetensorsFolder, BadIndex) {
  const Shards shards;
  EXPECT_EQ(shards.error("[]"), "index: expected an object, found another type");
  EXPECT_EQ(shards.error("{}"), "weight_map: expected an object, found none");
  EXPECT_EQ(shards.error(R"({"weight_map":[]})"),
            "weight_map: expected an object, found another type");
  EXPECT_EQ(shards.map_error(""), "weight_map: expected 1 to 65536 tensors, found 0");
  EXPECT_EQ(shards.map_error(R"("a":1)"), "weight_map: 'a': expected a string, found another type");
  EXPECT_EQ(shards.map_error(R"("a":"s-1","a":"s-1")"),
            "line 1, column 28: key 'a': expected a new key, found a duplicate");
  EXPECT_EQ(shards.error(R"({"weight_map":{},"weight_map":{}})"),
            "line 1, column 29: key 'weight_map': expected a new key, found a duplicate");
  std::string many = "\"a0\":\"s-1\"";
  for (int i = 1; i <= 65536; ++i) many += ",\"a" + std::to_string(i) + "\":\"s-1\"";
  EXPECT_EQ(shards.map_error(many), "weight_map: expected 1 to 65536 tensors, found 65537");
}

}  // namespace
}  // namespace onebit
