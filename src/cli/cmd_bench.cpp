#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "cli/cli.h"
#include "convert/convert.h"
#include "convert/synthetic.h"
#include "eval/stream_bandwidth.h"
#include "models/random_model.h"

namespace onebit {
namespace {

struct BenchFlags {
  ModelFlags engine;
  std::string shape;
  std::string write;  // shape of a file to write
  std::string type;
  std::string out;
  std::optional<int64_t> prompt;    // default: 512, at most half of the context
  std::optional<int64_t> generate;  // default: 64, at most a quarter of it
  int repeat = 5;
};

Engine make_engine(const BenchFlags& flags) {
  if (flags.shape.empty()) return open_engine(flags.engine);
  EngineOptions options;
  options.threads = flags.engine.threads;
  options.kv = parse_kv(flags.engine.kv);
  const ModelConfig& config = synthetic_shape(flags.shape).config;
  if (!flags.type.empty() && flags.type != "ternary" && flags.type != "binary") {
    throw Error(ErrorCode::kInvalidArgument,
                "--type: expected ternary or binary with --shape, found " + quote(flags.type));
  }
  const auto weight_class = flags.type == "binary" ? WeightClass::kBinary : WeightClass::kTernary;
  const int64_t context =
      std::min(config.max_seq_len, flags.prompt.value_or(512) + flags.generate.value_or(64) + 1);
  return Engine(random_model(config, weight_class, 1, context), options);
}

struct Figures {
  double low, median, high;
};

Figures spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

void bench(const BenchFlags& flags) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  const auto load_start = Clock::now();
  Engine engine = make_engine(flags);
  const double load_s = seconds(load_start);
  const int64_t room = engine.model().context();
  const auto default_share = [room](int64_t most, int64_t share) {
    return std::min(most, std::max<int64_t>(1, room / share));
  };
  const int64_t n_prompt = flags.prompt.value_or(default_share(512, 2));
  const int64_t n_generate = flags.generate.value_or(default_share(64, 4));
  if (n_prompt + n_generate > room) {
    throw Error(ErrorCode::kInvalidArgument, "bench: expected --prompt + --generate of at most " +
                                                 std::to_string(room) + " (the context), found " +
                                                 std::to_string(n_prompt + n_generate));
  }
  std::vector<int32_t> tokens(static_cast<std::size_t>(n_prompt));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>(static_cast<int64_t>(i * 7919) % engine.config().vocab_size);
  }

  const StreamBandwidth stream;
  ProgressBar bar("bench");
  const double stream_before = stream.measure(engine.pool());
  std::vector<double> prefill;
  std::vector<double> decode;
  Sequence sequence(engine);
  for (int r = 0; r < flags.repeat; ++r) {
    bar.update(r, flags.repeat);
    sequence.clear();
    auto start = Clock::now();
    sequence.append(tokens);
    prefill.push_back(static_cast<double>(n_prompt) / seconds(start));
    sequence.clear();
    sequence.append({tokens.data(), 1});
    start = Clock::now();
    for (int64_t i = 0; i < n_generate; ++i) {
      const auto at = static_cast<std::size_t>(i) % tokens.size();
      sequence.append({&tokens[at], 1});
    }
    decode.push_back(static_cast<double>(n_generate) / seconds(start));
  }
  bar.finish();
  const double bandwidth = std::max(stream_before, stream.measure(engine.pool()));

  const auto p = spread(prefill);
  const auto d = spread(decode);
  const auto bytes = static_cast<double>(engine.model().bytes_per_token());
  std::printf("isa %s, %d threads, loaded in %.2f s, stream %.1f GB/s\n", engine.isa(),
              engine.threads(), load_s, bandwidth / 1e9);
  std::printf("prefill %lld: %.1f tok/s (%.1f..%.1f)\n", static_cast<long long>(n_prompt), p.median,
              p.low, p.high);
  std::printf(
      "decode  %lld: %.1f tok/s (%.1f..%.1f), %.2f MB of weights a token, %.2f GB/s, %.2f of "
      "stream%s\n",
      static_cast<long long>(n_generate), d.median, d.low, d.high, bytes / 1e6,
      bytes * d.median / 1e9, bytes * d.median / bandwidth,
      bytes < 32e6 ? " (weights fit in cache)" : "");
}

void write_file(const BenchFlags& flags) {
  if (flags.out.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "-o: expected a file for --write-synthetic, found none");
  }
  const SyntheticShape& shape = synthetic_shape(flags.write);
  const Format& type = flags.type.empty() ? format(shape.type) : writable_format(flags.type);
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
  c.add_option("--type", flags->type,
               "Weights of --shape: ternary (default) or binary; of --write-synthetic: a tensor "
               "type (default: that of the published model)");
  c.add_option("-P,--prompt", flags->prompt,
               "Tokens of prefill (default: 512, at most half of the context)")
      ->check(CLI::Range(1, 1 << 20));
  c.add_option("-n,--generate", flags->generate,
               "Tokens of decode (default: 64, at most a quarter of it)")
      ->check(CLI::Range(1, 1 << 20));
  c.add_option("-r,--repeat", flags->repeat, "Repetitions; the median is printed, and the range")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_engine_flags(c, flags->engine);
  c.footer(
      "Examples:\n"
      "  onebit bench                       the default model\n"
      "  onebit bench --shape 1b --type binary\n"
      "  onebit bench --write-synthetic 2b4t --type tq2_0 -o random.gguf");
  c.callback([flags] { flags->write.empty() ? bench(*flags) : write_file(*flags); });
}

}  // namespace onebit
