#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>

#include "base/stopwatch.h"
#include "cli/bench_report.h"
#include "cli/cli.h"
#include "convert/plan.h"
#include "convert/synthetic.h"
#include "eval/signature.h"
#include "eval/speed.h"

namespace onebit {
namespace {

struct BenchFlags {
  ModelFlags engine;
  std::vector<int> threads;
  std::string shape;
  std::string write;  // shape of a file to write
  std::string type;
  std::string out;
  std::optional<int64_t> prompt;
  std::optional<int64_t> generate;
  int64_t context = 0;
  int64_t batch = 0;
  int repeats = 5;
  bool json = false;
  bool signature = false;
};

// Type of the linear layers; `ternary` and `binary` stand for the best of their kind here.
const Format& layer_type(const SyntheticShape& shape, const std::string& name) {
  if (name.empty()) return format(shape.type);
  if (name == "ternary") return format(kI2_S);
  if (name == "binary") return format(kQ1_0);
  return writable_format(name);
}

ModelFile open_bench_model(const BenchFlags& flags) {
  if (flags.shape.empty()) return open_model_file(flags.engine.model, flags.engine.open);
  const SyntheticShape& shape = synthetic_shape(flags.shape);
  return synthetic_model(shape, layer_type(shape, flags.type), 1);
}

std::string model_name(const BenchFlags& flags) {
  if (!flags.shape.empty()) return flags.shape + (flags.type.empty() ? "" : " " + flags.type);
  if (flags.engine.model.empty()) return "default";
  return std::filesystem::path(flags.engine.model).filename().string();
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::tm date{};
  std::strftime(text, sizeof text, "%Y-%m-%d", gmtime_r(&now, &date));
  return text;
}

// What was asked for, or what fits into the model's context.
SpeedOptions speed_options(const BenchFlags& flags, int64_t room) {
  const auto at_most = [room](int64_t most, int64_t share) {
    return std::min(most, std::max<int64_t>(1, room / share));
  };
  SpeedOptions o;
  o.prompt = flags.prompt.value_or(at_most(512, 2));
  o.generate = flags.generate.value_or(at_most(128, 4));
  o.context = flags.context;
  o.batch = flags.batch;
  o.repeats = flags.repeats;
  return o;
}

EngineOptions bench_options(const BenchFlags& flags, int threads) {
  EngineOptions options = engine_options(flags.engine);
  options.threads = threads;
  const int64_t asked =
      std::max({flags.prompt.value_or(0), flags.generate.value_or(0) + 1, flags.context});
  if (asked > 4096) options.context = asked;  // else the model's own, at most 4096
  return options;
}

std::string bench(const BenchFlags& flags, Engine& engine, double load_s) {
  BenchReport report;
  report.model = model_name(flags);
  report.date = today();
  report.isa = engine.isa();
  report.threads = engine.threads();
  report.context = flags.context;
  report.load_s = load_s;
  ProgressBar bar("bench");
  report.speed = measure_speed(engine, speed_options(flags, engine.model().context()),
                               [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.finish();
  return flags.json ? to_json(report) + "\n" : to_text(report);
}

void run_bench(const BenchFlags& flags) {
  std::optional<ModelFile> file = open_bench_model(flags);
  const std::vector<int> threads = flags.threads.empty() ? std::vector<int>{0} : flags.threads;
  for (const int& n : threads) {
    const Stopwatch watch;
    Engine engine(*file, bench_options(flags, n));
    const double load_s = watch.seconds();
    if (&n == &threads.back()) file.reset();  // what it alone keeps does not count as resident
    const std::string text =
        flags.signature ? model_signature(engine) + "\n" : bench(flags, engine, load_s);
    std::fputs(text.c_str(), stdout);
    flush_stdout();
  }
}

void write_file(const BenchFlags& flags) {
  if (flags.out.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "-o: expected a file for --write-synthetic, found none");
  }
  const SyntheticShape& shape = synthetic_shape(flags.write);
  const Format& type = layer_type(shape, flags.type);
  ProgressBar bar("write");
  write_synthetic(shape, type, flags.out, 1,
                  [&](int64_t done, int64_t total) { bar.update(done >> 20, total >> 20, "MiB"); });
  bar.finish();
  std::printf("%s: shape %s, %s, random weights, %ju bytes\n", flags.out.c_str(), shape.name,
              type.name, static_cast<uintmax_t>(std::filesystem::file_size(flags.out)));
}

}  // namespace

void add_bench(CLI::App& app) {
  auto flags = std::make_shared<BenchFlags>();
  auto& c = *app.add_subcommand("bench", "Measure prefill and decode speed");
  add_model_argument(c, flags->engine.model);
  std::vector<std::string> names;
  for (const SyntheticShape& shape : synthetic_shapes()) names.push_back(shape.name);
  c.add_option("--shape", flags->shape, "Random weights of this shape in place of a file")
      ->check(CLI::IsMember(names))
      ->excludes("MODEL");
  c.add_option("--write-synthetic", flags->write,
               "Write a file with random weights of this shape, and stop")
      ->check(CLI::IsMember(names))
      ->excludes("MODEL")
      ->excludes("--shape");
  c.add_option("-o,--output", flags->out, "File of --write-synthetic");
  c.add_option(
      "--type", flags->type,
      "Weights of a shape: ternary, binary or a tensor type such as tq2_0 (default: that of "
      "the published model)");
  const auto count = [&](const char* name, auto& value, const char* text) {
    return c.add_option(name, value, text)->check(CLI::Range(1, 1 << 20));
  };
  count("-p,--prompt", flags->prompt,
        "Tokens of prefill (default: 512, at most half of the context)");
  count("-n,--generate", flags->generate,
        "Tokens of decode (default: 128, at most a quarter of the context)");
  count("-b,--batch", flags->batch, "Also decode this many sequences together");
  count("-c,--ctx", flags->context,
        "Decode up to a context of this many tokens (default: from the first token on)");
  count("-r,--repeat", flags->repeats, "Repetitions; the median is printed, and the range")
      ->capture_default_str();
  c.add_option("-t,--threads", flags->threads,
               "Threads, or a list of them, a report each (default: the physical cores)")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  c.add_flag("--json", flags->json, "A line of JSON for each report");
  c.add_flag("--signature", flags->signature,
             "Print the hash of the logits of a fixed text, the same on every CPU, and stop");
  add_compute_flags(c, flags->engine);
  c.footer(
      "The stream bandwidth of the memory and the int8 peak of the instruction set are measured\n"
      "before and after, the larger counts. Energy is that of the CPU packages (RAPL).\n"
      "Examples:\n"
      "  onebit bench                       the default model\n"
      "  onebit bench --shape bonsai-8b -t 1,2 -b 16 --ctx 4096 --json\n"
      "  onebit bench --write-synthetic 2b4t --type tq2_0 -o random.gguf");
  c.callback([flags] { flags->write.empty() ? run_bench(*flags) : write_file(*flags); });
}

}  // namespace onebit
