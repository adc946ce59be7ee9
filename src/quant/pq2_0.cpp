// PQ2_0: ternary, an f16 scale and 128 weights in 34 bytes. docs/formats/pq2_0.md.
#include "quant/block_format.h"
#include "quant/two_bit_block.h"

namespace onebit {
namespace {

struct Pq2_0 : TwoBitBlock<128> {
  static constexpr const char* kName = "PQ2_0";
};

}  // namespace

constinit const Format pq2_0_format = block_format<Pq2_0>(kPQ2_0);

}  // namespace onebit
