#include "chat/conversation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/test_chat.h"

namespace onebit {
namespace {

// One token a byte: "S:..;" for each message, "A:" where the answer begins.
class ConversationTest : public testing::Test {
 protected:
  std::string prompt(int64_t answer_tokens = 4) {
    last_ = conversation_.prompt(answer_tokens, {});
    return tokenizer_.decode(last_.ids, true);
  }
  void turn(const std::string& question, const std::string& answer) {
    conversation_.add("user", question);
    prompt();
    conversation_.add("assistant", answer);
  }

  Tokenizer tokenizer_{byte_vocab()};
  ChatTemplate template_{
      "{% for m in messages %}{{ m.role[0]|upper }}:{{ m.content }};{% endfor %}"
      "{% if add_generation_prompt %}A:{% endif %}",
      {}};
  Conversation conversation_{template_, tokenizer_, 40};
  Conversation::Prompt last_;
};

TEST_F(ConversationTest, Grows) {
  conversation_.set_system("s");
  conversation_.add("user", "hi");
  EXPECT_EQ(prompt(), "S:s;U:hi;A:");
  conversation_.add("assistant", "yo");
  conversation_.add("user", "more");
  EXPECT_EQ(prompt(), "S:s;U:hi;A:yo;U:more;A:");
  conversation_.pop();
  conversation_.set_system("t");
  conversation_.add("user", "x");
  EXPECT_EQ(prompt(), "S:t;U:hi;A:yo;U:x;A:");
  EXPECT_EQ(last_.n_dropped, 0);
  conversation_.clear();
  conversation_.add("user", "new");
  EXPECT_EQ(prompt(), "S:t;U:new;A:");
  conversation_.set_system("");
  EXPECT_EQ(prompt(), "U:new;A:");
  conversation_.load({make_message("user", "loaded")});
  EXPECT_EQ(prompt(), "U:loaded;A:");
}

TEST_F(ConversationTest, InvalidUtf8IsReplaced) {
  conversation_.add("user", "a\xff");
  EXPECT_EQ(prompt(), "U:a\xef\xbf\xbd;A:");
}

TEST_F(ConversationTest, DropsTheOldestTurnsWhenFull) {
  conversation_.set_system("s");
  turn("one", "1");
  turn("two", "2");
  turn("3", "3");
  conversation_.add("user", "4");
  // 39 bytes with the rest: no room for 4 more of 40; from turn 3 on 18 fit half of the context.
  EXPECT_EQ(prompt(), "S:s;U:3;A:3;U:4;A:");
  EXPECT_EQ(last_.n_dropped, 4);
  EXPECT_EQ(conversation_.messages().size(), 8u);  // nothing is lost
  conversation_.add("assistant", "4");
  conversation_.add("user", "5");
  EXPECT_EQ(prompt(), "S:s;U:3;A:3;U:4;A:4;U:5;A:");  // what is gone stays gone, no more is
  EXPECT_EQ(last_.n_dropped, 4);
}

TEST_F(ConversationTest, AnswersOfATurnGoWithIt) {
  conversation_.load({make_message("user", "a"), make_message("assistant", "b"),
                      make_message("tool", "cccccccccccccccccccc"), make_message("assistant", "d"),
                      make_message("user", "e")});
  EXPECT_EQ(prompt(), "U:e;A:");
  EXPECT_EQ(last_.n_dropped, 4);
}

TEST_F(ConversationTest, TheLastTurnStaysWhileItFits) {
  turn("one", "1");
  conversation_.add("user", std::string(34, 'x'));
  EXPECT_EQ(prompt(1000), "U:" + std::string(34, 'x') + ";A:");  // 39 of 40
  conversation_.pop();
  conversation_.add("user", std::string(35, 'x'));
  try {
    prompt();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "message: expected fewer than 40 tokens (the context), found 40");
  }
  conversation_.pop();
  conversation_.add("user", "short");
  EXPECT_EQ(prompt(), "U:short;A:");
}

TEST_F(ConversationTest, VeryManyTurns) {  // halving: seconds if each turn were tried
  std::vector<ChatMessage> messages;
  for (int i = 0; i < 20'000; ++i) messages.push_back(make_message("user", "a"));
  conversation_.load(messages);
  EXPECT_EQ(prompt(), "U:a;U:a;U:a;U:a;A:");
  EXPECT_EQ(last_.n_dropped, 19'996);
}

TEST(Conversation, NothingToSay) {
  const Tokenizer tokenizer(byte_vocab());
  const ChatTemplate empty("", {});
  Conversation conversation(empty, tokenizer, 10);
  EXPECT_THROW(conversation.prompt(1, {}), Error);
}

}  // namespace
}  // namespace onebit
