// Keys and values of sequences in blocks of kKvBlock positions, taken as sequences grow (paged
// attention: Kwon et al., arXiv 2309.06180). kernel.h draws what a head has in a block.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/context.h"

namespace onebit {

struct KvShape {
  int64_t n_layers;
  int64_t n_kv_heads;
  int64_t head_dim;
  KvType type = KvType::kF16;

  int64_t head_bytes() const { return kv_head_bytes(type, head_dim); }
  // Of a layer and head in a block.
  int64_t offset(int64_t layer, int64_t head) const {
    return (layer * n_kv_heads + head) * head_bytes();
  }
  int64_t block_bytes() const { return offset(n_layers, 0); }
  // Bytes that one position takes, and that attention reads of it for a token.
  int64_t position_bytes() const { return block_bytes() / kKvBlock; }
};

// Blocks of all sequences of an engine, each counted by the sequences that hold it. Blocks that
// nobody holds are used again before new ones are allocated; what lies in them is left there.
// Not for several threads.
class KvPool {
 public:
  explicit KvPool(const KvShape& shape);
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;

  const KvShape& shape() const { return shape_; }
  int64_t n_blocks() const { return static_cast<int64_t>(holders_.size()); }  // ever taken
  int64_t n_free() const { return static_cast<int64_t>(free_.size()); }
  int64_t n_used() const { return n_blocks() - n_free(); }
  // Blocks that may be used at a time; without a limit as many as an int32_t counts.
  int64_t limit() const { return limit_; }
  void set_limit(int64_t n_blocks);
  int64_t n_available() const { return limit_ - n_used(); }

  // A block with one holder. Throws Error(kOutOfMemory), also at the limit.
  int32_t take();
  void hold(int32_t block) { ++holders_[static_cast<std::size_t>(block)]; }
  void release(int32_t block);
  int32_t holders(int32_t block) const { return holders_[static_cast<std::size_t>(block)]; }
  uint8_t* data(int32_t block) {
    return slabs_[static_cast<std::size_t>(block / slab_blocks_)].data() +
           block % slab_blocks_ * block_bytes_;
  }

 private:
  KvShape shape_;
  int64_t limit_ = std::numeric_limits<int32_t>::max();
  int64_t block_bytes_;
  int64_t slab_blocks_;
  // Blocks are allocated some at a time, so that they lie on huge pages; a block costs memory only
  // when it is first written.
  std::vector<AlignedBuffer<uint8_t>> slabs_;
  std::vector<int32_t> holders_;  // by block
  std::vector<int32_t> free_;
};

// One sequence's table of blocks.
class KvCache {
 public:
  explicit KvCache(KvPool& pool) : pool_(&pool) {}
  ~KvCache() { truncate(0); }
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  const KvShape& shape() const { return pool_->shape(); }
  int64_t length() const { return length_; }  // positions that are filled
  // By block of positions; [layer, head] begin at shape().offset().
  uint8_t* const* blocks() const { return blocks_.data(); }
  // Their numbers in the pool, which replace() changes.
  std::span<const int32_t> block_ids() const { return ids_; }

  // Blocks that reserve(n) would take.
  int64_t blocks_needed(int64_t n) const;
  // Takes blocks so that positions length() .. n - 1 can be written. A last block that others hold
  // too is copied first. Throws Error(kOutOfMemory); nothing is lost then.
  void reserve(int64_t n);
  // The next n positions, which reserve() made room for, are filled.
  void advance(int64_t n);
  // Forgets all but the first n positions and gives blocks back.
  void truncate(int64_t n);
  // Becomes the positions of these blocks, all full, which somebody holds.
  void share(std::span<const int32_t> full_blocks);
  // Holds `block` in place of the i-th of its own, for somebody's with the same content.
  void replace(int64_t i, int32_t block);

 private:
  bool copies_last() const;  // reserve() would
  KvPool* pool_;
  int64_t length_ = 0;
  std::vector<int32_t> ids_;
  std::vector<uint8_t*> blocks_;  // data of ids_
};

// Consecutive tokens of one sequence in a batch, at positions kv->length() and on. A batch is the
// concatenation of its segments, of as many different sequences.
struct Segment {
  KvCache* kv;
  int64_t n_tokens;
  bool wants_logits = true;  // Model::Output::kLastLogits: of the segment's last token
};

// Rounds keys and values [M, n_kv_heads * head_dim] of a batch's tokens into the layer's cache.
// Room for them must be reserved; lengths stay as they are.
void store_kv(const OpContext& ctx, int64_t layer, std::span<const Segment> segments,
              const float* k, const float* v);

}  // namespace onebit
