#include "cli/cli.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>

#include "cli/default_model.h"

namespace onebit {

int exit_code(const Error& error) {
  return error.code() == ErrorCode::kIo || error.code() == ErrorCode::kOutOfMemory ? 1 : 2;
}

void add_model_argument(CLI::App& command, std::string& model, bool required) {
  auto* option = command.add_option(
      "MODEL", model,
      required ? "GGUF file or Hugging Face folder"
               : "GGUF file or Hugging Face folder (default: the built-in model)");
  if (required) option->required();
}

void add_open_flags(CLI::App& command, OpenOptions& options) {
  command.add_option("--i2s-layout", options.i2s_layout,
                     "Layout of I2_S tensors: 128 (default), 64 or 4row");
}

void add_head_flag(CLI::App& command, std::string& head) {
  command.add_option("--head", head,
                     "Output head (and embedding, if they are one) of floats: int8 (default), "
                     "int6 (smaller, less exact), or f16: exactly as the file has it");
}

void add_precision_flags(CLI::App& command, ModelFlags& flags) {
  command.add_option("--activations", flags.activations,
                     "f32 (exact, slow), int8 (per token) or int8-group (per 32 columns); default: "
                     "as the model was trained");
  command.add_option("--kv", flags.kv,
                     "Keys and values: f32, f16 or int8 with a scale per head and token, half the "
                     "memory of f16 (default: f16; f32 with f32 activations)");
  add_head_flag(command, flags.head);
  add_open_flags(command, flags.open);
}

void add_compute_flags(CLI::App& command, ModelFlags& flags) {
  command.add_flag(
      "--triples", flags.triples,
      "Ternary weights at 5 bits for 3 in memory: smaller; faster where memory is slow");
  command.add_flag("--pin", flags.pin, "Keep every thread on a physical core of its own");
  add_precision_flags(command, flags);
}

void add_engine_flags(CLI::App& command, ModelFlags& flags) {
  command.add_option("-t,--threads", flags.threads,
                     "Threads (default: the physical cores that this process may use)");
  command.add_option("-c,--ctx", flags.context,
                     "Context in tokens (default: the model's, at most 4096)");
  add_compute_flags(command, flags);
}

namespace {

std::optional<ActQuant> parse_activations(const std::string& name) {
  if (name.empty()) return {};
  if (name == "f32") return ActQuant::kF32;
  if (name == "int8") return ActQuant::kInt8;
  if (name == "int8-group") return ActQuant::kInt8Group;
  throw Error(ErrorCode::kInvalidArgument,
              "--activations: expected f32, int8 or int8-group, found " + quote(name));
}

std::optional<KvType> parse_kv(const std::string& name) {
  if (name.empty()) return {};
  if (name == "f32") return KvType::kF32;
  if (name == "f16") return KvType::kF16;
  if (name == "int8") return KvType::kInt8;
  throw Error(ErrorCode::kInvalidArgument, "--kv: expected f32, f16 or int8, found " + quote(name));
}

}  // namespace

Head parse_head(const std::string& name) {
  if (name.empty() || name == "int8") return Head::kInt8;
  if (name == "int6") return Head::kInt6;
  if (name == "f16") return Head::kExact;
  throw Error(ErrorCode::kInvalidArgument,
              "--head: expected int8, int6 or f16, found " + quote(name));
}

ModelFile open_model_file(const std::string& path, const OpenOptions& options) {
  return path.empty() ? open_default_model() : ModelFile::open(path, options);
}

EngineOptions engine_options(const ModelFlags& flags) {
  EngineOptions options;
  options.threads = flags.threads;
  options.context = flags.context;
  options.activations = parse_activations(flags.activations);
  options.kv = parse_kv(flags.kv);
  options.head = parse_head(flags.head);
  options.pin = flags.pin;
  options.triples = flags.triples;
  return options;
}

Engine open_engine(const ModelFlags& flags) {
  return Engine(open_model_file(flags.model, flags.open), engine_options(flags));
}

void flush_stdout() {
  std::cout.flush();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout) {
    throw_errno("cannot write", "standard output");
  }
}

std::string read_stdin() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

void for_each_line(const std::function<void(const std::string&)>& f) {
  int64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    try {
      f(line);
    } catch (const Error& e) {
      throw Error(e.code(), "standard input, line " + std::to_string(number) + ": " + e.what());
    }
  }
}

std::string parse_json_string(const std::string& json) {
  boost::json::error_code error;
  const auto value = boost::json::parse(json, error);
  if (error || !value.is_string()) {
    throw Error(ErrorCode::kInvalidFile,
                "expected a JSON string, found " + (error ? error.message() : quote(json, 40)));
  }
  return {value.get_string().data(), value.get_string().size()};
}

std::string read_text(const std::string& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressBar::update(int64_t done, int64_t total, const std::string& note) {
  if (!terminal_ || (done < total && now_seconds() - last_ < 0.1)) return;
  last_ = now_seconds();
  drawn_ = true;
  constexpr int64_t kWidth = 30;
  const int64_t filled = total > 0 ? done * kWidth / total : 0;
  std::string bar(static_cast<std::size_t>(kWidth), ' ');
  std::fill_n(bar.begin(), filled, '#');
  std::fprintf(stderr, "\r%s [%s] %lld/%lld %s\033[K", label_.c_str(), bar.c_str(),
               static_cast<long long>(done), static_cast<long long>(total), note.c_str());
  std::fflush(stderr);
}

void ProgressBar::finish() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace onebit
