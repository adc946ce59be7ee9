#include "convert/encoder.h"

#include <algorithm>

#include "base/half.h"
#include "quant/weights.h"

namespace onebit {
namespace {

// One chunk of rows to bytes of the target.
class ChunkEncoder {
 public:
  ChunkEncoder(const RowReader& source, const Format& target, Loss loss);
  void encode(int64_t first, int64_t count, uint8_t* bytes);

 private:
  void scan_floats();
  CodeMatrix codes(int64_t first, int64_t count);
  CodeMatrix exact_codes(int64_t first, int64_t count);
  CodeMatrix quantised_codes(int64_t first, int64_t count);
  void encode_floats(int64_t first, int64_t count, uint8_t* bytes);
  const float* floats(int64_t first, int64_t count);

  const RowReader& source_;
  const Format& target_;
  const Loss loss_;
  // Formats with a scale for at most this many columns get one for each; others one for the tensor,
  // as BitNet trains.
  static constexpr int64_t kLargestGroup = 128;
  bool by_group() const { return target_.group > 0 && target_.group <= kLargestGroup; }

  float tensor_scale_ = 0;                 // kQuantised, not by_group()
  std::optional<float> magnitude_ = 0.0f;  // kNone of floats: of all values, if it is the same
  std::vector<float> values_;
  std::vector<float> row_;
};

ChunkEncoder::ChunkEncoder(const RowReader& source, const Format& target, Loss loss)
    : source_(source), target_(target), loss_(loss) {
  if (target.weight_class != WeightClass::kFloat) scan_floats();
}

const float* ChunkEncoder::floats(int64_t first, int64_t count) {
  values_.resize(static_cast<std::size_t>(count * source_.cols()));
  source_.floats(first, count, loss_ == Loss::kNone, values_.data());
  return values_.data();
}

// What has to be known of all floats before the first becomes a code.
void ChunkEncoder::scan_floats() {
  const bool quantised = loss_ == Loss::kQuantised;
  if (quantised ? by_group() : source_.has_codes()) return;
  AbsMean mean;
  const int64_t step = chunk_rows(source_.cols());
  for (int64_t first = 0; first < source_.rows(); first += step) {
    const int64_t count = std::min(step, source_.rows() - first);
    const float* values = floats(first, count);
    if (quantised) {
      mean.add(values, count * source_.cols());
    } else if (magnitude_) {
      const auto here = common_magnitude(values, count * source_.cols());
      if (here && *magnitude_ == 0) {
        magnitude_ = here;
      } else if (!here || (*here != 0 && *here != *magnitude_)) {
        magnitude_ = std::nullopt;
      }
    }
    source_.release(first, count);
  }
  if (quantised) tensor_scale_ = mean.scale(target_.weight_class, target_.scale_type);
}

// Floats that are nothing but -d, 0 and +d, in the tensor or in every group of the target.
CodeMatrix ChunkEncoder::exact_codes(int64_t first, int64_t count) {
  const float* values = floats(first, count);
  const int64_t cols = source_.cols();
  CodeMatrix m{.rows = count, .cols = cols, .group = cols, .codes = {}, .scales = {}};
  if (target_.group > 0) m.group = target_.group;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t col = 0; col < cols; col += m.group) {
      const float* group = values + r * cols + col;
      const int64_t n = std::min(m.group, cols - col);
      const auto scale = magnitude_ ? magnitude_ : common_magnitude(group, n);
      if (!scale) {
        throw Error(ErrorCode::kInvalidArgument,
                    std::string(target_.name) + ": row " + std::to_string(first + r) +
                        ", columns " + std::to_string(col) + ".." + std::to_string(col + n - 1) +
                        ": expected only -d, 0 and +d for one d, found other values");
      }
      m.scales.push_back(*scale);
      for (int64_t i = 0; i < n; ++i) {
        m.codes.push_back(static_cast<int8_t>((group[i] > 0) - (group[i] < 0)));
      }
    }
  }
  return m;
}

CodeMatrix ChunkEncoder::quantised_codes(int64_t first, int64_t count) {
  const float* values = floats(first, count);
  const int64_t cols = source_.cols();
  CodeMatrix m{.rows = count, .cols = cols, .group = cols, .codes = {}, .scales = {}};
  m.codes.resize(static_cast<std::size_t>(count * cols));
  if (!by_group()) {
    m.scales = {tensor_scale_};
    quantize_codes(values, count * cols, target_.weight_class, tensor_scale_, m.codes.data());
    return m;
  }
  m.group = target_.group;
  for (int64_t i = 0; i < count * cols; i += m.group) {
    AbsMean mean;
    mean.add(values + i, m.group);
    m.scales.push_back(mean.scale(target_.weight_class, target_.scale_type));
    quantize_codes(values + i, m.group, target_.weight_class, m.scales.back(), m.codes.data() + i);
  }
  return m;
}

CodeMatrix ChunkEncoder::codes(int64_t first, int64_t count) {
  if (loss_ == Loss::kQuantised) return quantised_codes(first, count);
  CodeMatrix m = source_.has_codes() ? source_.codes(first, count) : exact_codes(first, count);
  if (loss_ == Loss::kScales && target_.scale_type == ScaleType::kF16) {
    for (float& scale : m.scales) scale = f16_to_f32(f32_to_f16(scale));
  }
  return m;
}

void ChunkEncoder::encode_floats(int64_t first, int64_t count, uint8_t* bytes) {
  const int64_t cols = source_.cols();
  const float* values = floats(first, count);
  target_.from_float(values, count, cols, bytes);
  if (loss_ != Loss::kNone) return;
  row_.resize(static_cast<std::size_t>(cols));
  for (int64_t r = 0; r < count; ++r) {
    target_.to_float(bytes, count, cols, r, row_.data());
    const auto [kept, value] = std::mismatch(row_.begin(), row_.end(), values + r * cols);
    if (kept == row_.end()) continue;
    throw Error(ErrorCode::kInvalidArgument,
                std::string(target_.name) + ": row " + std::to_string(first + r) + ", column " +
                    std::to_string(kept - row_.begin()) +
                    ": expected a value that it holds, found " + std::to_string(*value) +
                    ", which becomes " + std::to_string(*kept));
  }
}

void ChunkEncoder::encode(int64_t first, int64_t count, uint8_t* bytes) {
  if (target_.weight_class == WeightClass::kFloat) return encode_floats(first, count, bytes);
  try {
    target_.from_codes(codes(first, count), bytes);
  } catch (const Error& e) {  // its rows are those of the chunk
    const std::string from = first == 0 ? "" : "from row " + std::to_string(first) + " on: ";
    throw Error(e.code(), from + e.what());
  }
}

}  // namespace

void encode(const RowReader& source, const Format& target, Loss loss, const ByteSink& sink) {
  ChunkEncoder encoder(source, target, loss);
  const auto fill = [&](int64_t first, int64_t count, uint8_t* bytes) {
    encoder.encode(first, count, bytes);
    source.release(first, count);
  };
  write_in_chunks(target, source.rows(), source.cols(), fill, sink);
}

std::string describe(Loss loss, const Format& target) {
  if (loss == Loss::kScales) return "scales rounded to f16 for " + std::string(target.name);
  if (target.weight_class == WeightClass::kFloat) {
    return "values rounded to " + std::string(target.name);
  }
  return "values quantised to " + std::string(target.name) + " by absmean";
}

}  // namespace onebit
