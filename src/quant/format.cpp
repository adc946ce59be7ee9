#include "quant/format.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "quant/format_list.h"
#include "quant/panel_shape.h"

namespace onebit {
namespace {

struct UnreadType {
  uint32_t id;
  const char* hint;  // what it is, why it is not read; what to do
};

constexpr UnreadType kUnreadTypes[] = {
    {38,
     "TL1 of bitnet.cpp, laid out in tiles for one matrix shape that only the kernels generated "
     "with the file know; use the model's safetensors or I2_S file instead"},
    {39,
     "TL2 of bitnet.cpp, laid out in tiles for one matrix shape that only the kernels generated "
     "with the file know (or MXFP4 of llama.cpp, a 4-bit format); use the model's safetensors or "
     "I2_S file instead"},
    {40,
     "NVFP4 of llama.cpp, a 4-bit format (or Q1_0 in groups of 32 of early Prism files); use a "
     "Q1_0 (type 41) file of the model instead"},
    {335,
     "IQ2_BN_R4 of ik_llama.cpp, IQ2_BN with rows interleaved for its kernels; use the IQ2_BN "
     "(type 135) file that it was repacked from instead"},
};

}  // namespace

std::span<const Format> formats() {
  static const std::array kFormats = {
#define ONEBIT_FORMAT(name) name##_format,
#define ONEBIT_VARIANT(name)
#include "quant/formats.inc"
#undef ONEBIT_FORMAT
#undef ONEBIT_VARIANT
  };
  return kFormats;
}

std::span<const Format> format_variants() {
  static const std::array kVariants = {
#define ONEBIT_FORMAT(name)
#define ONEBIT_VARIANT(name) name##_format,
#include "quant/formats.inc"
#undef ONEBIT_FORMAT
#undef ONEBIT_VARIANT
  };
  return kVariants;
}

const Format* find_format(uint32_t id) {
  for (const Format& format : formats()) {
    if (format.id == id) return &format;
  }
  return nullptr;
}

const Format* find_format(std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const auto list : {formats(), format_variants()}) {
    for (const Format& format : list) {
      if (std::ranges::equal(name, std::string_view(format.name), {}, lower, lower)) return &format;
    }
  }
  return nullptr;
}

const Format& format(TensorType id) {
  const Format* found = find_format(static_cast<uint32_t>(id));
  ONEBIT_CHECK(found != nullptr);
  return *found;
}

const Format& resolve_format(uint32_t id, int64_t rows, int64_t cols, int64_t available,
                             int64_t alignment) {
  const Format* standard = find_format(id);
  if (standard == nullptr) {
    const std::string hint = unsupported_type_hint(id);
    std::string known;
    for (const Format& format : formats()) known += " " + std::string(format.name);
    throw Error(
        ErrorCode::kUnsupported,
        hint.empty() ? "type: expected one of" + known + ", found id " + std::to_string(id) : hint);
  }
  const int64_t needed = standard->bytes(rows, cols);
  if (needed <= available) return *standard;
  for (const Format& variant : format_variants()) {
    if (variant.id != id || cols % variant.block != 0 || rows % variant.row_block != 0) continue;
    const int64_t bytes = variant.bytes(rows, cols);
    // Within the padding: fewer bytes are missing ones, more are a damaged file of the standard
    // layout. No overflow: bytes <= available.
    if (bytes <= available && available - bytes < alignment) return variant;
  }
  throw Error(ErrorCode::kInvalidFile, "expected " + std::to_string(needed) + " bytes of " +
                                           standard->name + ", found " + std::to_string(available) +
                                           " before the next tensor or the end");
}

std::string unsupported_type_hint(uint32_t id) {
  for (const UnreadType& type : kUnreadTypes) {
    if (type.id == id) return "tensor type " + std::to_string(id) + " is " + type.hint;
  }
  return "";
}

int64_t Format::bytes(int64_t rows, int64_t cols) const {
  const std::string shape = std::string(name) + " matrix of " + std::to_string(rows) + " rows, " +
                            std::to_string(cols) + " columns";
  if (rows < 1 || cols < 1) {
    throw Error(ErrorCode::kInvalidFile, shape + ": expected at least 1 of each");
  }
  if (rows % row_block != 0) {
    throw Error(ErrorCode::kInvalidFile,
                shape + ": expected a multiple of " + std::to_string(row_block) + " rows");
  }
  const int64_t values = checked_mul(rows, cols, shape);
  if ((flat ? values : cols) % block != 0) {
    throw Error(ErrorCode::kInvalidFile,
                shape + ": expected a multiple of " + std::to_string(block) +
                    (flat ? " values, found " + std::to_string(values) : " columns"));
  }
  if (packing) return PanelShape(*packing, rows, cols, group, scale_type).bytes();
  const int64_t blocks = checked_mul(values / row_block / block, block_bytes, shape);
  const int64_t headers = checked_mul(rows / row_block, row_header_bytes, shape);
  return checked_add(checked_add(blocks, headers, shape), tail_bytes, shape);
}

int64_t Format::trailing_bytes(int64_t rows, int64_t cols) const {
  if (!packing) return tail_bytes;
  return PanelShape(*packing, rows, cols, group, scale_type).scales_bytes();
}

double Format::bits_per_weight(int64_t rows, int64_t cols) const {
  return 8.0 * static_cast<double>(bytes(rows, cols)) /
         (static_cast<double>(rows) * static_cast<double>(cols));
}

}  // namespace onebit
