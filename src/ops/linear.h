// The linear layer: y = W x for any weight format.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>

#include "base/aligned_buffer.h"
#include "ops/activations.h"
#include "ops/context.h"
#include "quant/code_matrix.h"
#include "quant/format.h"

namespace onebit {

enum class Activation : uint8_t;  // rows.h

// For each row of the matrix the row of the file that it is, in [0, rows). Empty: the same row.
using RowOrder = std::function<int64_t(int64_t row)>;

// What a file leaves to its reader: a scale that it keeps in a tensor of its own, rows in another
// order (interleaved_row() in rope.h).
struct WeightFixes {
  // Each stored scale is multiplied by it, rounded to f32 once; without stored scales to fold it
  // into (Linear::rows) each output and each looked-up value is.
  float multiplier = 1;
  RowOrder row_order = {};

  void check() const;  // Throws Error(kInvalidFile) when the multiplier is not finite.
};

// What a load has at hand. No result depends on it.
struct LoadResources {
  ThreadPool* pool = nullptr;              // to pack on; null: the caller's thread
  std::shared_ptr<const void> owner = {};  // of a tensor's bytes, which may stay where they are
  bool triples = false;  // 5 bits for 3 ternary weights, where rows have one scale
  // Those that will multiply; null: any, so no packing that only some instruction sets have.
  const Kernels* kernels = nullptr;
};

class Linear;

struct LinearTarget {
  const Linear* linear = nullptr;
  float* y = nullptr;  // [M, N]
};

// Several matrices times the same activations: linear.forward() of each, in one parallel region.
void forward_all(const OpContext& ctx, const Activations& acts,
                 std::span<const LinearTarget> targets);
inline void forward_all(const OpContext& ctx, const Activations& acts,
                        std::initializer_list<LinearTarget> targets) {
  forward_all(ctx, acts, std::span(targets.begin(), targets.size()));
}

// y [M, N] = f(gate x) * (up x): both matrices and the activation (gated_rows) in one parallel
// region, row by row.
void forward_gated(const OpContext& ctx, const Activations& acts, const Linear& gate,
                   const Linear& up, Activation activation, float* y);

// A weight matrix [N, K] in the form its kernel wants: ternary, binary, int8 and int6 weights as
// panels (quant/packing.h) for quantised activations, any format as rows for f32 activations.
//
// Everywhere: `bytes` must hold format.bytes(rows, cols), at any alignment. Throws
// Error(kInvalidFile) when the multiplier is not finite.
class Linear {
 public:
  Linear() = default;

  // Panels from codes, for activations quantised by `quant` (not kF32; kSign needs binary weights).
  // Ternary codes go to 2-bit panels, binary to 1-bit panels. A matrix whose rows have equal scales
  // throughout is summed as one group a row. Scales are taken as they are.
  static Linear pack(const CodeMatrix& matrix, WeightClass weight_class, ActQuant quant,
                     const WeightFixes& fixes = {}, ThreadPool* pool = nullptr);
  // The same straight from a tensor's bytes, any ternary or binary format, a panel at a time.
  // Throws Error(kInvalidFile) on a code outside the class or a scale that is not finite. A tensor
  // that is the very panels (Format::packing), with nothing to fix, is taken as it lies: in place
  // where it has an owner and is 64-byte aligned, else copied; its codes are not looked at then.
  static Linear pack(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                     ActQuant quant, const WeightFixes& fixes = {},
                     const LoadResources& resources = {});
  // A float matrix (embedding, head) as int8 with one scale a row, for kInt8Group activations:
  // scale = absmax / 127, codes round half to even. Drift instead of bytes: half or a quarter of
  // the file's are read per token. Throws Error(kInvalidFile) on a value that is not finite. P_INT8
  // is taken as it lies, as by pack().
  static Linear pack_int8(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                          const WeightFixes& fixes = {}, const LoadResources& resources = {});
  // The same in 6 bits: scale = absmax / 31. Where the kernels cannot read kInt6 the codes lie in
  // kInt8: more bytes, the same dots and scales and so the same result. Of P_INT6 the codes are
  // taken as they are, and as they lie, as by pack(), where the kernels read them.
  static Linear pack_int6(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                          const WeightFixes& fixes = {}, const LoadResources& resources = {});
  // Rows of any format, ternary and binary ones too, kept in their disk layout (copied). F32, F16,
  // BF16 and Q8_0 have a kernel that reads them; rows of other formats become f32 when they are
  // multiplied, once for all tokens: exact, small, slow.
  static Linear rows(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                     const WeightFixes& fixes = {});
  // The same without a copy: `bytes` stay where they are, and `owner` keeps them there. (With a row
  // order, rows that a kernel reads are copied after all.)
  static Linear view(const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                     std::shared_ptr<const void> owner, const WeightFixes& fixes = {});

