// P_BINARY: binary codes in panels, a scale a row, or one for every 128 columns in f32 or f16.
// docs/formats/p_binary.md.
#include "quant/panel_format.h"

namespace onebit {
namespace {

template <int64_t kColumns, ScaleType kScale, const char* kText>
struct Layout {
  static constexpr const char* kName = kText;
  static constexpr Packing kPacking = Packing::kBinaryI8;
  static constexpr WeightClass kClass = WeightClass::kBinary;
  static constexpr int64_t kGroup = kColumns;
  static constexpr ScaleType kScaleType = kScale;
};

constexpr char kRow[] = "P_BINARY";
constexpr char k128[] = "P_BINARY/128";
constexpr char k128F16[] = "P_BINARY/128/F16";

template <int64_t kColumns, ScaleType kScale, const char* kText>
constexpr Format panels(uint32_t id) {
  return PanelFormat<Layout<kColumns, kScale, kText>>::format(id);
}

}  // namespace

constinit const Format p_binary_format = panels<0, ScaleType::kF32, kRow>(kP_BINARY);
constinit const Format p_binary_128_format = panels<128, ScaleType::kF32, k128>(kP_BINARY_128);
constinit const Format p_binary_128_f16_format =
    panels<128, ScaleType::kF16, k128F16>(kP_BINARY_128_F16);

}  // namespace onebit
