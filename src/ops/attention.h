// Causal attention of a batch of tokens to the keys and values of their sequences, in one pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/kv_cache.h"

namespace onebit {

struct AttentionShape {
  int64_t n_heads;
  int64_t n_kv_heads;  // query head h reads key/value head h / (n_heads / n_kv_heads)
  int64_t head_dim;
  float scale = 0;     // of q . k; 0: 1 / sqrt(head_dim)
  int64_t window = 0;  // a position sees only the last `window` ones, itself among them; 0: all
};

// What attention_rows works in; it grows with the context and is then used again.
class AttentionScratch {
 public:
  // The queries of some tokens of a segment that read one kv head, a piece of work.
  struct Unit {
    const Segment* segment;
    int64_t row;       // of the first token in the batch
    int64_t position;  // of the first token
    int64_t n_tokens;
    int64_t kv_head;
    int64_t chunk, n_chunks;  // the chunks that one of them sees
    int64_t partials;         // offset in partials(): [n_queries][n_chunks], or -1: not kept
  };
  struct Item {
    int64_t unit;
    int64_t chunk;  // or -1: all chunks, and merged
  };

  std::vector<Unit> units;
  std::vector<Item> items;
  float* partials(int64_t n) {
    if (partials_.size() < n) partials_ = AlignedBuffer<float>(n + n / 2);
    return partials_.data();
  }

 private:
  AlignedBuffer<float> partials_;
};

// out [M, n_heads * head_dim] from q of the same shape, M tokens whose keys and values are stored
// in the layer's cache already. A token's output does not depend on what else is in the batch.
void attention_rows(const OpContext& ctx, const AttentionShape& shape, int64_t layer,
                    std::span<const Segment> segments, const float* q, AttentionScratch& scratch,
                    float* out);

}  // namespace onebit
