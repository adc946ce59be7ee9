// What the scheduler costs: tokens per second of n requests that decode together, next to the bare
// forward passes of as many sequences (`onebit bench -b`), in turns in one run.
//   scheduler_bench MODEL.gguf [THREADS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "engine/scheduler.h"

namespace onebit {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kSteps = 100;  // from the first token on: over a border of blocks
constexpr int kRepeats = 15;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Known tokens, nothing sampled.
double bare(Engine& engine, int64_t n) {
  std::deque<Sequence> sequences;
  std::vector<Engine::Append> batch;
  int32_t token = 1;
  for (int64_t i = 0; i < n; ++i) {
    sequences.emplace_back(engine).append({&token, 1});
    batch.push_back({&sequences.back(), {&token, 1}});
  }
  const auto start = Clock::now();
  for (int64_t i = 0; i < kSteps; ++i) engine.append_batch(batch);
  return static_cast<double>(n * kSteps) / seconds_since(start);
}

double scheduled(Scheduler& scheduler, int64_t n, float temperature) {
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
  const auto start = Clock::now();
  while (scheduler.step()) {
  }
  return static_cast<double>(tokens) / seconds_since(start);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "scheduler_bench MODEL.gguf [THREADS]\n");
    return 2;
  }
  Engine engine(ModelFile::open(argv[1]), {.threads = argc > 2 ? std::atoi(argv[2]) : 0});
  Scheduler scheduler(engine, {.prefix_cache = true});
  std::printf("%s, %d threads, kv %s\n", engine.isa(), engine.threads(),
              scheduler.budget().text().c_str());
  std::printf("%8s %12s %12s %8s %12s %8s\n", "requests", "bare tok/s", "greedy", "share",
              "sampled", "share");
  for (const int64_t n : {1, 4, 16, 32}) {
    std::vector<double> without, greedy, sampled;
    for (int r = 0; r < kRepeats; ++r) {
      without.push_back(bare(engine, n));
      greedy.push_back(scheduled(scheduler, n, 0));
      sampled.push_back(scheduled(scheduler, n, 0.8f));
    }
    const double all = median(without);
    std::printf("%8ld %12.0f %12.0f %8.3f %12.0f %8.3f\n", static_cast<long>(n), all,
                median(greedy), median(greedy) / all, median(sampled), median(sampled) / all);
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
