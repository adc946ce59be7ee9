#include "io/byte_reader.h"

#include <gtest/gtest.h>

#include <limits>

#include "io/io_testing.h"

namespace onebit {
namespace {

using testing::error_of;

TEST(ByteReader, ReadsUpToTheLastByteAndNotBeyond) {
  const uint8_t bytes[] = {1, 2, 3, 4, 5, 'a', 'b'};
  ByteReader reader(bytes, "FILE");
  EXPECT_EQ(reader.read<uint32_t>("n"), 0x04030201u);
  EXPECT_EQ(reader.left(), 3u);
  EXPECT_EQ(error_of([&] { reader.read<uint32_t>("n"); }),
            "FILE: n: expected 4 bytes, found 3 before end of file");
  EXPECT_EQ(reader.read<int8_t>("n"), 5);  // a failed read takes nothing
  EXPECT_EQ(error_of([&] { reader.text(std::numeric_limits<uint64_t>::max(), "s"); }),
            "FILE: s: expected 18446744073709551615 bytes, found 2 before end of file");
  EXPECT_EQ(reader.text(2, "s"), "ab");
  EXPECT_EQ(reader.position(), 7u);
  EXPECT_TRUE(reader.take(0, "nothing").empty());
  EXPECT_NE(error_of([&] { reader.take(1, "x"); }), "no error");
}

TEST(ByteReader, BelievesNoCountBeyondTheBytesLeft) {
  const uint8_t bytes[24] = {};
  ByteReader reader(bytes, "FILE", "the limit");
  reader.set_subject("kv 3");
  EXPECT_EQ(error_of([&] { reader.expect_room(3, 8, "count"); }), "no error");
  EXPECT_EQ(error_of([&] { reader.expect_room(4, 8, "count"); }),
            "FILE: kv 3: count: expected at most 3 before the limit, found 4");
  EXPECT_NE(error_of([&] { reader.expect_room(uint64_t{1} << 61, 8, "count"); }), "no error");
}

}  // namespace
}  // namespace onebit
