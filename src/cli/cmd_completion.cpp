#include <cstdio>

#include "cli/cli.h"
#include "cli/command_line.h"

namespace onebit {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

// The other commands are read when this one runs: they are all there then.
void add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  auto& c = *app.add_subcommand("completion", "Print a script that completes command lines");
  c.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  c.footer(
      "Examples:\n"
      "  source <(onebit completion bash)        in ~/.bashrc; the same for zsh in ~/.zshrc\n"
      "  onebit completion fish | source         in ~/.config/fish/config.fish");
  c.callback([&app, shell] {
    const CommandText program = command_text(app);
    print(*shell == "bash"  ? bash_completion(program)
          : *shell == "zsh" ? zsh_completion(program)
                            : fish_completion(program));
  });
}

// Hidden: packages have the page.
void add_manual(CLI::App& app) {
  auto& c = *app.add_subcommand("manual", "Print the manual page: onebit manual | man -l -");
  c.group("");
  c.callback([&app] { print(manual_page(command_text(app), "onebit " ONEBIT_VERSION)); });
}

}  // namespace onebit
