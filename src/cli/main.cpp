// onebit: run, inspect and measure 1-bit language models.
#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/cli.h"

int main(int argc, char** argv) {
  using namespace onebit;
  CLI::App app{"Train, pack and run 1-bit language models on ordinary CPUs.", "onebit"};
  app.set_version_flag("--version", "onebit " ONEBIT_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& e) {
    return std::string("onebit: ") + e.what() + " (see onebit --help)\n";
  });
  for (const auto add : {add_run, add_chat, add_serve, add_inspect, add_convert, add_pack, add_eval,
                         add_embed, add_tokenize, add_detokenize, add_template, add_train,
                         add_bench, add_completion, add_manual}) {
    add(app);
  }
  app.footer(
      "Examples:\n"
      "  onebit run -p \"Once upon a time\"         write with the default model\n"
      "  onebit chat model.gguf                   talk to a model\n"
      "  onebit serve                             OpenAI's API and a page on port 8080\n"
      "  onebit inspect model.gguf                what is in a file\n"
      "  onebit train --preset shakespeare-char --text input.txt --out run\n"
      "Environment: ONEBIT_ISA=scalar|avx2|avxvnni|avx512|amx|neon|neon-dotprod|neon-i8mm forces "
      "an "
      "instruction set.");
  report_bus_errors();
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file size limit is a failed write: one line, nothing left over
  try {
    app.parse(argc, argv);
    flush_stdout();
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const Error& e) {
    std::fprintf(stderr, "onebit: %s\n", e.what());
    return exit_code(e);
  } catch (const std::exception& e) {  // bad_alloc, the file system
    std::fprintf(stderr, "onebit: %s\n", e.what());
    return 1;
  }
}
