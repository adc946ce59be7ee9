// Attention of one layer: decode steps against the stream bandwidth, prompts against the peak of
// f32 multiply-adds, both measured in this run with the same threads.
//
//   attention_bench --benchmark_filter=avx512/2b4t
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include "base/rng.h"
#include "bench/peak.h"
#include "eval/stream_bandwidth.h"
#include "kernels/dispatch.h"
#include "ops/attention.h"

namespace onebit {
namespace {

struct Shape {
  const char* name;
  AttentionShape attention;
};
constexpr std::pair<const char*, KvType> kKvTypes[] = {
    {"f16", KvType::kF16}, {"int8", KvType::kInt8}, {"f32", KvType::kF32}};
constexpr Shape kShapes[] = {{"2b4t", {20, 5, 128}}, {"bonsai-1.7b", {16, 8, 128}}};

// Multiply-adds per second of all threads; 0: unknown.
double fma_peak(ThreadPool& pool) {
  std::atomic<int64_t> done = 0;
  const auto start = std::chrono::steady_clock::now();
  pool.parallel_for(pool.size(), 1, [&](int64_t, int64_t) { done += run_f32_peak(300'000'000); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(done) / seconds.count();
}

struct Peaks {
  double bytes_per_second;
  double macs_per_second;
};

// `n_tokens` after `before` positions, in kLayers layers so that caches do not hold the keys.
void bench(benchmark::State& state, const Peaks& peaks, ThreadPool& pool, const Kernels& kernels,
           const AttentionShape& shape, KvType type, int64_t before, int64_t n_tokens) {
  const OpContext ctx{pool, kernels};
  const int64_t layers = n_tokens == 1 && before > 1000 ? 30 : 1;
  KvPool blocks({layers, shape.n_kv_heads, shape.head_dim, type});
  KvCache kv(blocks);
  Rng rng(1);
  const auto floats = [&](int64_t n) {
    AlignedBuffer<float> v(n);
    for (float& x : v) x = static_cast<float>(rng.normal());
    return v;
  };
  const int64_t total = before + n_tokens;
  const auto q = floats(n_tokens * shape.n_heads * shape.head_dim);
  const auto k = floats(total * shape.n_kv_heads * shape.head_dim);
  AlignedBuffer<float> out(q.size());
  AttentionScratch scratch;
  kv.reserve(total);
  const Segment all{&kv, total};
  for (int64_t l = 0; l < layers; ++l) store_kv(ctx, l, {&all, 1}, k.data(), k.data());
  kv.advance(before);
  const Segment segment{&kv, n_tokens};
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) {
    for (int64_t l = 0; l < layers; ++l) {
      attention_rows(ctx, shape, l, {&segment, 1}, q.data(), scratch, out.data());
    }
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  const double seconds = elapsed.count() / static_cast<double>(state.iterations());
  const auto bytes = static_cast<double>(blocks.shape().position_bytes() * total);
  const double seen = static_cast<double>(n_tokens) *
                      (static_cast<double>(before) + static_cast<double>(n_tokens + 1) / 2);
  const double macs =
      seen * static_cast<double>(2 * shape.n_heads * shape.head_dim * layers) / seconds;
  if (n_tokens == 1) {
    state.counters["bytes/s"] = bytes / seconds;
    state.counters["of_stream"] = bytes / seconds / peaks.bytes_per_second;
  }
  state.counters["MAC/s"] = macs;
  if (kernels.isa == std::string("avx512"))
    state.counters["of_peak"] = macs / peaks.macs_per_second;
}

}  // namespace
}  // namespace onebit

int main(int argc, char** argv) {
  using namespace onebit;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  ThreadPool one(1), two(2);
  const StreamBandwidth stream(int64_t{512} << 20);
  ThreadPool* const pools[] = {&one, &two};
  Peaks peaks[2];
  for (int i = 0; i < 2; ++i) {
    peaks[i] = {stream.measure(*pools[i]), fma_peak(*pools[i])};
    const std::string threads = std::to_string(i + 1) + " threads: ";
    benchmark::AddCustomContext(threads + "stream GB/s",
                                std::to_string(peaks[i].bytes_per_second / 1e9));
    benchmark::AddCustomContext(threads + "f32 peak GMAC/s",
                                std::to_string(peaks[i].macs_per_second / 1e9));
  }
  for (const Kernels* kernels : usable_kernels()) {
    if (kernels == usable_kernels().back() && usable_kernels().size() > 1) break;  // scalar
    for (const Shape& shape : kShapes) {
      for (const auto& [type_name, type] : kKvTypes) {
        for (int i = 0; i < 2; ++i) {
          const auto add = [&](const char* what, int64_t before, int64_t n) {
            const std::string name = std::string(kernels->isa) + "/" + shape.name + "/" +
                                     type_name + "/" + what + "/threads:" + std::to_string(i + 1);
            benchmark::RegisterBenchmark(name.c_str(), [=, &shape](benchmark::State& state) {
              bench(state, peaks[i], *pools[i], *kernels, shape.attention, type, before, n);
            })->UseRealTime();
          };
          add("decode:4096", 4095, 1);
          add("decode:200", 199, 1);
          add("prefill:512", 0, 512);
          add("prefill:512@4096", 4096 - 512, 512);
        }
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
