#include "quant/format.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "quant/format_list.h"

namespace onebit {

std::span<const Format> formats() {
  static const std::array kFormats = {
#define ONEBIT_FORMAT(name) name##_format,
#include "quant/formats.inc"
#undef ONEBIT_FORMAT
  };
  return kFormats;
}

const Format* find_format(uint32_t id) {
  for (const Format& format : formats()) {
    if (format.id == id) return &format;
  }
  return nullptr;
}

const Format* find_format(std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const Format& format : formats()) {
    if (std::ranges::equal(name, std::string_view(format.name), {}, lower, lower)) return &format;
  }
  return nullptr;
}

const Format& format(TensorType id) {
  const Format* found = find_format(static_cast<uint32_t>(id));
  ONEBIT_CHECK(found != nullptr);
  return *found;
}

int64_t Format::bytes(int64_t rows, int64_t cols) const {
  const std::string shape = std::string(name) + " matrix of " + std::to_string(rows) + " rows, " +
                            std::to_string(cols) + " columns";
  if (rows < 1 || cols < 1) {
    throw Error(ErrorCode::kInvalidFile, shape + ": expected at least 1 of each");
  }
  const int64_t values = checked_mul(rows, cols, shape);
  if ((flat ? values : cols) % block != 0) {
    throw Error(ErrorCode::kInvalidFile,
                shape + ": expected a multiple of " + std::to_string(block) +
                    (flat ? " values, found " + std::to_string(values) : " columns"));
  }
  return checked_add(checked_mul(values / block, block_bytes, shape), tail_bytes, shape);
}

double Format::bits_per_weight(int64_t rows, int64_t cols) const {
  return 8.0 * static_cast<double>(bytes(rows, cols)) /
         (static_cast<double>(rows) * static_cast<double>(cols));
}

}  // namespace onebit
