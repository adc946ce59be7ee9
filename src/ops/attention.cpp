#include "ops/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/checked.h"

namespace onebit {
namespace {

using Unit = AttentionScratch::Unit;
using Item = AttentionScratch::Item;

// Queries that read a kv head together: enough to pay for reading it from memory, few enough for
// the threads to share a prompt evenly.
constexpr int64_t kUnitQueries = 32;
// A segment of fewer tokens is also cut by chunks, at the price of a second step that merges them.
constexpr int64_t kSplitTokens = 8;

// Keys and values that are worth waking a thread for.
constexpr int64_t kThreadBytes = 256 << 10;

// Memory of the calling thread, which stays for the next call.
float* thread_floats(int64_t n) {
  thread_local AlignedBuffer<float> memory;
  if (memory.size() < n) memory = AlignedBuffer<float>(n + n / 2);
  return memory.data();
}

class Attention {
 public:
  Attention(const OpContext& ctx, const AttentionShape& shape, int64_t layer,
            std::span<const Segment> segments, const float* q, AttentionScratch& scratch,
            float* out)
      : ctx_(ctx),
        shape_(shape),
        layer_(layer),
        q_(q),
        out_(out),
        scratch_(scratch),
        per_kv_(shape.n_heads / shape.n_kv_heads),
        partial_(attention_partial(shape.head_dim)),
        scale_(shape.scale > 0 ? shape.scale
                               : 1.0f / std::sqrt(static_cast<float>(shape.head_dim))) {
    scratch.units.clear();
    scratch.items.clear();
    int64_t row = 0;
    for (const Segment& s : segments) {
      plan(s, row);
      row += s.n_tokens;
    }
    partials_ = scratch.partials(n_partials_);
  }

  // Items go to whichever thread is free: their sizes differ, and so do CPUs' loads.
  void run() {
    const auto n_items = std::ssize(scratch_.items);
    const int64_t threads = std::min<int64_t>(ctx_.pool.size(), 1 + bytes_ / kThreadBytes);
    std::atomic<int64_t> next = 0;
    ctx_.pool.parallel_for(threads, 1, [&](int64_t, int64_t) {
      // A thread knows what it does next, to have it fetched from memory.
      for (int64_t i = next++, then; i < n_items; i = then) {
        then = next++;
        run_item(scratch_.items[static_cast<std::size_t>(i)],
                 then < n_items ? &scratch_.items[static_cast<std::size_t>(then)] : nullptr);
      }
    });
    const int64_t step = items_per_part(n_partials_ / std::ssize(scratch_.units) * 4);
    ctx_.pool.parallel_for(std::ssize(scratch_.units), step, [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        const Unit& unit = scratch_.units[static_cast<std::size_t>(u)];
        if (unit.partials >= 0) merge(unit, partials_ + unit.partials);
      }
    });
  }

 private:
  int64_t first_seen(int64_t position) const {
    return shape_.window > 0 ? std::max<int64_t>(0, position + 1 - shape_.window) : 0;
  }

  void plan(const Segment& s, int64_t row) {
    const int64_t first = s.kv->length();
    const int64_t tile =
        s.n_tokens < kSplitTokens ? s.n_tokens : std::max<int64_t>(1, kUnitQueries / per_kv_);
    for (int64_t h = 0; h < shape_.n_kv_heads; ++h) {
      // The last tiles see most: they come first.
      for (int64_t t = (s.n_tokens - 1) / tile * tile; t >= 0; t -= tile) {
        Unit unit{&s, row + t, first + t, std::min(tile, s.n_tokens - t), h, 0, 0, -1};
        unit.chunk = first_seen(unit.position) / kKvChunk;
        unit.n_chunks = (unit.position + unit.n_tokens - 1) / kKvChunk + 1 - unit.chunk;
        const auto u = std::ssize(scratch_.units);
        if (s.n_tokens < kSplitTokens && unit.n_chunks > 1 && ctx_.pool.size() > 1) {
          unit.partials = n_partials_;
          n_partials_ += unit.n_tokens * per_kv_ * unit.n_chunks * partial_;
          for (int64_t c = 0; c < unit.n_chunks; ++c) scratch_.items.push_back({u, unit.chunk + c});
        } else {
          scratch_.items.push_back({u, -1});
        }
        scratch_.units.push_back(unit);
        const int64_t seen = unit.position + unit.n_tokens - first_seen(unit.position);
        bytes_ += seen * shape_.head_dim * unit.n_tokens * 4;
      }
    }
  }

