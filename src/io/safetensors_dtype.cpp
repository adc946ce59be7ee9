#include <algorithm>
#include <array>

#include "io/safetensors_header.h"

namespace onebit {
namespace {

struct Dtype {
  std::string_view name;
  int64_t bytes;
};

// By SafetensorsDtype.
constexpr Dtype kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
                             {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
                             {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
static_assert(std::size(kDtypes) == static_cast<std::size_t>(SafetensorsDtype::kF8E5M2) + 1);

}  // namespace

std::string_view dtype_name(SafetensorsDtype dtype) {
  return kDtypes[static_cast<std::size_t>(dtype)].name;
}

int64_t dtype_bytes(SafetensorsDtype dtype) {
  return kDtypes[static_cast<std::size_t>(dtype)].bytes;
}

namespace safetensors {

SafetensorsDtype parse_dtype(const ByteReader& reader, std::string_view text) {
  const auto found = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                  [&](const Dtype& dtype) { return dtype.name == text; });
  if (found == std::end(kDtypes)) {
    std::string known;
    for (const Dtype& dtype : kDtypes) known.append(known.empty() ? "" : ", ").append(dtype.name);
    reader.fail("dtype", "one of " + known, quote(text), ErrorCode::kUnsupported);
  }
  return static_cast<SafetensorsDtype>(found - std::begin(kDtypes));
}

}  // namespace safetensors
}  // namespace onebit