  int64_t n_rows() const { return rows_; }
  int64_t n_cols() const { return cols_; }
  // Panels (activations must be quantised) or rows (f32 activations)?
  bool is_packed() const { return format_ == nullptr; }
  // The activations that forward() takes: what panels were packed for, kF32 for rows.
  ActQuant act_quant() const { return is_packed() ? quant_ : ActQuant::kF32; }
  // The bytes of the tensor are in use, kept by their owner.
  bool is_in_place() const { return owner_ != nullptr; }
  // The panels or rows where they lie; scales not.
  std::span<const uint8_t> stored() const {
    return {is_packed() ? panels_ : rows_data_, static_cast<std::size_t>(size_)};
  }
  int64_t bytes() const { return size_ + n_scales_ * scale_bytes(scale_type_); }  // read per token

  // y[m][n] for M tokens: [M, N] row-major. Panels need the activations' quantisation that they
  // were packed for; rows read the f32 values. The result of a token never depends on the others.
  void forward(const OpContext& ctx, const Activations& acts, float* y) const;
  // Row `row` as f32 [K] (embedding lookup), of panels and rows alike: what Format::to_float gives,
  // bit for bit, while the multiplier is 1 (of pack_int8(), pack_int6(): float(code) * scale).
  void row_to_float(int64_t row, float* out) const;

 private:
  friend void forward_all(const OpContext& ctx, const Activations& acts,
                          std::span<const LinearTarget> targets);
  friend void forward_gated(const OpContext& ctx, const Activations& acts, const Linear& gate,
                            const Linear& up, Activation activation, float* y);

  // Panels that are yet to be set, and their scales.
  Linear(Packing packing, ActQuant quant, int64_t rows, int64_t cols);
  // Rows whose bytes are yet to be set.
  Linear(const Format& format, int64_t rows, int64_t cols, const WeightFixes& fixes);

  template <typename RowOf>
  static Linear pack_rows(Packing packing, ActQuant quant, int64_t rows, int64_t cols,
                          int64_t stored, float multiplier, ThreadPool* pool, RowOf row_of);
  // Floats by quantize_int8 or quantize_int6, for kInt8Group activations.
  static Linear pack_floats(Packing packing, float (*quantize)(const float*, int64_t, int8_t*),
                            const Format& format, const uint8_t* bytes, int64_t rows, int64_t cols,
                            const WeightFixes& fixes, ThreadPool* pool);
  // The codes of P_INT6 in `packing`.
  static Linear repack_int6(Packing packing, const uint8_t* bytes, int64_t rows, int64_t cols,
                            const WeightFixes& fixes, ThreadPool* pool);
  // The tensor's own panels, if they are what the kernels want.
  static std::optional<Linear> take(Packing packing, ActQuant quant, const Format& format,
                                    const uint8_t* bytes, int64_t rows, int64_t cols,
                                    const WeightFixes& fixes, const LoadResources& resources);
  void set_group(int64_t group);
  void copy_rows(const uint8_t* bytes);

  void forward_rows(const OpContext& ctx, const Activations& acts, float* y) const;
  // Panels first .. last - 1 of the acts' tokens; `y` is token 0 of the first of these rows.
  void forward_panels(const OpContext& ctx, const Activations& acts, const uint8_t* prepared,
                      int64_t first, int64_t last, float* y, int64_t y_stride) const;
  // Panels that a thread should be given at least.
  int64_t panels_per_part(const OpContext& ctx, const Activations& acts) const;
  int64_t panel_rows() const { return packing_shape(packing_).rows; }
  int64_t n_panels() const { return ceil_div(rows_, panel_rows()); }
  int64_t file_row(int64_t row) const { return row_order_ ? row_order_(row) : row; }

  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t size_ = 0;                   // bytes of panels or rows
  AlignedBuffer<uint8_t> data_;        // what panels_ or rows_data_ points to,
  std::shared_ptr<const void> owner_;  // unless that is the owner's
  // Panels:
  Packing packing_ = Packing::kTernaryI8;
  ActQuant quant_ = ActQuant::kInt8;
  int64_t group_ = 0;        // columns per weight scale
  int64_t n_groups_ = 0;     // scales per row
  int64_t panel_bytes_ = 0;  // of a full panel
  int64_t n_scales_ = 0;
  const uint8_t* panels_ = nullptr;  // [panels][panel_bytes]
  ScaleType scale_type_ = ScaleType::kF32;
  const uint8_t* scales_ = nullptr;    // [panels][n_groups][rows of the panel's tiles]
  AlignedBuffer<uint8_t> scale_data_;  // what it points to, unless data_ or the owner has them
  // Rows:
  const Format* format_ = nullptr;
  std::optional<RowFormat> kernel_;     // none: rows are decoded
  const uint8_t* rows_data_ = nullptr;  // in disk layout
  float multiplier_ = 1;
  RowOrder row_order_;  // for rows that are decoded; else data_ is in order
};

}  // namespace onebit
