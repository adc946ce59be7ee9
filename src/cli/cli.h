// What the commands share. A command is one cmd_*.cpp with one add_* function, listed in main.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "models/model_file.h"

namespace onebit {

// Exit codes: 0 done, 1 the system failed (disk, memory), 2 the request or a file was rejected
// (a path where no such file is, too).
int exit_code(const Error& error);

// Flags of every command that runs a model.
struct ModelFlags {
  std::string model;  // path; empty: the default model
  int threads = 0;
  int64_t context = 0;
  std::string activations;  // f32, int8, int8-group; empty: as the model was trained
  std::string kv;           // f32, f16, int8; empty: f16, f32 with f32 activations
  std::string head;         // int8, int6, f16
  bool triples = false;
  bool pin = false;
  OpenOptions open;
};
// The positional MODEL; optional unless the default model makes no sense for the command.
void add_model_argument(CLI::App& command, std::string& model, bool required = false);
// --i2s-layout.
void add_open_flags(CLI::App& command, OpenOptions& options);
// --head: int8 (or empty), int6, f16. Throws Error(kInvalidArgument) for another.
void add_head_flag(CLI::App& command, std::string& head);
Head parse_head(const std::string& name);
// How numbers are kept, --activations, --kv and --head, and --i2s-layout; add_engine_flags() has
// them and more.
void add_precision_flags(CLI::App& command, ModelFlags& flags);
// How the model is computed: the flags of an engine but the number of threads and the context.
void add_compute_flags(CLI::App& command, ModelFlags& flags);
void add_engine_flags(CLI::App& command, ModelFlags& flags);

// The file or folder `path`, or the default model if it is empty.
ModelFile open_model_file(const std::string& path, const OpenOptions& options = {});
EngineOptions engine_options(const ModelFlags& flags);
Engine open_engine(const ModelFlags& flags);

// Throws Error(kIo) when what was printed did not arrive (a full disk, a closed pipe).
void flush_stdout();

// All of standard input.
std::string read_stdin();

// Calls f(line) for each line of standard input. What an Error says gets the number of its line in
// front: "standard input, line 3: ...".
void for_each_line(const std::function<void(const std::string&)>& f);

// The text of a JSON string such as "a\n". Throws Error(kInvalidFile) for anything else.
std::string parse_json_string(const std::string& json);

// A text file as a string. Throws Error(kIo).
std::string read_text(const std::string& path);

// One line on stderr that is drawn over itself: "label [#####     ] 12/40 · note". Draws only on a
// terminal, at most ten times a second; finish() clears it.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar() { finish(); }
  void update(int64_t done, int64_t total, const std::string& note = "");
  void finish();

 private:
  std::string label_;
  bool terminal_;
  bool drawn_ = false;
  double last_ = 0;
};

void add_run(CLI::App& app);
void add_chat(CLI::App& app);
void add_inspect(CLI::App& app);
void add_eval(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_template(CLI::App& app);
void add_train(CLI::App& app);
void add_bench(CLI::App& app);
void add_convert(CLI::App& app);
void add_pack(CLI::App& app);
void add_embed(CLI::App& app);
void add_serve(CLI::App& app);
void add_completion(CLI::App& app);
void add_manual(CLI::App& app);

}  // namespace onebit
