// Matmul kernels on one thread: weights/s, bytes/s and its share of the stream bandwidth, multiply-
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
#include "base/checked.h"
#include "base/thread_pool.h"
#include "eval/int8_peak.h"
#include "eval/stream_bandwidth.h"
#include "kernels/dispatch.h"

namespace onebit {
namespace {

constexpr int64_t kCols = 2560;
constexpr int64_t kMemoryBytes = int64_t{512} << 20;
constexpr int64_t kL2Bytes = int64_t{320} << 10;
constexpr const char* kPackingNames[kPackings] = {"ternary_i8", "binary_i8", "binary_bit",
                                                  "int8",       "triple_i8", "int6"};

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

struct Shape {
  Packing packing;
  int64_t n_tokens;
  int64_t group;  // columns per weight scale
  bool act_groups;
  int64_t matrix_bytes;
};

// A matrix of `matrix_bytes` of panels times M tokens.
void bench_matmul(benchmark::State& state, const Peaks& peaks, const Kernels& kernels,
                  const Shape& shape) {
  const int64_t panel = panel_bytes(shape.packing, kCols);
  const int64_t n_panels = shape.matrix_bytes / panel;
  const int64_t n_rows = n_panels * packing_shape(shape.packing).rows;
  const int64_t m = shape.n_tokens;
  // 0x64 is a valid byte of every packing (ternary codes 0, 1, 2, 1).
  AlignedBuffer<uint8_t> weights(n_panels * panel);
  std::memset(weights.data(), 0x64, static_cast<std::size_t>(weights.size()));
  // as a model's are: those of several columns in f16
  const ScaleType scale_type = shape.group < kCols ? ScaleType::kF16 : ScaleType::kF32;
  const AlignedBuffer<uint8_t> scales(n_rows * ceil_div(kCols, shape.group) *
                                      scale_bytes(scale_type));
  const AlignedBuffer<uint8_t> acts(m * kCols);
  const AlignedBuffer<int32_t> sums(m * kCols / kSumBlock);
  const AlignedBuffer<float> act_scales(m * kCols / kActGroup);
  const auto& [bytes, prepare] = kernels.prepare[static_cast<int>(shape.packing)];
  AlignedBuffer<uint8_t> prepared(bytes == nullptr ? 0 : bytes(kCols, m));
  if (!prepared.empty()) {
    prepare({acts.data(), kCols, kCols, m, prepared.data()}, 0, kCols);
  }
  AlignedBuffer<float> y(m * n_rows);
  const MatmulArgs args{.panels = weights.data(),
                        .panel_bytes = panel,
                        .scales = scales.data(),
                        .scale_type = scale_type,
                        .n_rows = n_rows,
                        .cols = kCols,
                        .group = shape.group,
                        .acts = acts.data(),
                        .act_stride = kCols,
                        .act_sums = sums.data(),
                        .sums_stride = kCols / kSumBlock,
                        .act_scales = act_scales.data(),
                        .act_scales_stride = shape.act_groups ? kCols / kActGroup : 1,
                        .act_groups = shape.act_groups,
                        .n_tokens = m,
                        .prepared = prepared.data(),
                        .y = y.data(),
                        .y_stride = n_rows};
  const MatmulKernel kernel = kernels.matmul[static_cast<int>(shape.packing)];
  const double start = thread_seconds();
  for (auto _ : state) {
    kernel(args);
    benchmark::ClobberMemory();
  }
  const double seconds = (thread_seconds() - start) / static_cast<double>(state.iterations());
  const auto n_weights = static_cast<double>(n_rows * kCols);
  // what a call reads: weights and their scales
  const double bytes_per_second = static_cast<double>(weights.size() + scales.size()) / seconds;
  const double macs_per_second = n_weights * static_cast<double>(m) / seconds;
  state.counters["weights/s"] = n_weights / seconds;
  state.counters["bytes/s"] = bytes_per_second;
  state.counters["of_stream"] = bytes_per_second / peaks.bytes_per_second;
  state.counters["MAC/s"] = macs_per_second;
  if (peaks.macs_per_second > 0 && shape.packing != Packing::kBinaryBit) {
    state.counters["of_peak"] = macs_per_second / peaks.macs_per_second;
  }
}

// pack_panel on one panel, as a training step does for every weight.
void bench_pack(benchmark::State& state, Packing packing) {
  const int64_t n_rows = packing_shape(packing).rows;
  const std::vector<int8_t> codes(static_cast<std::size_t>(n_rows * kCols), 1);
  std::vector<const int8_t*> rows;
  for (int64_t r = 0; r < n_rows; ++r) rows.push_back(codes.data() + r * kCols);
  AlignedBuffer<uint8_t> panel(panel_bytes(packing, kCols));
  for (auto _ : state) {
    pack_panel(packing, rows.data(), n_rows, kCols, panel.data());
    benchmark::ClobberMemory();
  }
  state.counters["weights/s"] = benchmark::Counter(
      static_cast<double>(state.iterations() * n_rows * kCols), benchmark::Counter::kIsRate);
}

void register_all(const Peaks& peaks) {
  for (int packing = 0; packing < kPackings; ++packing) {
    benchmark::RegisterBenchmark((std::string("pack/") + kPackingNames[packing]).c_str(),
                                 bench_pack, static_cast<Packing>(packing));
  }
  for (const Kernels* kernels : usable_kernels()) {
    // The reference is far too slow for memory to matter, and 512 MiB would take minutes.
    const bool is_reference = kernels == usable_kernels().back();
    const auto add = [&](const std::string& where, const Shape& shape) {
      const std::string name = std::string(kernels->isa) + "/" +
                               kPackingNames[static_cast<int>(shape.packing)] + "/" + where +
                               "/M:" + std::to_string(shape.n_tokens);
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        bench_matmul(state, peaks, *kernels, shape);
      });
    };
    for (int i = 0; i < kPackings; ++i) {
      const auto packing = static_cast<Packing>(i);
      for (const bool act_groups : {false, true}) {
        const bool has_groups = packing != Packing::kBinaryBit && packing != Packing::kTripleI8;
        if (kernels->matmul[i] == nullptr || (act_groups && !has_groups)) continue;
        // Scales of Q1_0 and Q2_0, or one a row.
        const bool row_scale = packing == Packing::kInt8 || packing == Packing::kInt6;
        const int64_t group = act_groups && !row_scale ? 128 : kCols;
        const std::string suffix = act_groups ? "/groups" : "";
        for (const int64_t m : {1, 2, 4, 8}) {
          if (!is_reference) add("memory" + suffix, {packing, m, group, act_groups, kMemoryBytes});
        }
        for (const int64_t m : {1, 4, 8, 64, 512}) {
          if (!is_reference || m <= 8) {
            add("L2" + suffix, {packing, m, group, act_groups, kL2Bytes});
          }
        }
      }
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
