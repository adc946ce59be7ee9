// Panels that a file has: used where they lie if they can be, with the results of any other source.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/thread_pool.h"
#include "kernels/dispatch.h"
#include "ops/linear.h"
#include "ops/ops_testing.h"
#include "quant/panel_shape.h"
#include "quant/weights.h"

namespace onebit {
namespace {

constexpr int64_t kRows = 150;
constexpr int64_t kCols = 384;

// A tensor in memory that is its owner: aligned, or `off` bytes beside.
struct Stored {
  std::shared_ptr<AlignedBuffer<uint8_t>> memory;
  uint8_t* bytes;
};

Stored stored(const Format& f, const std::vector<float>& values, Granularity granularity,
              int64_t off = 0) {
  const int64_t size = f.bytes(kRows, kCols);
  auto memory = std::make_shared<AlignedBuffer<uint8_t>>(size + 64);
  uint8_t* bytes = memory->data() + off;
  if (f.from_float != nullptr) {
    f.from_float(values.data(), kRows, kCols, bytes);
  } else {
    f.from_codes(
        quantize_weights(values.data(), kRows, kCols, f.weight_class, granularity, ScaleType::kF16),
        bytes);
  }
  return {memory, bytes};
}

Linear pack(const Format& f, const Stored& s, bool owned, ThreadPool* pool = nullptr,
            const WeightFixes& fixes = {}) {
  const LoadResources resources{pool, owned ? s.memory : nullptr};
  if (f.weight_class == WeightClass::kFloat) {
    return Linear::pack_int8(f, s.bytes, kRows, kCols, fixes, resources);
  }
  return Linear::pack(f, s.bytes, kRows, kCols, ActQuant::kInt8Group, fixes, resources);
}

std::vector<float> forward(const Linear& linear) {
  ThreadPool pool(2);
  const OpContext ctx{pool, select_kernels("")};
  return apply(ctx, linear, random_floats(3 * kCols, 99), ActQuant::kInt8Group);
}

struct Pair {
  TensorType panels, other;  // that hold the same
  Granularity granularity;
};
constexpr Pair kPairs[] = {{kP_TERNARY, kI2_S, Granularity::kTensor},
                           {kP_TERNARY, kIQ2_BN, Granularity::kRow},
                           {kP_TERNARY_128, kPQ2_0, Granularity::kGroup128},
                           {kP_BINARY, kQ1_0, Granularity::kRow},
                           {kP_BINARY_128, kQ1_0, Granularity::kGroup128},
                           {kP_INT8, kF32, Granularity::kRow},
                           {kP_TERNARY_128_F16, kPQ2_0, Granularity::kGroup128},
                           {kP_BINARY_128_F16, kQ1_0, Granularity::kGroup128}};

TEST(LinearPack, PanelsInPlaceEqualAnySource) {
  for (const auto& [panels, other, granularity] : kPairs) {
    const Format& f = format(panels);
    SCOPED_TRACE(f.name);
    const auto values = random_floats(kRows * kCols, 5);
    const auto expected =
        forward(pack(format(other), stored(format(other), values, granularity), true));
    const Stored aligned = stored(f, values, granularity);
    const Linear in_place = pack(f, aligned, true);
    EXPECT_TRUE(in_place.is_in_place());
    EXPECT_EQ(aligned.memory.use_count(), 2);
    EXPECT_EQ(forward(in_place), expected);
    EXPECT_EQ(in_place.bytes(), f.bytes(kRows, kCols));
    std::vector<float> row(kCols), stored_row(kCols);
    for (const int64_t r : {int64_t{0}, int64_t{31}, kRows - 1}) {
      in_place.row_to_float(r, row.data());
      f.to_float(aligned.bytes, kRows, kCols, r, stored_row.data());
      EXPECT_EQ(row, stored_row);
    }
    // Copied: without an owner, or off the alignment.
    EXPECT_FALSE(pack(f, aligned, false).is_in_place());
    EXPECT_EQ(forward(pack(f, aligned, false)), expected);
    const Stored beside = stored(f, values, granularity, 4);
    EXPECT_FALSE(pack(f, beside, true).is_in_place());
    EXPECT_EQ(forward(pack(f, beside, true)), expected);
  }
}

// Finer panels than the scales need are summed as the scales are, whatever the file says.
TEST(LinearPack, ScalesThatAgreeAreSummedTogether) {
  const auto values = random_floats(kRows * kCols, 6);
  const Stored rows = stored(format(kP_BINARY), values, Granularity::kRow);
  const Stored groups = stored(format(kP_BINARY_128), values, Granularity::kRow);
  const Linear regrouped = pack(format(kP_BINARY_128), groups, true);
  EXPECT_FALSE(regrouped.is_in_place());
  EXPECT_EQ(forward(regrouped), forward(pack(format(kP_BINARY), rows, true)));
}

// In memory as in the panels that `onebit pack` would make.
TEST(LinearPack, ScalesTakeTwoBytesWhereF16HoldsThem) {
  const auto values = random_floats(kRows * kCols, 12);
  const auto bytes = [&](ScaleType type, Granularity granularity, float multiplier) {
    const CodeMatrix m =
        quantize_weights(values.data(), kRows, kCols, WeightClass::kBinary, granularity, type);
    return Linear::pack(m, WeightClass::kBinary, ActQuant::kInt8Group, {.multiplier = multiplier})
        .bytes();
  };
  const int64_t in_f16 = format(kP_BINARY_128_F16).bytes(kRows, kCols);
  const int64_t in_f32 = format(kP_BINARY_128).bytes(kRows, kCols);
  EXPECT_EQ(bytes(ScaleType::kF16, Granularity::kGroup128, 1), in_f16);
  EXPECT_EQ(bytes(ScaleType::kF16, Granularity::kGroup128, 0.25f), in_f16);
  EXPECT_EQ(bytes(ScaleType::kF16, Granularity::kGroup128, 0.3f), in_f32);
  EXPECT_EQ(bytes(ScaleType::kF32, Granularity::kGroup128, 1), in_f32);
  EXPECT_EQ(bytes(ScaleType::kF16, Granularity::kRow, 1), format(kP_BINARY).bytes(kRows, kCols));
}

TEST(LinearPack, FixesAreApplied) {
  const auto values = random_floats(kRows * kCols, 7);
  const WeightFixes fixes{.multiplier = 0.375f,
                          .row_order = [](int64_t row) { return kRows - 1 - row; }};
  const Stored panels = stored(format(kP_TERNARY), values, Granularity::kTensor);
  const Stored other = stored(format(kI2_S), values, Granularity::kTensor);
  EXPECT_EQ(forward(pack(format(kP_TERNARY), panels, true, nullptr, fixes)),
            forward(pack(format(kI2_S), other, true, nullptr, fixes)));
}

// P_INT6 lies where it is if the kernels read it, else its codes become int8; what the floats of
// the same rows give, either way.
TEST(LinearPack, SixBitPanelsAreTheirCodesEverywhere) {
  const Format& f = format(kP_INT6);
  const auto values = random_floats(kRows * kCols, 10);
  const Stored panels = stored(f, values, Granularity::kRow);
  const Stored floats = stored(format(kF32), values, Granularity::kRow);
  const RowOrder reversed = [](int64_t row) { return kRows - 1 - row; };
  for (const Kernels* kernels : usable_kernels()) {
    ThreadPool pool(2);
    const auto pack6 = [&](const Format& from, const Stored& s, const WeightFixes& fixes) {
      const LoadResources resources{.pool = &pool, .owner = s.memory, .kernels = kernels};
      return Linear::pack_int6(from, s.bytes, kRows, kCols, fixes, resources);
    };
    const auto result = [&](const Linear& linear) {
      return apply({pool, *kernels}, linear, random_floats(3 * kCols, 99), ActQuant::kInt8Group);
    };
    const Linear mapped = pack6(f, panels, {});
    EXPECT_EQ(mapped.is_in_place(), kernels->matmul[static_cast<int>(Packing::kInt6)] != nullptr);
    EXPECT_EQ(result(mapped), result(pack6(format(kF32), floats, {}))) << kernels->isa;
    EXPECT_EQ(result(pack6(f, panels, {.row_order = reversed})),
              result(pack6(format(kF32), floats, {.row_order = reversed})));
  }
}

// Eight bits are made six by their values, also where six are kept in eight.
TEST(LinearPack, EightBitPanelsAreNotTakenForSix) {
  const Stored panels =
      stored(format(kP_INT8), random_floats(kRows * kCols, 11), Granularity::kRow);
  const auto pack6 = [&](const Kernels* kernels) {
    return forward(Linear::pack_int6(format(kP_INT8), panels.bytes, kRows, kCols, {},
                                     {.owner = panels.memory, .kernels = kernels}));
  };
  EXPECT_NE(pack6(nullptr), forward(pack(format(kP_INT8), panels, true)));
  const Kernels& kernels = select_kernels("");
  EXPECT_EQ(pack6(nullptr), pack6(&kernels));
}

TEST(LinearPack, ThreadsPackTheSame) {
  const auto values = random_floats(kRows * kCols, 8);
  for (const auto& [panels, other, granularity] : kPairs) {
    const Format& f = format(other);
    const Stored s = stored(f, values, granularity);
    const auto expected = forward(pack(f, s, false));
    for (const int n : {1, 2, 3, 7}) {
      ThreadPool pool(n);
      EXPECT_EQ(forward(pack(f, s, false, &pool)), expected) << f.name << " " << n;
    }
  }
}

TEST(LinearPack, ScalesMustBeFinite) {
  for (const TensorType type :
       {kP_TERNARY, kP_TERNARY_128, kP_BINARY_128, kP_BINARY_128_F16, kP_INT8, kP_INT6}) {
    const Format& f = format(type);
    const PanelShape shape(*f.packing, kRows, kCols, f.group, f.scale_type);
    for (const int64_t row : {int64_t{0}, kRows - 1}) {
      for (const float bad :
           {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        const Stored s = stored(f, random_floats(kRows * kCols, 9),
                                f.group == 0 ? Granularity::kTensor : Granularity::kGroup128);
        shape.set_scale(s.bytes + shape.weight_bytes, row, 0, bad);
        try {
          type == kP_INT6 ? Linear::pack_int6(f, s.bytes, kRows, kCols) : pack(f, s, true);
          ADD_FAILURE() << f.name;
        } catch (const Error& e) {
          EXPECT_EQ(e.code(), ErrorCode::kInvalidFile);
          EXPECT_TRUE(std::string(e.what()).starts_with("scale of row " + std::to_string(row)))
              << e.what();
        }
      }
    }
  }
}

}  // namespace
}  // namespace onebit
