#include "ops/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/checked.h"

namespace onebit {

KvPool::KvPool(const KvShape& shape) : shape_(shape) {
  constexpr int64_t kSlabBytes = int64_t{32} << 20;
  constexpr int64_t kSlabBlocks = 64;  // 4,096 positions: small models take no more
  const int64_t heads = checked_mul(shape.n_layers, shape.n_kv_heads, "kv block");
  block_bytes_ = checked_mul(heads, shape.head_bytes(), "kv block");
  slab_blocks_ = std::clamp<int64_t>(kSlabBytes / block_bytes_, 1, kSlabBlocks);
}

void KvPool::set_limit(int64_t n_blocks) {
  ONEBIT_CHECK(n_blocks >= 0 && n_blocks <= std::numeric_limits<int32_t>::max());
  limit_ = n_blocks;
}

int32_t KvPool::take() {
  if (n_available() < 1) {
    throw Error(ErrorCode::kOutOfMemory,
                "keys and values: all " + std::to_string(limit_) + " blocks are in use");
  }
  if (free_.empty()) {
    if (holders_.size() == holders_.capacity()) holders_.reserve(2 * holders_.size() + 64);
    free_.reserve(holders_.capacity());  // so that release() never allocates
    if (n_blocks() == std::ssize(slabs_) * slab_blocks_) {
      slabs_.emplace_back(checked_mul(slab_blocks_, block_bytes_, "kv blocks"));
    }
    holders_.push_back(0);
    free_.push_back(static_cast<int32_t>(n_blocks() - 1));
  }
  const int32_t block = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(block)] = 1;
  return block;
}

void KvPool::release(int32_t block) {
  if (--holders_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
}

bool KvCache::copies_last() const {
  const auto last = static_cast<std::size_t>(length_ / kKvBlock);
  return last < ids_.size() && pool_->holders(ids_[last]) > 1;
}

int64_t KvCache::blocks_needed(int64_t n) const {
  return std::max<int64_t>(0, ceil_div(n, kKvBlock) - std::ssize(ids_)) + (copies_last() ? 1 : 0);
}

void KvCache::reserve(int64_t n) {
  const auto n_blocks = static_cast<std::size_t>(ceil_div(n, kKvBlock));
  if (const int64_t needed = blocks_needed(n); needed > pool_->n_available()) {
    throw Error(ErrorCode::kOutOfMemory,
                "keys and values: expected " + std::to_string(needed) + " free blocks of " +
                    std::to_string(kKvBlock) + " positions, found " +
                    std::to_string(std::max<int64_t>(0, pool_->n_available())) + " of " +
                    std::to_string(pool_->limit()));
  }
  ids_.reserve(n_blocks);
  blocks_.reserve(n_blocks);
  if (copies_last()) {
    const auto last = static_cast<std::size_t>(length_ / kKvBlock);
    const int32_t copy = pool_->take();
    std::memcpy(pool_->data(copy), blocks_[last], static_cast<std::size_t>(shape().block_bytes()));
    pool_->release(ids_[last]);
    ids_[last] = copy;
    blocks_[last] = pool_->data(copy);
  }
  while (ids_.size() < n_blocks) {
    ids_.push_back(pool_->take());
    blocks_.push_back(pool_->data(ids_.back()));
  }
}

void KvCache::advance(int64_t n) {
  length_ += n;
  ONEBIT_CHECK(n >= 0 && length_ <= std::ssize(ids_) * kKvBlock);
}

void KvCache::truncate(int64_t n) {
  ONEBIT_CHECK(n >= 0 && n <= length_);
  length_ = n;
  const auto n_blocks = static_cast<std::size_t>(ceil_div(n, kKvBlock));
  for (; ids_.size() > n_blocks; ids_.pop_back()) pool_->release(ids_.back());
  blocks_.resize(n_blocks);
}

void KvCache::share(std::span<const int32_t> full_blocks) {
  ids_.reserve(full_blocks.size());
  blocks_.reserve(full_blocks.size());                         // nothing below throws
  for (const int32_t block : full_blocks) pool_->hold(block);  // before they might be given back
  truncate(0);
  ids_.assign(full_blocks.begin(), full_blocks.end());
  blocks_.clear();
  for (const int32_t block : ids_) blocks_.push_back(pool_->data(block));
  length_ = std::ssize(ids_) * kKvBlock;
}

void KvCache::replace(int64_t i, int32_t block) {
  ONEBIT_CHECK(i >= 0 && (i + 1) * kKvBlock <= length_);
  int32_t& own = ids_[static_cast<std::size_t>(i)];
  pool_->hold(block);
  pool_->release(own);
  own = block;
  blocks_[static_cast<std::size_t>(i)] = pool_->data(block);
}

void store_kv(const OpContext& ctx, int64_t layer, std::span<const Segment> segments,
              const float* k, const float* v) {
  const KvShape& shape = segments.front().kv->shape();
  const int64_t row = shape.n_kv_heads * shape.head_dim;
  for (const Segment& s : segments) {
    const int64_t first = s.kv->length();
    // A vector of keys holds kKvGroup positions: no more than one thread should write to it.
    const int64_t step = round_up(items_per_part(row * 8), kKvGroup);
    ctx.pool.parallel_for(s.n_tokens, step, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        const int64_t t = first + m;
        uint8_t* block = s.kv->blocks()[t / kKvBlock];
        for (int64_t h = 0; h < shape.n_kv_heads; ++h) {
          const int64_t at = m * row + h * shape.head_dim;
          ctx.f().kv_store(shape.type, k + at, v + at, shape.head_dim, t % kKvBlock,
                           block + shape.offset(layer, h));
        }
      }
    });
    k += s.n_tokens * row;
    v += s.n_tokens * row;
  }
}

}  // namespace onebit
