#include <cstdio>

#include "cli/cli.h"
#include "models/loader.h"

namespace onebit {
namespace {

struct TokenizeFlags {
  std::string model;
  OpenOptions open;
  bool jsonl = false;
  bool add_special = false;
  bool parse_special = false;
};

void print_ids(const std::vector<int32_t>& ids, const char* begin, const char* between,
               const char* end) {
  std::string line = begin;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    line.append(i > 0 ? between : "").append(std::to_string(ids[i]));
  }
  line += end;
  std::fwrite(line.data(), 1, line.size(), stdout);
}

void tokenize(const TokenizeFlags& flags) {
  const auto file = open_model_file(flags.model, flags.open);
  const auto tokenizer = load_tokenizer(file);
  const EncodeOptions options{.add_bos = flags.add_special,
                              .add_eos = flags.add_special,
                              .parse_special = flags.parse_special};
  if (!flags.jsonl) {
    print_ids(tokenizer->encode(read_stdin(), options), "", " ", "\n");
    return;
  }
  for_each_line([&](const std::string& line) {
    print_ids(tokenizer->encode(parse_json_string(line), options), "[", ",", "]\n");
  });
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto flags = std::make_shared<TokenizeFlags>();
  auto& c = *app.add_subcommand("tokenize", "Text on stdin to token ids on stdout");
  add_model_argument(c, flags->model);
  add_open_flags(c, flags->open);
  c.add_flag("--jsonl", flags->jsonl, "A JSON string a line in, a JSON array of ids a line out");
  c.add_flag("--add-special", flags->add_special,
             "Add the start and end tokens that the model asks for");
  c.add_flag("--parse-special", flags->parse_special,
             "Read \"<|eot_id|>\" and its like as the token: only in text that you trust");
  c.footer(
      "Examples:\n"
      "  echo -n \"Hello\" | onebit tokenize model.gguf\n"
      "  echo '\"Hello\"' | onebit tokenize model.gguf --jsonl      prints [9906]\n"
      "Back again: onebit detokenize");
  c.callback([flags] { tokenize(*flags); });
}

}  // namespace onebit
