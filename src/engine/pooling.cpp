#include "engine/pooling.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"

namespace onebit {

Pool choose_pool(std::optional<std::string_view> name, const ModelConfig& config,
                 std::string_view field) {
  if (name == "last") return Pool::kLast;
  if (name == "mean") return Pool::kMean;
  if (!name && config.pooling == Pooling::kLast) return Pool::kLast;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(field) + ": expected last or mean (this is no embedding model), found " +
                  (name ? quote(*name) : "none"));
}

void Pooler::add(std::span<const float> rows) {
  const std::size_t width = sum_.size();
  if (pool_ == Pool::kLast) {
    const auto last = rows.last(width);
    std::copy(last.begin(), last.end(), sum_.begin());
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) sum_[i % width] += rows[i];
}

std::vector<float> Pooler::vector() const {
  double square = 0;
  for (const double v : sum_) square += v * v;
  const double norm = std::sqrt(square);
  if (!std::isfinite(norm)) {
    throw Error(ErrorCode::kInvalidFile,
                "expected finite activations, found others: the model's weights are broken");
  }
  std::vector<float> vector;
  for (const double v : sum_) vector.push_back(static_cast<float>(norm > 0 ? v / norm : 0));
  return vector;
}

}  // namespace onebit
