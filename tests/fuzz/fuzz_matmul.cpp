// A made-up matrix and tokens through the matmul kernel of every instruction set, native or
// emulated: the same bits as the scalar one's, with and without preparation, with scales in f32 and
// in f16, and nothing read or written outside.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/checked.h"
#include "base/half.h"
#include "emulation/emulation.h"
#include "fuzz.h"
#include "quant/packing.h"

namespace onebit {
namespace {

// Bytes of the input, from its start again where it ends.
class Bytes {
 public:
  Bytes(const uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  int next() { return size_ == 0 ? 0 : data_[at_++ % size_]; }
  int64_t below(int64_t n) { return (next() * 256 + next()) % n; }

 private:
  const uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

template <typename T>
const uint8_t* as_bytes(const std::vector<T>& values) {
  return reinterpret_cast<const uint8_t*>(values.data());
}

int8_t code_of(Packing packing, int byte) {
  switch (packing) {
    case Packing::kTernaryI8:
    case Packing::kTripleI8:
      return static_cast<int8_t>(byte % 3 - 1);
    case Packing::kInt8:
      return static_cast<int8_t>(byte % 255 - 127);
    case Packing::kInt6:
      return static_cast<int8_t>(byte % 63 - 31);
    default:
      return byte % 2 == 0 ? 1 : -1;
  }
}

// An f16.
float scale_of(int byte) {
  return std::ldexp(static_cast<float>(byte - 100), byte % 7 - 10);
}

void check(Bytes bytes) {
  const auto packing = static_cast<Packing>(bytes.below(kPackings));
  const bool bits = packing == Packing::kBinaryBit;
  const int64_t rows = 1 + bytes.below(bytes.below(4) == 0 ? 300 : 40);
  const int64_t cols = 1 + bytes.below(bytes.below(4) == 0 ? 1500 : 200);
  // The scalar kernel must be done within the time limit, sanitised and on a busy machine.
  const int64_t most_tokens = std::max<int64_t>(1, (1 << 20) / (rows * cols));
  const int64_t n_tokens = std::min(most_tokens, 1 + bytes.below(bytes.below(4) == 0 ? 300 : 20));
  const bool act_groups = !bits && packing != Packing::kTripleI8 && bytes.next() % 2 == 0;
  const int64_t choice = packing == Packing::kTripleI8 ? 0 : bytes.below(5);
  const int64_t padded = round_up(cols, kColumnPad);
  const int64_t group = choice == 0 ? padded : 64 * choice;
  const int64_t n_groups = ceil_div(cols, group);
  const int64_t step = packing_shape(packing).rows;

  AlignedBuffer<uint8_t> panels(packed_bytes(packing, rows, cols));
  std::vector<float> scales(static_cast<std::size_t>(padded_rows(packing, rows) * n_groups));
  std::vector<int8_t> codes(static_cast<std::size_t>(std::min(step, rows) * cols));
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t n = std::min(step, rows - first);
    std::vector<const int8_t*> pointers;
    for (int64_t r = 0; r < n; ++r) pointers.push_back(codes.data() + r * cols);
    for (int64_t i = 0; i < n * cols; ++i) {
      codes[static_cast<std::size_t>(i)] = code_of(packing, bytes.next());
    }
    pack_panel(packing, pointers.data(), n, cols,
               panels.data() + first / step * panel_bytes(packing, cols));
  }
  std::vector<uint16_t> f16_scales(scales.size());
  for (std::size_t i = 0; i < scales.size(); ++i) {
    scales[i] = scale_of(bytes.next());
    f16_scales[i] = f32_to_f16(scales[i]);
  }

  const int64_t act_stride = bits ? padded / 8 : padded;
  std::vector<uint8_t> acts(static_cast<std::size_t>(n_tokens * act_stride));
  std::vector<int32_t> sums(static_cast<std::size_t>(n_tokens * padded / kSumBlock));
  const int64_t scales_stride = act_groups ? padded / kActGroup : 1;
  std::vector<float> act_scales(static_cast<std::size_t>(n_tokens * scales_stride));
  for (float& scale : act_scales) scale = scale_of(bytes.next());
  for (int64_t m = 0; m < n_tokens; ++m) {
    for (int64_t c = 0; c < cols; ++c) {
      const int byte = bytes.next();
      if (bits) {
        auto& to = acts[static_cast<std::size_t>(m * act_stride + c / 8)];
        to = static_cast<uint8_t>(to | (byte & 1) << (c % 8));
        continue;
      }
      const auto value = static_cast<int8_t>(byte % 255 - 127);
      acts[static_cast<std::size_t>(m * act_stride + c)] = static_cast<uint8_t>(value);
      sums[static_cast<std::size_t>((m * padded + c) / kSumBlock)] += value;
    }
  }

  std::vector<float> expected;
  const auto kernels = quick_kernels();
  for (std::size_t k = kernels.size(); k-- > 0;) {  // scalar is the last
    if (kernels[k]->matmul[static_cast<int>(packing)] == nullptr) continue;
    const auto& [prepared_bytes, run] = kernels[k]->prepare[static_cast<int>(packing)];
    const int64_t size = prepared_bytes == nullptr ? 0 : prepared_bytes(cols, n_tokens);
    AlignedBuffer<uint8_t> prepared(size);
    if (size > 0) run({acts.data(), act_stride, cols, n_tokens, prepared.data()}, 0, padded);
    for (const int variant : {0, 1, 2, 3}) {
      const bool use = variant % 2 == 1;
      const bool f16 = variant >= 2;
      if (use && size == 0) continue;
      std::vector<float> y(static_cast<std::size_t>(n_tokens * rows));
      kernels[k]->matmul[static_cast<int>(packing)](
          {.panels = panels.data(),
           .panel_bytes = panel_bytes(packing, cols),
           .scales = f16 ? as_bytes(f16_scales) : as_bytes(scales),
           .scale_type = f16 ? ScaleType::kF16 : ScaleType::kF32,
           .n_rows = rows,
           .cols = cols,
           .group = group,
           .acts = acts.data(),
           .act_stride = act_stride,
           .act_sums = sums.data(),
           .sums_stride = padded / kSumBlock,
           .act_scales = act_scales.data(),
           .act_scales_stride = scales_stride,
           .act_groups = act_groups,
           .n_tokens = n_tokens,
           .prepared = use ? prepared.data() : nullptr,
           .y = y.data(),
           .y_stride = rows});
      if (expected.empty()) expected = y;
      fuzz::require(std::memcmp(y.data(), expected.data(), y.size() * 4) == 0);
    }
  }
}

}  // namespace
}  // namespace onebit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  onebit::check({data, size});
  return 0;
}
