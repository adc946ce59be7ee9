// P_TERNARY: ternary codes in panels, a scale a row, or one for every so many columns in f32 or
// f16. docs/formats/p_ternary.md.
#include "quant/panel_format.h"

namespace onebit {
namespace {

template <int64_t kColumns, ScaleType kScale, const char* kText>
struct Layout {
  static constexpr const char* kName = kText;
  static constexpr Packing kPacking = Packing::kTernaryI8;
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kGroup = kColumns;
  static constexpr ScaleType kScaleType = kScale;
};

constexpr char kRow[] = "P_TERNARY";
constexpr char k64[] = "P_TERNARY/64";
constexpr char k128[] = "P_TERNARY/128";
constexpr char k256[] = "P_TERNARY/256";
constexpr char k64F16[] = "P_TERNARY/64/F16";
constexpr char k128F16[] = "P_TERNARY/128/F16";
constexpr char k256F16[] = "P_TERNARY/256/F16";

template <int64_t kColumns, ScaleType kScale, const char* kText>
constexpr Format panels(uint32_t id) {
  return PanelFormat<Layout<kColumns, kScale, kText>>::format(id);
}

}  // namespace

constinit const Format p_ternary_format = panels<0, ScaleType::kF32, kRow>(kP_TERNARY);
constinit const Format p_ternary_64_format = panels<64, ScaleType::kF32, k64>(kP_TERNARY_64);
constinit const Format p_ternary_128_format = panels<128, ScaleType::kF32, k128>(kP_TERNARY_128);
constinit const Format p_ternary_256_format = panels<256, ScaleType::kF32, k256>(kP_TERNARY_256);
constinit const Format p_ternary_64_f16_format =
    panels<64, ScaleType::kF16, k64F16>(kP_TERNARY_64_F16);
constinit const Format p_ternary_128_f16_format =
    panels<128, ScaleType::kF16, k128F16>(kP_TERNARY_128_F16);
constinit const Format p_ternary_256_f16_format =
    panels<256, ScaleType::kF16, k256F16>(kP_TERNARY_256_F16);

}  // namespace onebit
