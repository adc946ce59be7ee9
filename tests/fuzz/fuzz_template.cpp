// A chat template, compiled and rendered for a short chat: bounded steps, memory and output; what
// comes out has no empty fragments and alternates between template and user.
#include "chat/chat_template.h"
#include "fuzz.h"
#include "io/json_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  static const ChatRequest request = [] {
    return parse_chat_request(parse_json(R"({"messages": [
      {"role": "system", "content": "S"}, {"role": "user", "content": "U <|im_end|> {{ x }}"},
      {"role": "assistant", "content": "A"}, {"role": "user", "content": "V\n"}],
      "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]})",
                                         "request"));
  }();
  fuzz::expect_error_or_success([&] {
    const ChatTemplate chat(std::string(fuzz::text(data, size)), {.bos = "<s>", .eos = "</s>"});
    const auto fragments = chat.render(request, std::tm{.tm_mday = 1, .tm_year = 125});
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      fuzz::require(!fragments[i].text.empty());
      fuzz::require(i == 0 || fragments[i].from_user != fragments[i - 1].from_user);
    }
  });
  return 0;
}
