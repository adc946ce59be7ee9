#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/cli.h"

namespace onebit {
namespace {

// Replaces this process by onebit-train, which alone links libtorch: from the folder of this
// binary, else from PATH.
[[noreturn]] void exec_trainer(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"onebit-train"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (!ignored) execv((self.parent_path() / "onebit-train").c_str(), argv.data());
  execvp("onebit-train", argv.data());
  throw Error(ErrorCode::kUnsupported,
              "train: expected onebit-train beside onebit or in PATH, found none (" +
                  std::string(std::strerror(errno)) + ")");
}

}  // namespace

void add_train(CLI::App& app) {
  auto& c = *app.add_subcommand("train", "Train a model (runs onebit-train; onebit train --help)");
  c.prefix_command();  // everything after `train` belongs to onebit-train
  c.set_help_flag();
  c.callback([&c] { exec_trainer(c.remaining()); });
}

}  // namespace onebit
