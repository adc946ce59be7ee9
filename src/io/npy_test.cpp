#include "io/npy.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "io/gguf_sample.h"

namespace onebit {
namespace {

template <typename T>
NpyArray<T> parse(const std::string& bytes) {
  return parse_npy<T>({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "FILE");
}

std::string version1(const std::string& header, const std::string& data) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) +
         static_cast<char>(header.size() >> 8) + header + data;
}

std::string npy_error(const std::string& header, const std::string& data = "12345678") {
  try {
    parse<float>(version1(header, data));
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Npy, WritesTheBytesOfNumpy) {
  const testing::TemporaryFolder folder("npy");
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::pair<std::vector<int64_t>, std::string> cases[] = {
      {{2, 3}, "(2, 3), }"}, {{6}, "(6,), }"}, {{1, 6, 1}, "(1, 6, 1), }"}};
  for (const auto& [shape, text] : cases) {
    write_npy(folder / "f", shape, values);
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + text;
    header.resize(117, ' ');
    header += '\n';
    const std::string data(reinterpret_cast<const char*>(values.data()), 24);
    EXPECT_EQ(testing::read_text(folder / "f"), version1(header, data));
    const auto array = read_npy<float>(folder / "f");
    EXPECT_EQ(array.shape, shape);
    EXPECT_EQ(array.values, values);
  }
}

TEST(Npy, ReadsEveryTypeAndVersion) {
  const std::string rest = "', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_EQ(parse<int8_t>(version1("{'descr': '|i1" + rest, "\x01\xff")).values,
            (std::vector<int8_t>{1, -1}));
  EXPECT_EQ(parse<int32_t>(version1("{'descr': '<i4" + rest, std::string(8, '\xff'))).values,
            (std::vector<int32_t>{-1, -1}));
  EXPECT_EQ(parse<double>(version1("{'descr': '<f8" + rest, std::string(16, '\0'))).values,
            (std::vector<double>{0, 0}));
  const std::string header = "{'shape':(),'fortran_order':False,'descr':'<f4'}";
  const std::string version2 = std::string("\x93NUMPY\x02\x00", 8) +
                               static_cast<char>(header.size()) + std::string(3, '\0') + header +
                               std::string(4, '\0');
  EXPECT_TRUE(parse<float>(version2).shape.empty());
  EXPECT_EQ(parse<float>(version2).values, std::vector<float>{0});
}

TEST(Npy, RefusesWhatItCannotReadExactly) {
  const auto header = [](const std::string& descr, const std::string& order,
                         const std::string& shape) {
    return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  EXPECT_EQ(npy_error(header("<f4", "False", "(2,)")), "no error");
  EXPECT_EQ(npy_error(header("<f4", "False", "(0, 9)"), ""), "no error");
  EXPECT_EQ(npy_error(header("<f8", "False", "(1,)")), "FILE: descr: expected '<f4', found '<f8'");
  EXPECT_EQ(npy_error(header(">f4", "False", "(2,)")), "FILE: descr: expected '<f4', found '>f4'");
  EXPECT_EQ(npy_error(header("<f4", "True", "(2,)")),
            "FILE: fortran_order: expected False, found True");
  EXPECT_EQ(npy_error(header("<f4", "False", "(3,)")), "FILE: data: expected 12 bytes, found 8");
  EXPECT_EQ(npy_error(header("<f4", "False", "(1,)")), "FILE: data: expected 4 bytes, found 8");
  EXPECT_EQ(npy_error(header("<f4", "False", "(4294967296, 4294967296)")),
            "FILE: shape: 4294967296 x 4294967296 overflows");
  EXPECT_EQ(npy_error(header("<f4", "False", "(4611686018427387904, 2)")),
            "FILE: shape: 9223372036854775808 x 4 overflows");
  for (const char* shape : {"(-1,)", "(9223372036854775808,)", "(,)", "2", "(2", "(2 3)", "[2]",
                            "(1,1,1,1,1,1,1,1,2)"}) {
    EXPECT_NE(npy_error(header("<f4", "False", shape)).find("FILE: header: "), std::string::npos)
        << shape;
  }
  for (const char* bad : {"", "{", "{}", "{'descr': '<f4'}", "{'descr", "{'x': 1}",
                          "{'descr': '<f4', 'descr': '<f4'}"}) {
    EXPECT_NE(npy_error(bad).find("FILE: header: "), std::string::npos) << bad;
  }
}

TEST(Npy, EveryTruncationAndBitFlipEndsInOneError) {
  const testing::TemporaryFolder folder("npy");
  write_npy(folder / "f", std::vector<int64_t>{2, 3}, std::vector<float>(6));
  const std::string good = testing::read_text(folder / "f");
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_THROW(parse<float>(good.substr(0, n)), Error) << n;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      try {
        parse<float>(bytes);
      } catch (const Error& e) {
        EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace onebit
