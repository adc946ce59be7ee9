#include "io/gguf.h"

#include <gtest/gtest.h>

#include "io/gguf_sample.h"
#include "io/io_testing.h"

namespace onebit {
namespace {

using testing::error_of;
using testing::RawBytes;

TEST(Gguf, WritesTheBytesOfTheSpecification) {
  const testing::TemporaryFolder folder("gguf");
  GgufMetadata metadata;
  metadata.set("a", uint32_t{7});
  metadata.set("b", std::vector<std::string>{"xy", ""});
  metadata.set("c", false);
  testing::write_sample(folder / "f", metadata,
                        {{"t", {2, 1}, 0, "12345678"}, {"u", {1}, 24, "9"}});
  RawBytes expected;
  expected.text("GGUF").put(uint32_t{3}).put(uint64_t{2}).put(uint64_t{3});
  expected.put(uint64_t{1}).text("a").put(int32_t{4}).put(uint32_t{7});
  expected.put(uint64_t{1}).text("b").put(int32_t{9}).put(int32_t{8}).put(uint64_t{2});
  expected.put(uint64_t{2}).text("xy").put(uint64_t{0});
  expected.put(uint64_t{1}).text("c").put(int32_t{7}).put(uint8_t{0});
  expected.put(uint64_t{1}).text("t").put(uint32_t{2}).put(int64_t{2}).put(int64_t{1});
  expected.put(uint32_t{0}).put(uint64_t{0});
  expected.put(uint64_t{1}).text("u").put(uint32_t{1}).put(int64_t{1});
  expected.put(uint32_t{24}).put(uint64_t{32});
  expected.pad().text("12345678").pad().text("9").pad();
  EXPECT_EQ(testing::read_text(folder / "f"), expected.bytes);
}

TEST(Gguf, ReadsBackEveryValueTypeAndTensor) {
  const testing::TemporaryFolder folder("gguf");
  const auto metadata = testing::sample_metadata();
  const auto tensors = testing::sample_tensors();
  testing::write_sample(folder / "f", metadata, tensors);
  const GgufFile file = GgufFile::open(folder / "f");
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.name(), (folder / "f").string());

  ASSERT_EQ(file.metadata().entries().size(), metadata.entries().size());
  for (std::size_t i = 0; i < metadata.entries().size(); ++i) {
    EXPECT_EQ(file.metadata().entries()[i].key, metadata.entries()[i].key);
    EXPECT_EQ(file.metadata().entries()[i].value, metadata.entries()[i].value) << i;
  }
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const GgufTensor& tensor = file.tensors()[i];
    EXPECT_EQ(tensor.name, tensors[i].name);
    EXPECT_EQ(tensor.shape, tensors[i].shape);
    EXPECT_EQ(tensor.type, tensors[i].type);
    EXPECT_EQ(tensor.offset % 64, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.available.data()) % 64, 0u);
    ASSERT_GE(tensor.available.size(), tensors[i].data.size());
    EXPECT_EQ(std::memcmp(tensor.available.data(), tensors[i].data.data(), tensors[i].data.size()),
              0);
    EXPECT_EQ(file.find(tensor.name), &tensor);
  }
  EXPECT_EQ(file.find("absent"), nullptr);
  EXPECT_EQ(file.tensors()[2].cols(), 2);
  EXPECT_EQ(file.tensors()[2].rows(), 12);
  EXPECT_EQ(file.tensors()[1].rows(), 1);
}

TEST(Gguf, WhatWasReadIsWrittenAsTheSameBytes) {
  const testing::TemporaryFolder folder("gguf");
  testing::write_sample(folder / "a", testing::sample_metadata(), testing::sample_tensors());
  const GgufFile file = GgufFile::open(folder / "a");
  std::vector<testing::SampleTensor> again;
  for (const GgufTensor& t : file.tensors()) {
    const auto bytes = t.available.first(static_cast<std::size_t>(t.cols() * t.rows() * 4));
    again.push_back({t.name, t.shape, t.type, {bytes.begin(), bytes.end()}});
  }
  testing::write_sample(folder / "b", file.metadata(), again);
  EXPECT_EQ(testing::read_text(folder / "a"), testing::read_text(folder / "b"));
}

TEST(Gguf, ATensorHasTheBytesUpToTheNextInOffsetOrder) {
  RawBytes raw;
  raw.header(3, 0).tensor("a", {1}, 96).tensor("b", {1}, 0).tensor("c", {1}, 32);
  raw.pad().zeros(100);
  const GgufFile file = GgufFile::parse(testing::to_buffer(raw.bytes), "x");
  EXPECT_EQ(file.find("a")->available.size(), 4u);
  EXPECT_EQ(file.find("b")->available.size(), 32u);
  EXPECT_EQ(file.find("c")->available.size(), 64u);
  EXPECT_EQ(file.find("c")->available.data(), file.find("b")->available.data() + 32);
}

TEST(Gguf, AFileWithoutTensorsNeedsNoPadding) {
  const auto bytes = RawBytes().header(0, 1, 2).kv_u32("k", 1).bytes;
  const GgufFile file = GgufFile::parse(testing::to_buffer(bytes), "x");
  EXPECT_EQ(file.version(), 2u);
  EXPECT_EQ(file.metadata().get_int("k"), 1);
}

