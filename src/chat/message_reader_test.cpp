#include "chat/message_reader.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "base/error.h"

namespace onebit {
namespace {

using Messages = std::vector<std::string>;

Messages read(const std::string& text, std::string* prompts = nullptr) {
  std::istringstream in(text);
  MessageReader reader(in, [&](bool goes_on) {
    if (prompts) *prompts += goes_on ? '.' : '>';
  });
  Messages messages;
  while (auto message = reader.next()) messages.push_back(*message);
  return messages;
}

TEST(MessageReader, Lines) {
  EXPECT_EQ(read(""), Messages{});
  EXPECT_EQ(read("a\nb c\n"), (Messages{"a", "b c"}));
  EXPECT_EQ(read("a\r\n\nlast"), (Messages{"a", "", "last"}));
  EXPECT_EQ(read(std::string("a\0b\n", 4)), Messages{std::string("a\0b", 3)});
}

TEST(MessageReader, ABackslashGoesOn) {
  std::string prompts;
  EXPECT_EQ(read("a\\\nb\\\nc\nd\n", &prompts), (Messages{"a\nb\nc", "d"}));
  EXPECT_EQ(prompts, ">..>>");
  EXPECT_EQ(read("a\\\n"), Messages{"a\n"});
}

TEST(MessageReader, Blocks) {
  EXPECT_EQ(read("\"\"\"\na\n\n b\\\n\"\"\"\nc\n"), (Messages{"a\n\n b\\", "c"}));
  EXPECT_EQ(read("\"\"\"a\nb\"\"\"\n"), Messages{"a\nb"});
  EXPECT_EQ(read("\"\"\"a\"\"\"\n"), Messages{"a"});
  EXPECT_EQ(read("\"\"\"\"\"\"\n"), Messages{""});
  EXPECT_EQ(read("\"\"\"\nopen\n"), Messages{"open"});
  EXPECT_EQ(read("say \"\"\"\n"), Messages{"say \"\"\""});
}

TEST(MessageReader, ALimit) {
  EXPECT_EQ(read(std::string(MessageReader::kMaxBytes, 'a') + "\nb").size(), 2u);
  EXPECT_THROW(read(std::string(MessageReader::kMaxBytes + 1, 'a')), Error);
  std::string block = "\"\"\"\n";
  for (int i = 0; i < 17; ++i) block += std::string(1 << 20, 'a') + '\n';
  EXPECT_THROW(read(block), Error);
}

}  // namespace
}  // namespace onebit
