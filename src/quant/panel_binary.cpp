// P_BINARY: binary codes in panels, a scale a row or for every 128 columns.
// docs/formats/p_binary.md.
#include "quant/panel_format.h"

namespace onebit {
namespace {

template <int64_t kColumns, const char* kText>
struct Layout {
  static constexpr const char* kName = kText;
  static constexpr Packing kPacking = Packing::kBinaryI8;
  static constexpr WeightClass kClass = WeightClass::kBinary;
  static constexpr int64_t kGroup = kColumns;
};

constexpr char kRow[] = "P_BINARY";
constexpr char k128[] = "P_BINARY/128";

}  // namespace

constinit const Format p_binary_format = PanelFormat<Layout<0, kRow>>::format(kP_BINARY);
constinit const Format p_binary_128_format = PanelFormat<Layout<128, k128>>::format(kP_BINARY_128);

}  // namespace onebit
