// Q2_0: ternary, an f16 scale and 64 weights in 18 bytes. docs/formats/q2_0.md.
#include "quant/block_format.h"
#include "quant/two_bit_block.h"

namespace onebit {
namespace {

struct Q2_0 : TwoBitBlock<64> {
  static constexpr const char* kName = "Q2_0";
};

// What older files hold under the same id.
struct Q2_0_128 : TwoBitBlock<128> {
  static constexpr const char* kName = "Q2_0/128";
};

}  // namespace

constinit const Format q2_0_format = block_format<Q2_0>(kQ2_0);
constinit const Format q2_0_128_format = block_format<Q2_0_128>(kQ2_0);

}  // namespace onebit