TEST(GgufMetadata, IntegersOfAnyWidthConvert) {
  const GgufMetadata m = testing::sample_metadata();
  EXPECT_EQ(m.get_int("t.u8"), 200);
  EXPECT_EQ(m.get_int("t.i8"), -100);
  EXPECT_EQ(m.get_int("t.u16"), 60000);
  EXPECT_EQ(m.get_int("t.i16"), -30000);
  EXPECT_EQ(m.get_int("t.u32"), 4000000000);
  EXPECT_EQ(m.get_int("t.i32"), -2000000000);
  EXPECT_EQ(m.get_int("t.i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(error_of([&] { m.get_int("t.u64"); }),
            "metadata key 't.u64': expected at most 9223372036854775807, found "
            "18446744073709551615");
  EXPECT_EQ(error_of([&] { m.get_int("t.bool"); }),
            "metadata key 't.bool': expected an integer, found bool");
  EXPECT_EQ(error_of([&] { m.get_int_or("a.u32", 1); }),
            "metadata key 'a.u32': expected an integer, found array of u32");
}

TEST(GgufMetadata, OtherTypesAreExact) {
  const GgufMetadata m = testing::sample_metadata();
  EXPECT_EQ(m.get_float("t.f32"), 1.5f);
  EXPECT_EQ(m.get_bool_or("t.bool", false), true);
  EXPECT_EQ(m.get_string("general.architecture"), "llama");
  EXPECT_EQ(m.get_strings("a.string")[3], "\xc3\xa9");
  EXPECT_EQ(m.find_array<int32_t>("a.i32")->size(), 3u);
  EXPECT_EQ(m.find_array<float>("absent"), nullptr);
  EXPECT_EQ(error_of([&] { m.get_float("t.f64"); }),
            "metadata key 't.f64': expected f32, found f64");
  EXPECT_EQ(error_of([&] { m.get_bool_or("t.u8", false); }),
            "metadata key 't.u8': expected bool, found u8");
  EXPECT_EQ(error_of([&] { m.get_string_or("t.u8", ""); }),
            "metadata key 't.u8': expected string, found u8");
  EXPECT_EQ(error_of([&] { m.get_strings("a.u8"); }),
            "metadata key 'a.u8': expected array of string, found array of u8");
  EXPECT_THROW(m.find_array<float>("a.i32"), Error);
  EXPECT_THROW(m.find_array<uint8_t>("a.bool"), Error);
}

TEST(GgufMetadata, AbsentKeys) {
  const GgufMetadata m;
  EXPECT_EQ(m.get_int_or("k", 3), 3);
  EXPECT_EQ(m.get_float_or("k", 3), 3.0f);
  EXPECT_EQ(m.get_bool_or("k", true), true);
  EXPECT_EQ(m.get_string_or("k", "s"), "s");
  EXPECT_EQ(error_of([&] { m.get_int("k"); }),
            "metadata key 'k': expected an integer, found no such key");
  EXPECT_THROW(m.get_float("k"), Error);
  EXPECT_THROW(m.get_string("k"), Error);
  EXPECT_THROW(m.get_strings("k"), Error);
}

TEST(GgufMetadata, SetReplacesInPlace) {
  GgufMetadata m;
  m.set("a", uint32_t{1});
  m.set("b", uint32_t{2});
  m.set("a", std::string("new"));
  ASSERT_EQ(m.entries().size(), 2u);
  EXPECT_EQ(m.entries()[0].key, "a");
  EXPECT_EQ(m.get_string("a"), "new");
}

TEST(GgufWriter, RefusesWhatTheReaderWouldAndLeavesNoFile) {
  const testing::TemporaryFolder folder("gguf");
  const auto write = [&](const GgufMetadata& metadata, const std::vector<std::string>& names) {
    std::vector<testing::SampleTensor> tensors;
    for (const auto& name : names) tensors.push_back({name, {1}, 0, "1234"});
    const std::string message =
        error_of([&] { testing::write_sample(folder / "f", metadata, tensors); });
    EXPECT_TRUE(std::filesystem::is_empty(folder / ""));
    return message;
  };
  EXPECT_EQ(write({}, {"a", "b", "a"}), "tensor 'a': expected a new name, found a duplicate");
  EXPECT_EQ(write({}, {""}), "tensor name: expected at least 1 byte, found ''");
  EXPECT_EQ(write({}, {"\xff"}), "tensor name: expected UTF-8, found '\\xff'");
  EXPECT_NE(write({}, {std::string(128, 'n')}).find("at most 127 bytes"), std::string::npos);
  GgufMetadata metadata;
  metadata.set("general.alignment", uint32_t{48});
  EXPECT_NE(write(metadata, {}).find("found 48"), std::string::npos);
  metadata.set("general.alignment", uint64_t{32});
  EXPECT_NE(write(metadata, {}).find("found u64"), std::string::npos);
  metadata.set("general.alignment", uint32_t{8});
  metadata.set(std::string("a\0b", 3), uint32_t{8});
  EXPECT_EQ(write(metadata, {}), "metadata key: expected no control character, found 'a\\x00b'");
}

}  // namespace
}  // namespace onebit
