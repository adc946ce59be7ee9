// P_TERNARY: ternary codes in panels, a scale a row or for every so many columns.
// docs/formats/p_ternary.md.
#include "quant/panel_format.h"

namespace onebit {
namespace {

template <int64_t kColumns, const char* kText>
struct Layout {
  static constexpr const char* kName = kText;
  static constexpr Packing kPacking = Packing::kTernaryI8;
  static constexpr WeightClass kClass = WeightClass::kTernary;
  static constexpr int64_t kGroup = kColumns;
};

constexpr char kRow[] = "P_TERNARY";
constexpr char k64[] = "P_TERNARY/64";
constexpr char k128[] = "P_TERNARY/128";
constexpr char k256[] = "P_TERNARY/256";

}  // namespace

constinit const Format p_ternary_format = PanelFormat<Layout<0, kRow>>::format(kP_TERNARY);
constinit const Format p_ternary_64_format = PanelFormat<Layout<64, k64>>::format(kP_TERNARY_64);
constinit const Format p_ternary_128_format =
    PanelFormat<Layout<128, k128>>::format(kP_TERNARY_128);
constinit const Format p_ternary_256_format =
    PanelFormat<Layout<256, k256>>::format(kP_TERNARY_256);

}  // namespace onebit