  // The first head of a block that the unit reads of a chunk.
  const uint8_t* start(const Unit& unit, int64_t chunk) const {
    const KvCache& kv = *unit.segment->kv;
    const int64_t t = std::max(first_seen(unit.position), chunk * kKvChunk);
    return kv.blocks()[t / kKvBlock] + kv.shape().offset(layer_, unit.kv_head);
  }

  const uint8_t* start(const Item* item) const {
    if (item == nullptr) return nullptr;
    const Unit& unit = scratch_.units[static_cast<std::size_t>(item->unit)];
    return start(unit, item->chunk < 0 ? unit.chunk : item->chunk);
  }

  void run_item(const Item& item, const Item* then) const {
    const Unit& unit = scratch_.units[static_cast<std::size_t>(item.unit)];
    const int64_t n_queries = unit.n_tokens * per_kv_;
    const int64_t own = item.chunk < 0 ? n_queries * unit.n_chunks * partial_ : 0;
    float* partials = thread_floats(own + attention_scratch(shape_.head_dim));
    float* kernel_scratch = partials + own;
    if (item.chunk >= 0) {
      run_chunk(unit, item.chunk, partials_ + unit.partials, kernel_scratch, start(then));
      return;
    }
    for (int64_t c = unit.chunk, end = c + unit.n_chunks; c < end; ++c) {
      run_chunk(unit, c, partials, kernel_scratch, c + 1 < end ? start(unit, c + 1) : start(then));
    }
    merge(unit, partials);
  }

  void run_chunk(const Unit& unit, int64_t chunk, float* partials, float* kernel_scratch,
                 const uint8_t* next) const {
    const KvCache& kv = *unit.segment->kv;
    AttentionArgs a{};
    a.type = kv.shape().type;
    a.head_dim = shape_.head_dim;
    a.scale = scale_;
    a.blocks = kv.blocks() + chunk * (kKvChunk / kKvBlock);
    a.offset = kv.shape().offset(layer_, unit.kv_head);
    a.scratch = kernel_scratch;
    a.next = next;
    const int64_t origin = chunk * kKvChunk;
    for (int64_t j = 0; j < unit.n_tokens * per_kv_; ++j) {
      const int64_t position = unit.position + j / per_kv_;
      const int64_t begin = std::max(first_seen(position), origin);
      const int64_t end = std::min(position + 1, origin + kKvChunk);
      if (begin >= end) continue;
      const int64_t i = a.n_queries++;
      a.q[i] = q_ + at(unit, j);
      a.begin[i] = begin - origin;
      a.end[i] = end - origin;
      a.partial[i] = partials + (j * unit.n_chunks + chunk - unit.chunk) * partial_;
      if (a.n_queries == kAttentionQueries) {
        ctx_.f().attention(a);
        a.n_queries = 0;
      }
    }
    if (a.n_queries > 0) ctx_.f().attention(a);
  }

  void merge(const Unit& unit, float* partials) const {
    for (int64_t j = 0; j < unit.n_tokens * per_kv_; ++j) {
      const int64_t position = unit.position + j / per_kv_;
      const int64_t chunk = first_seen(position) / kKvChunk;
      ctx_.f().attention_merge(partials + (j * unit.n_chunks + chunk - unit.chunk) * partial_,
                               position / kKvChunk + 1 - chunk, shape_.head_dim,
                               out_ + at(unit, j));
    }
  }

  // Of the unit's query j in q and out.
  int64_t at(const Unit& unit, int64_t j) const {
    const int64_t head = unit.kv_head * per_kv_ + j % per_kv_;
    return ((unit.row + j / per_kv_) * shape_.n_heads + head) * shape_.head_dim;
  }

  const OpContext& ctx_;
  const AttentionShape& shape_;
  const int64_t layer_;
  const float* const q_;
  float* const out_;
  AttentionScratch& scratch_;
  const int64_t per_kv_;   // query heads per kv head
  const int64_t partial_;  // floats
  const float scale_;
  int64_t n_partials_ = 0;  // floats
  int64_t bytes_ = 0;       // of keys and values, once per token
  float* partials_ = nullptr;
};

}  // namespace

void attention_rows(const OpContext& ctx, const AttentionShape& shape, int64_t layer,
                    std::span<const Segment> segments, const float* q, AttentionScratch& scratch,
                    float* out) {
  Attention(ctx, shape, layer, segments, q, scratch, out).run();
}

}  // namespace onebit
