#include "convert/chunks.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/checked.h"

namespace onebit {

int64_t chunk_rows(int64_t cols, int64_t step) {
  constexpr int64_t kValues = int64_t{1} << 20;
  return round_up(std::max<int64_t>(1, kValues / cols), step);
}

void write_in_chunks(const Format& format, int64_t rows, int64_t cols,
                     const std::function<void(int64_t, int64_t, uint8_t*)>& fill,
                     const ByteSink& sink) {
  // A chunk ends where a block does, also one that runs on across rows.
  const int64_t step = format.packing ? packing_shape(*format.packing).rows
                       : format.flat  ? format.block / std::gcd(cols, format.block)
                                      : format.row_block;
  const int64_t most = chunk_rows(cols, step);
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> tail;
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t count = std::min(most, rows - first);
    bytes.assign(static_cast<std::size_t>(format.bytes(count, cols)), 0);
    fill(first, count, bytes.data());
    const auto tail_bytes = static_cast<std::size_t>(format.trailing_bytes(count, cols));
    const auto body = std::span(bytes).first(bytes.size() - tail_bytes);
    const auto end = std::span(bytes).last(tail_bytes);
    if (first == 0 || format.packing) {
      tail.insert(tail.end(), end.begin(), end.end());
    } else if (!std::ranges::equal(tail, end)) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::string(format.name) + ": row " + std::to_string(first) +
                      ": expected the one scale of the tensor, found another");
    }
    sink(body);
  }
  if (!tail.empty()) sink(tail);
}

}  // namespace onebit
