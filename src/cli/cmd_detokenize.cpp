#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <limits>

#include "cli/cli.h"
#include "models/loader.h"
#include "text/stream_decoder.h"

namespace onebit {
namespace {

struct DetokenizeFlags {
  std::string model;
  OpenOptions open;
  bool jsonl = false;
  bool with_special = false;
};

// Numbers with spaces, commas or brackets around them, as either form of `tokenize` prints them.
std::vector<int32_t> parse_ids(std::string_view text) {
  std::vector<int32_t> ids;
  constexpr const char* kBetween = " \t\r\n,[]";
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return ids;
    text.remove_prefix(begin);
    int32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc()) {
      throw Error(ErrorCode::kInvalidFile,
                  "standard input: expected token ids, found " +
                      quote(text.substr(0, text.find_first_of(kBetween)), 40));
    }
    ids.push_back(id);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
}

std::vector<int32_t> parse_array(const std::string& line) {
  const auto fail = [](const std::string& found) {
    throw Error(ErrorCode::kInvalidFile, "expected a JSON array of token ids, found " + found);
  };
  boost::json::error_code error;
  const auto value = boost::json::parse(line, error);
  if (error) fail(error.message());
  if (!value.is_array()) fail(quote(line, 40));
  std::vector<int32_t> ids;
  for (const auto& element : value.get_array()) {
    const auto* id = element.if_int64();
    if (id == nullptr || *id < 0 || *id > std::numeric_limits<int32_t>::max()) {
      fail(quote(boost::json::serialize(element), 40));
    }
    ids.push_back(static_cast<int32_t>(*id));
  }
  return ids;
}

void detokenize(const DetokenizeFlags& flags) {
  const auto file = open_model_file(flags.model, flags.open);
  const auto tokenizer = load_tokenizer(file);
  if (!flags.jsonl) {
    const std::string text = tokenizer->decode(parse_ids(read_stdin()), flags.with_special);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return;
  }
  for_each_line([&](const std::string& line) {
    const std::string text = tokenizer->decode(parse_array(line), flags.with_special);
    const std::string json = boost::json::serialize(boost::json::string(to_valid_utf8(text)));
    std::printf("%s\n", json.c_str());
  });
}

}  // namespace

void add_detokenize(CLI::App& app) {
  auto flags = std::make_shared<DetokenizeFlags>();
  auto& c = *app.add_subcommand("detokenize", "Token ids on stdin to text on stdout");
  add_model_argument(c, flags->model);
  add_open_flags(c, flags->open);
  c.add_flag("--jsonl", flags->jsonl,
             "A JSON array of ids a line in, a JSON string a line out; bytes that are not UTF-8 "
             "become U+FFFD there");
  c.add_flag("--with-special", flags->with_special,
             "Write the text of control tokens too (default: nothing)");
  c.footer(
      "Examples:\n"
      "  echo \"9906 1917\" | onebit detokenize model.gguf            exactly the text, no "
      "newline\n"
      "  echo \"[9906,1917]\" | onebit detokenize model.gguf --jsonl  prints \"Hello world\"");
  c.callback([flags] { detokenize(*flags); });
}

}  // namespace onebit
