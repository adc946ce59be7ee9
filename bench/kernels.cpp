// Panel kernels on one thread: weights/s, bytes/s and its share of the stream bandwidth, multiply-
// adds/s and their share of the int8 peak, both peaks measured in this run. "memory" matrices are
// far larger than any cache (the share of stream counts), "L2" ones fit there (the share of peak).
//
//   kernels_bench --benchmark_filter=avx512/.*/memory
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "eval/int8_peak.h"
#include "eval/stream_bandwidth.h"
#include "kernels/dispatch.h"
#include "kernels/pack.h"

namespace onebit {
namespace {

constexpr int64_t kCols = 2560;
constexpr int64_t kMemoryBytes = int64_t{512} << 20;
constexpr int64_t kL2Bytes = int64_t{256} << 10;
constexpr const char* kPackingNames[kPackings] = {"ternary_i8", "binary_i8", "binary_bit"};

struct Peaks {
  double bytes_per_second;
  double macs_per_second;  // 0: unknown
};

// CPU time of this thread: what other processes take does not count against a kernel.
double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Peaks measure_peaks() {
  ThreadPool one(1);
  const StreamBandwidth stream(kMemoryBytes);
  const Int8Loop* peak = find_int8_loop(usable_kernels().front()->isa);
  Peaks best{};
  for (int pass = 0; pass < 5; ++pass) {
    double start = thread_seconds();
    stream.measure(one, 1);  // for the read alone: its own figure counts wall time
    best.bytes_per_second =
        std::max(best.bytes_per_second, kMemoryBytes / (thread_seconds() - start));
    if (peak == nullptr) continue;
    start = thread_seconds();
    const auto macs = static_cast<double>(peak->run(5'000'000'000));
    best.macs_per_second = std::max(best.macs_per_second, macs / (thread_seconds() - start));
  }
  return best;
}

// A matrix of `matrix_bytes` of panels times M tokens, `group` columns per scale.
void bench_panels(benchmark::State& state, const Peaks& peaks, const Kernels& kernels,
                  Packing packing, int64_t n_tokens, int64_t group, int64_t matrix_bytes) {
  const int64_t bytes = panel_bytes(packing, kCols);
  const int64_t n_panels = matrix_bytes / bytes;
  const int64_t n_groups = (kCols - 1) / group + 1;
  // 0x64 is a valid byte of every packing (ternary codes 0, 1, 2, 1).
  AlignedBuffer<uint8_t> weights(n_panels * bytes);
  std::memset(weights.data(), 0x64, static_cast<std::size_t>(weights.size()));
  const AlignedBuffer<uint8_t> acts(n_tokens * kCols);
  const AlignedBuffer<int32_t> sums(n_tokens * n_groups);
  AlignedBuffer<int32_t> out(n_groups * n_tokens * kPanelRows);
  const PanelKernel kernel = kernels.panel[static_cast<int>(packing)];
  PanelArgs args{weights.data(), acts.data(), kCols,       kCols,
                 group,          n_tokens,    sums.data(), out.data()};
  const double start = thread_seconds();
  for (auto _ : state) {
    for (int64_t p = 0; p < n_panels; ++p) {
      args.panel = weights.data() + p * bytes;
      kernel(args);
    }
    benchmark::ClobberMemory();
  }
  const double seconds = (thread_seconds() - start) / static_cast<double>(state.iterations());
  const auto n_weights = static_cast<double>(n_panels * kPanelRows * kCols);
  const double bytes_per_second = static_cast<double>(n_panels * bytes) / seconds;
  const double macs_per_second = n_weights * static_cast<double>(n_tokens) / seconds;
  state.counters["weights/s"] = n_weights / seconds;
  state.counters["bytes/s"] = bytes_per_second;
  state.counters["of_stream"] = bytes_per_second / peaks.bytes_per_second;
  state.counters["MAC/s"] = macs_per_second;
  if (peaks.macs_per_second > 0 && packing != Packing::kBinaryBit) {
    state.counters["of_peak"] = macs_per_second / peaks.macs_per_second;
  }
}

// pack_panel on one panel, as a training step does for every weight.
void bench_pack(benchmark::State& state, Packing packing) {
  const std::vector<int8_t> codes(kPanelRows * kCols, 1);
  const int8_t* rows[kPanelRows];
  for (int64_t r = 0; r < kPanelRows; ++r) rows[r] = codes.data() + r * kCols;
  AlignedBuffer<uint8_t> panel(panel_bytes(packing, kCols));
  for (auto _ : state) {
    pack_panel(packing, rows, kCols, panel.data());
    benchmark::ClobberMemory();
  }
  state.counters["weights/s"] = benchmark::Counter(
      static_cast<double>(state.iterations() * kPanelRows * kCols), benchmark::Counter::kIsRate);
}

void register_all(const Peaks& peaks) {
  for (int packing = 0; packing < kPackings; ++packing) {
    benchmark::RegisterBenchmark((std::string("pack/") + kPackingNames[packing]).c_str(),
                                 bench_pack, static_cast<Packing>(packing));
  }
  for (const Kernels* kernels : usable_kernels()) {
    const auto add = [&](int packing, const std::string& where, int64_t m, int64_t group,
                         int64_t matrix_bytes) {
      const std::string name = std::string(kernels->isa) + "/" + kPackingNames[packing] + "/" +
                               where + "/M:" + std::to_string(m);
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        bench_panels(state, peaks, *kernels, static_cast<Packing>(packing), m, group, matrix_bytes);
      });
    };
    for (int packing = 0; packing < kPackings; ++packing) {
      for (const int64_t m : {1, 4, 8}) {
        // The reference is far too slow for memory to matter, and 512 MiB would take minutes.
        if (kernels != usable_kernels().back()) add(packing, "memory", m, kCols, kMemoryBytes);
        add(packing, "L2", m, kCols, kL2Bytes);
      }
      for (const int64_t m : {1, 8}) add(packing, "L2/group:128", m, 128, kL2Bytes);
    }
  }
}

}  // namespace
}  // namespace onebit

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const onebit::Peaks peaks = onebit::measure_peaks();
  benchmark::AddCustomContext("stream GB/s", std::to_string(peaks.bytes_per_second / 1e9));
  benchmark::AddCustomContext("int8 peak GMAC/s", std::to_string(peaks.macs_per_second / 1e9));
  onebit::register_all(peaks);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
