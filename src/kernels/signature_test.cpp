// One signature on every CPU: hashes of what FloatOps return for fixed inputs, committed here. The
// other tests compare instruction sets within a process; these compare architectures, compilers and
// years. After a deliberate change of the numeric law the failure prints the hashes to put here.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/rng.h"
#include "emulation/emulation.h"

namespace onebit {
namespace {

// FNV-1a, 64 bits. All NaNs are one value: CPUs differ in the sign and payload of a new one.
class Hash {
 public:
  template <typename T>
  void add(const std::vector<T>& values) {
    for (T value : values) {
      if (value != value) value = std::numeric_limits<T>::quiet_NaN();
      unsigned char bytes[sizeof(T)];
      std::memcpy(bytes, &value, sizeof(T));
      for (const unsigned char byte : bytes) hash_ = (hash_ ^ byte) * 0x100000001b3u;
    }
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

// Signed values with 24 random bits and exponents of 2^-17 .. 2^6, made without any rounding.
std::vector<float> floats(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) {
    const float mantissa = static_cast<float>(rng.below(1u << 24)) * 0x1p-23f - 1.0f;
    x = mantissa * static_cast<float>(uint64_t{1} << rng.below(24)) * 0x1p-17f;
  }
  return v;
}

// Among random values zeros, subnormals, the largest, infinities and NaN.
std::vector<float> extremes(int64_t n, uint64_t seed) {
  using Limits = std::numeric_limits<float>;
  const float values[] = {0.0f,
                          -0.0f,
                          Limits::denorm_min(),
                          -0x1p-130f,
                          Limits::max(),
                          -Limits::max(),
                          Limits::infinity(),
                          -Limits::infinity(),
                          Limits::quiet_NaN()};
  auto v = floats(n, seed);
  Rng rng(seed);
  for (float& x : v) {
    if (const auto i = rng.below(2 * std::size(values)); i < std::size(values)) x = values[i];
  }
  return v;
}

std::vector<uint8_t> bytes(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<uint8_t> v(static_cast<std::size_t>(n));
  for (uint8_t& x : v) x = static_cast<uint8_t>(rng.below(256));
  return v;
}

constexpr int64_t kSizes[] = {1, 2, 15, 16, 17, 64, 100, 1000};
constexpr int64_t kPadded = 1024;

using Map = void (*)(const float*, const float*, int64_t, float*);

uint64_t hash_of(const std::function<void(int64_t n, const float* a, const float* b, Hash&)>& f) {
  Hash hash;
  for (const int64_t n : kSizes) {
    for (const auto& values : {floats, extremes}) {
      const auto a = values(n, 1);
      const auto b = values(n, 2);
      f(n, a.data(), b.data(), hash);
    }
  }
  return hash.value();
}

uint64_t hash_of_map(Map map) {
  return hash_of([map](int64_t n, const float* a, const float* b, Hash& hash) {
    std::vector<float> y(static_cast<std::size_t>(n));
    map(a, b, n, y.data());
    hash.add(y);
  });
}

uint64_t hash_of_rows(const FloatOps& f, RowFormat format, int64_t row_bytes) {
  constexpr int64_t kRows = 7;
  constexpr int64_t kCols = 64;
  auto rows = bytes(kRows * row_bytes, 3);
  if (format != RowFormat::kQ8_0) {  // keep exponents low: finite values and sums
    const int64_t size = row_bytes / kCols;
    for (std::size_t i = static_cast<std::size_t>(size) - 1; i < rows.size();
         i += static_cast<std::size_t>(size)) {
      rows[i] &= 0xbf;
    }
  } else {
    for (std::size_t i = 1; i < rows.size(); i += 34) rows[i] &= 0xbf;  // the blocks' scales
  }
  const auto x = floats(kCols, 4);
  std::vector<float> out(kRows);
  f.rows_dot(format, rows.data(), row_bytes, kRows, x.data(), kCols, out.data());
  Hash hash;
  hash.add(out);
  return hash.value();
}

// 3 queries against 600 positions, in two chunks.
uint64_t hash_of_attention(const FloatOps& f, KvType type) {
  constexpr int64_t kPositions = 600;
  constexpr int64_t kQueries = 3;
  Hash hash;
  for (const int64_t n : {2, 20, 64}) {
    const int64_t block_bytes = kv_head_bytes(type, n);
    std::vector<float> memory(static_cast<std::size_t>(block_bytes / 4 * 10));
    const uint8_t* blocks[10];
    for (int64_t b = 0; b < 10; ++b) {
      blocks[b] = reinterpret_cast<const uint8_t*>(memory.data()) + b * block_bytes;
    }
    for (int64_t t = 0; t < kPositions; ++t) {
      const auto k = floats(n, static_cast<uint64_t>(10 + t));
      const auto v = floats(n, static_cast<uint64_t>(1000 + t));
      f.kv_store(type, k.data(), v.data(), n, t % kKvBlock,
                 const_cast<uint8_t*>(blocks[t / kKvBlock]));
    }
    const auto q = floats(kQueries * n, 5);
    const int64_t size = attention_partial(n);
    std::vector<float> partials(static_cast<std::size_t>(kQueries * 2 * size));
    std::vector<float> scratch(static_cast<std::size_t>(attention_scratch(n)));
    for (int64_t chunk = 0; chunk < 2; ++chunk) {
      AttentionArgs a{};
      a.type = type;
      a.head_dim = n;
      a.scale = 0.125f;
      a.blocks = blocks + chunk * (kKvChunk / kKvBlock);
      a.n_queries = kQueries;
      a.scratch = scratch.data();
      for (int64_t i = 0; i < kQueries; ++i) {
        a.q[i] = q.data() + i * n;
        a.begin[i] = chunk == 0 ? i : 0;
        a.end[i] = chunk == 0 ? kKvChunk : kPositions - kKvChunk - 20 * i;
        a.partial[i] = partials.data() + (i * 2 + chunk) * size;
      }
      f.attention(a);
    }
    std::vector<float> out(static_cast<std::size_t>(n));
    for (int64_t i = 0; i < kQueries; ++i) {
      f.attention_merge(partials.data() + i * 2 * size, 2, n, out.data());
      hash.add(out);
    }
  }
  return hash.value();
}

struct Signature {
  const char* name;
  uint64_t hash;
};

std::vector<Signature> signatures(const FloatOps& f) {
  return {
      {"dot", hash_of([&](int64_t n, const float* a, const float* b, Hash& hash) {
         hash.add(std::vector<float>{f.dot(a, b, n)});
       })},
      {"rows_dot f32", hash_of_rows(f, RowFormat::kF32, 64 * 4)},
      {"rows_dot f16", hash_of_rows(f, RowFormat::kF16, 64 * 2)},
      {"rows_dot bf16", hash_of_rows(f, RowFormat::kBF16, 64 * 2)},
      {"rows_dot q8_0", hash_of_rows(f, RowFormat::kQ8_0, 64 / 32 * 34)},
      {"rms_norm", hash_of([&](int64_t n, const float* a, const float* b, Hash& hash) {
         std::vector<float> y(static_cast<std::size_t>(n));
         f.rms_norm(a, b, 1e-5f, n, y.data());
         hash.add(y);
       })},
      {"rope", hash_of([&](int64_t n, const float* a, const float* b, Hash& hash) {
         std::vector<float> x(a, a + n);
         f.rope(x.data(), b, b + n / 2, n / 2);
         hash.add(x);
       })},
      {"softmax", hash_of([&](int64_t n, const float* a, const float*, Hash& hash) {
         std::vector<float> x(a, a + n);
         f.softmax(x.data(), n);
         hash.add(x);
       })},
      {"relu2_mul", hash_of_map(f.relu2_mul)},
      {"signed_square_mul", hash_of_map(f.signed_square_mul)},
      {"silu_mul", hash_of_map(f.silu_mul)},
      {"gelu_tanh_mul", hash_of_map(f.gelu_tanh_mul)},
      {"add", hash_of([&](int64_t n, const float* a, const float* b, Hash& hash) {
         std::vector<float> x(a, a + n);
         f.add(x.data(), b, n);
         hash.add(x);
       })},
      {"scale", hash_of([&](int64_t n, const float* a, const float*, Hash& hash) {
         std::vector<float> x(a, a + n);
         f.scale(x.data(), 0.37f, n);
         hash.add(x);
       })},
      {"attention f16", hash_of_attention(f, KvType::kF16)},
      {"attention int8", hash_of_attention(f, KvType::kInt8)},
      {"attention f32", hash_of_attention(f, KvType::kF32)},
      {"quantize_i8", hash_of([&](int64_t n, const float* a, const float*, Hash& hash) {
         std::vector<int8_t> q(kPadded);
         std::vector<int32_t> sums(kPadded / kSumBlock);
         hash.add(std::vector<float>{f.quantize_i8(a, n, kPadded, q.data(), sums.data())});
         hash.add(q);
         hash.add(sums);
       })},
      {"quantize_i8_groups", hash_of([&](int64_t n, const float* a, const float*, Hash& hash) {
         std::vector<int8_t> q(kPadded);
         std::vector<int32_t> sums(kPadded / kSumBlock);
         std::vector<float> scales(kPadded / kActGroup);
         f.quantize_i8_groups(a, n, kPadded, q.data(), sums.data(), scales.data());
         hash.add(q);
         hash.add(sums);
         hash.add(scales);
       })},
      {"quantize_sign", hash_of([&](int64_t n, const float* a, const float*, Hash& hash) {
         std::vector<uint8_t> bits(kPadded / 8);
         hash.add(std::vector<float>{f.quantize_sign(a, n, kPadded, bits.data())});
         hash.add(bits);
       })},
  };
}

// What every CPU must print.
constexpr char kCommitted[] = R"(
c0c51154de51f4d5 dot
6976db97cb9936d1 rows_dot f32
774be8e2915b28fb rows_dot f16
ee4785ac9eb545b7 rows_dot bf16
35681b543c40e40b rows_dot q8_0
5bb869cf8ebc1d4f rms_norm
cd905e5beb35b74b rope
23169cc90d4d904b softmax
dd7d063b9ce49a9d relu2_mul
b257ce2c4b06e95f signed_square_mul
d1a6f3d8a554737a silu_mul
52aa4dd13ca7fb06 gelu_tanh_mul
8fc70c9084f7be91 add
e4de24661bfa06cd scale
9feaeccc6a429bb9 attention f16
83bf0fba970ea12a attention int8
ee6d02e0daf99cdf attention f32
bb1886992d83156c quantize_i8
fa8ca9d4cad22083 quantize_i8_groups
bc8123575cdabfa8 quantize_sign
)";

std::string listing(const FloatOps& f) {
  std::ostringstream text;
  text << '\n';
  for (const auto& [name, hash] : signatures(f)) text << std::hex << hash << ' ' << name << '\n';
  return text.str();
}

TEST(FloatOpsSignature, IsTheSameOnEveryCpu) {
  for (const Kernels* kernels : testable_kernels()) {
    EXPECT_EQ(listing(kernels->floats), kCommitted) << kernels->isa;
  }
}

}  // namespace
}  // namespace onebit
