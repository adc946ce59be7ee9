// Attention against the formula in double, and against itself: instruction sets, threads, chunks of
// a prompt, batches, what lies in unused memory.
#include "ops/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>

#include "base/half.h"
#include "kernels/dispatch.h"
#include "ops/ops_testing.h"

namespace onebit {
namespace {

constexpr int64_t kLayer = 1;  // of two
constexpr KvType kKvTypes[] = {KvType::kF16, KvType::kInt8, KvType::kF32};

// The tokens of one sequence.
struct Tokens {
  AttentionShape shape;
  int64_t n;
  std::vector<float> q, k, v;  // [n, heads * head_dim]

  Tokens(const AttentionShape& s, int64_t count, uint64_t seed)
      : shape(s),
        n(count),
        q(random_floats(count * s.n_heads * s.head_dim, seed)),
        k(random_floats(count * s.n_kv_heads * s.head_dim, seed + 1)),
        v(random_floats(count * s.n_kv_heads * s.head_dim, seed + 2)) {}
  int64_t q_row() const { return shape.n_heads * shape.head_dim; }
  int64_t kv_row() const { return shape.n_kv_heads * shape.head_dim; }
  KvShape kv_shape(KvType type) const { return {2, shape.n_kv_heads, shape.head_dim, type}; }
};

// All bits set: NaN as f16, f32, and a code.
void poison(KvPool& pool, int64_t positions) {
  KvCache cache(pool);
  cache.reserve(positions);
  for (int64_t b = 0; b * kKvBlock < positions; ++b) {
    std::memset(cache.blocks()[b], 0xff, static_cast<std::size_t>(pool.shape().block_bytes()));
  }
}

// Appends tokens first .. first + n - 1 and returns their outputs.
std::vector<float> append(const OpContext& ctx, const Tokens& tokens, KvCache& kv, int64_t n) {
  const int64_t first = kv.length();
  kv.reserve(first + n);
  const Segment segment{&kv, n};
  store_kv(ctx, kLayer, {&segment, 1}, &tokens.k[static_cast<std::size_t>(first * tokens.kv_row())],
           &tokens.v[static_cast<std::size_t>(first * tokens.kv_row())]);
  std::vector<float> out(static_cast<std::size_t>(n * tokens.q_row()));
  AttentionScratch scratch;
  attention_rows(ctx, tokens.shape, kLayer, {&segment, 1},
                 &tokens.q[static_cast<std::size_t>(first * tokens.q_row())], scratch, out.data());
  kv.advance(n);
  return out;
}

// The whole sequence in chunks, in memory that was full of NaN.
std::vector<float> run(const Tokens& tokens, KvType type, const Kernels& kernels, int threads,
                       int64_t chunk) {
  ThreadPool pool(threads);
  KvPool blocks(tokens.kv_shape(type));
  poison(blocks, tokens.n);
  KvCache kv(blocks);
  std::vector<float> out;
  while (kv.length() < tokens.n) {
    const auto part = append({pool, kernels}, tokens, kv, std::min(chunk, tokens.n - kv.length()));
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

// What the cache keeps of one head's vector.
std::vector<double> kept(const float* x, int64_t n, KvType type) {
  if (type == KvType::kF32) return {x, x + n};
  std::vector<double> y;
  float absmax = 1e-5f;
  for (int64_t d = 0; d < n; ++d) absmax = std::max(absmax, std::fabs(x[d]));
  for (int64_t d = 0; d < n; ++d) {
    y.push_back(type == KvType::kF16
                    ? f16_to_f32(f32_to_f16(x[d]))
                    : std::nearbyint(x[d] * (127.0f / absmax)) * (absmax / 127.0f));
  }
  return y;
}

// Of one token and query head.
std::vector<double> reference(const Tokens& tokens, KvType type, int64_t t, int64_t head) {
  const AttentionShape& s = tokens.shape;
  const int64_t hd = s.head_dim;
  const int64_t kv_head = head / (s.n_heads / s.n_kv_heads);
  const double scale = s.scale > 0 ? s.scale : 1 / std::sqrt(static_cast<double>(hd));
  const float* q = &tokens.q[static_cast<std::size_t>(t * tokens.q_row() + head * hd)];
  std::vector<double> out(static_cast<std::size_t>(hd));
  double total = 0;
  for (int64_t i = s.window > 0 ? std::max<int64_t>(0, t + 1 - s.window) : 0; i <= t; ++i) {
    const auto at = static_cast<std::size_t>(i * tokens.kv_row() + kv_head * hd);
    const auto k = kept(&tokens.k[at], hd, type);
    const auto v = kept(&tokens.v[at], hd, type);
    double score = 0;
    for (std::size_t d = 0; d < k.size(); ++d) score += scale * q[d] * k[d];
    const double p = std::exp(score);
    total += p;
    for (std::size_t d = 0; d < k.size(); ++d) out[d] += p * v[d];
  }
  for (double& x : out) x /= total;
  return out;
}

void expect_reference(const AttentionShape& shape, int64_t n, KvType type,
                      const std::vector<int64_t>& positions) {
  const Tokens tokens(shape, n, 31);
  const auto found = run(tokens, type, default_kernels(), 2, 100);
  for (const int64_t t : positions) {
    for (int64_t h = 0; h < shape.n_heads; ++h) {
      const auto expected = reference(tokens, type, t, h);
      const float* out = &found[static_cast<std::size_t>(t * tokens.q_row() + h * shape.head_dim)];
      for (std::size_t d = 0; d < expected.size(); ++d) {
        ASSERT_NEAR(out[d], expected[d], 2e-6)
            << "position " << t << " head " << h << " of " << shape.head_dim;
      }
    }
  }
}

TEST(Attention, EqualsTheFormulaInDouble) {
  for (const KvType type : kKvTypes) {
    for (const int64_t head_dim : {2, 20, 64, 100, 128, 256}) {
      expect_reference({2, 1, head_dim}, 70, type, {0, 1, 15, 16, 63, 64, 69});
    }
    for (const int64_t per_kv : {1, 2, 3, 4, 5, 8, 9}) {
      expect_reference({2 * per_kv, 2, 32}, 40, type, {0, 17, 39});
    }
    expect_reference({4, 2, 64, 0.5f}, 40, type, {0, 39});
  }
}

TEST(Attention, EqualsTheFormulaAcrossChunksAndWithWindows) {
  for (const KvType type : kKvTypes) {
    expect_reference({2, 1, 64}, 1501, type, {510, 511, 512, 513, 1023, 1024, 1500});
    for (const int64_t window : {1, 5, 64, 512, 700}) {
      expect_reference({2, 1, 20, 0, window}, 1501, type, {0, 4, 5, 511, 512, 700, 1024, 1500});
    }
  }
}

TEST(Attention, HasTheSameBitsOnEveryIsaThreadCountAndChunk) {
  for (const auto& [shape, n] : {std::pair{AttentionShape{4, 2, 20}, 601},
                                 {AttentionShape{5, 1, 64}, 530},
                                 {AttentionShape{4, 2, 20, 0, 70}, 601},
                                 {AttentionShape{8, 1, 36, 0, 600}, 650}}) {
    const Tokens tokens(shape, n, 41);
    for (const KvType type : kKvTypes) {
      const auto expected = run(tokens, type, find_kernels("scalar"), 1, 512);
      for (const float x : expected) ASSERT_TRUE(std::isfinite(x));
      for (const Kernels* kernels : usable_kernels()) {
        for (const auto& [threads, chunk] :
             {std::pair{3, 64}, {1, 1}, {2, 7}, {7, 512}, {2, 1}, {1, 7}}) {
          ASSERT_EQ(run(tokens, type, *kernels, threads, chunk), expected)
              << kernels->isa << ' ' << threads << " threads, chunks of " << chunk;
          if (kernels == &find_kernels("scalar")) break;  // slow
        }
      }
    }
  }
}

TEST(Attention, SequencesOfABatchDoNotMeet) {
  const AttentionShape shape{4, 2, 32};
  ThreadPool pool(3);
  const OpContext ctx{pool, default_kernels()};
  const std::vector<int64_t> before = {0, 700, 3, 1030};
  const std::vector<int64_t> added = {5, 1, 64, 9};
  KvPool blocks(Tokens(shape, 1, 1).kv_shape(KvType::kF16));
  std::deque<Tokens> tokens;
  std::deque<KvCache> caches;
  std::vector<Segment> segments;
  std::vector<float> q, k, v, expected;
  for (std::size_t i = 0; i < before.size(); ++i) {
    tokens.emplace_back(shape, before[i] + added[i], 50 + i);
    const Tokens& t = tokens.back();
    KvCache alone(blocks);
    KvCache& kv = caches.emplace_back(blocks);
    if (before[i] > 0) {
      append(ctx, t, alone, before[i]);
      append(ctx, t, kv, before[i]);
    }
    const auto out = append(ctx, t, alone, added[i]);
    expected.insert(expected.end(), out.begin(), out.end());
    kv.reserve(before[i] + added[i]);
    segments.push_back({&kv, added[i]});
    q.insert(q.end(), t.q.begin() + before[i] * t.q_row(), t.q.end());
    k.insert(k.end(), t.k.begin() + before[i] * t.kv_row(), t.k.end());
    v.insert(v.end(), t.v.begin() + before[i] * t.kv_row(), t.v.end());
  }
  store_kv(ctx, kLayer, segments, k.data(), v.data());
  AttentionScratch scratch;
  std::vector<float> out(q.size());
  attention_rows(ctx, shape, kLayer, segments, q.data(), scratch, out.data());
  EXPECT_EQ(out, expected);
}

TEST(Attention, ContextOf32k) {
  const AttentionShape shape{2, 1, 16};
  const Tokens tokens(shape, 32768, 60);
  const auto a = run(tokens, KvType::kF16, default_kernels(), 2, 4096);
  for (const int64_t t : {int64_t{20000}, int64_t{32767}}) {
    const auto expected = reference(tokens, KvType::kF16, t, 1);
    for (std::size_t d = 0; d < 16; ++d) {
      ASSERT_NEAR(a[static_cast<std::size_t>(t * 32 + 16) + d], expected[d], 2e-6);
    }
  }
}

}  // namespace
}  // namespace onebit
