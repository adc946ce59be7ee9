// What the scheduler costs: tokens per second of n requests that decode together, next to the bare
// forward passes of as many sequences (`onebit bench -b`), and with speculation next to without, in
// turns in one run.
//   scheduler_bench MODEL.gguf [THREADS [REPEATS]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <vector>

#include "base/stopwatch.h"
#include "engine/scheduler.h"

namespace onebit {
namespace {

constexpr int64_t kSteps = 100;  // from the first token on: over a border of blocks
constexpr int64_t kGuesses = 8;

// With a temperature the tokens are drawn one after the other: the texts are those of the
// scheduler.
double bare(Engine& engine, int64_t n, std::optional<float> temperature) {
  std::deque<Sequence> sequences;
  std::vector<Engine::Append> batch;
  std::deque<Sampler> samplers;
  std::vector<int32_t> tokens(static_cast<std::size_t>(n), 1);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    batch.push_back({&sequences.emplace_back(engine), {&tokens[i], 1}});
    samplers.emplace_back(SamplerOptions{.temperature = temperature.value_or(0), .seed = i});
  }
  const auto vocab_size = static_cast<std::size_t>(engine.config().vocab_size);
  const auto step = [&] {
    const auto logits = engine.append_batch(batch);
    for (std::size_t i = 0; i < tokens.size() && temperature; ++i) {
      tokens[i] = samplers[i].sample(logits.subspan(i * vocab_size, vocab_size), {});
    }
  };
  step();
  const Stopwatch watch;
  for (int64_t i = 0; i < kSteps; ++i) step();
  return static_cast<double>(n * kSteps) / watch.seconds();
}

double scheduled(Engine& engine, int64_t n, float temperature, int64_t speculation = 0) {
  Scheduler scheduler(engine, {.speculation = speculation});
  int64_t tokens = 0;
  for (int64_t i = 0; i < n; ++i) {
    Request request;
    request.prompt = {1};
    request.max_tokens = kSteps + 1;
    request.sampling.temperature = temperature;
    request.sampling.seed = static_cast<uint64_t>(i);
    request.ignore_eos = true;
    request.on_token = [&tokens](const TokenEvent&) { return ++tokens > 0; };
    scheduler.submit(std::move(request));
  }
  scheduler.step();  // the prompts, and the first token
  tokens = 0;
  const Stopwatch watch;
  while (scheduler.step()) {
  }
  return static_cast<double>(tokens) / watch.seconds();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "scheduler_bench MODEL.gguf [THREADS [REPEATS]]\n");
    return 2;
  }
  Engine engine(ModelFile::open(argv[1]), {.threads = argc > 2 ? std::atoi(argv[2]) : 0});
  const int repeats = argc > 3 ? std::atoi(argv[3]) : 15;
  std::printf("%s, %d threads\n", engine.isa(), engine.threads());
  std::printf(
      "tokens per second of all; the scheduler's share of the same without it, and what\n"
      "guesses make of its speed\n");
  std::printf("%8s %10s %10s %10s %6s %7s %10s %10s %6s %7s\n", "requests", "no sampler", "greedy",
              "scheduled", "share", "guesses", "temp 0.8", "scheduled", "share", "guesses");
  for (const int64_t n : {1, 4, 16, 32}) {
    std::vector<double> none, greedy, greedy_scheduled, greedy_guessed, sampled, sampled_scheduled,
        sampled_guessed;
    for (int r = 0; r < repeats; ++r) {
      none.push_back(bare(engine, n, {}));
      greedy.push_back(bare(engine, n, 0.0f));
      greedy_scheduled.push_back(scheduled(engine, n, 0));
      greedy_guessed.push_back(scheduled(engine, n, 0, kGuesses));
      sampled.push_back(bare(engine, n, 0.8f));
      sampled_scheduled.push_back(scheduled(engine, n, 0.8f));
      sampled_guessed.push_back(scheduled(engine, n, 0.8f, kGuesses));
    }
    std::printf("%8ld %10.0f %10.0f %10.0f %6.3f %7.3f %10.0f %10.0f %6.3f %7.3f\n",
                static_cast<long>(n), median(none), median(greedy), median(greedy_scheduled),
                median(greedy_scheduled) / median(greedy),
                median(greedy_guessed) / median(greedy_scheduled), median(sampled),
                median(sampled_scheduled), median(sampled_scheduled) / median(sampled),
                median(sampled_guessed) / median(sampled_scheduled));
  }
  return 0;
}

}  // namespace
}  // namespace onebit

int main(int argc, char** argv) {
  try {
    return onebit::run(argc, argv);
  } catch (const onebit::Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
