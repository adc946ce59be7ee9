#include "eval/signature.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "eval/perplexity.h"

namespace onebit {
namespace {

// H. G. Wells, The Time Machine (1895), in the public domain.
constexpr char kText[] =
    "The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite "
    "matter to us. His pale grey eyes shone and twinkled, and his usually pale face was flushed "
    "and animated. The fire burnt brightly, and the soft radiance of the incandescent lights in "
    "the lilies of silver caught the bubbles that flashed and passed in our glasses.";
constexpr std::size_t kTokens = 64;

}  // namespace

uint64_t hash_bits(std::span<const float> values, uint64_t hash) {
  for (const float v : values) {
    for (uint32_t bits = std::bit_cast<uint32_t>(v), i = 0; i < 4; ++i, bits >>= 8) {
      hash = (hash ^ (bits & 0xff)) * 0x100000001b3;
    }
  }
  return hash;
}

std::string hash_text(uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string model_signature(Engine& engine) {
  auto tokens = engine.tokenizer().encode(kText);
  tokens.resize(
      std::min({tokens.size(), kTokens, static_cast<std::size_t>(engine.model().context())}));
  return hash_text(hash_bits(all_logits(engine, tokens)));
}

}  // namespace onebit
