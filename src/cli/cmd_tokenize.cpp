#include <cstdio>

#include "cli/cli.h"
#include "models/loader.h"

namespace onebit {

void add_tokenize(CLI::App& app) {
  auto model = std::make_shared<std::string>();
  auto& c = *app.add_subcommand("tokenize", "Text on stdin to token ids on stdout");
  add_model_argument(c, *model);
  c.footer("Example:\n  echo -n \"Hello\" | onebit tokenize model.gguf");
  c.callback([model] {
    const ModelFile file = open_model_file(*model);
    const auto tokenizer = load_tokenizer(file);
    const char* separator = "";
    for (const int32_t id : tokenizer->encode(read_stdin())) {
      std::printf("%s%d", separator, id);
      separator = " ";
    }
    std::printf("\n");
  });
}

}  // namespace onebit
