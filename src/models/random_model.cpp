#include "models/random_model.h"

#include <cmath>

#include "base/half.h"
#include "base/rng.h"
#include "models/decoder.h"
#include "quant/format.h"

namespace onebit {
namespace {

class RandomWeights final : public WeightSource {
 public:
  RandomWeights(WeightClass weight_class, uint64_t seed) : class_(weight_class), rng_(seed) {}

  bool has(const std::string& name) const override {
    return name != "output.weight" && name != "rope_freqs.weight";
  }

  Linear matrix(const std::string&, int64_t rows, int64_t cols, ActQuant quant) override {
    CodeMatrix m;
    m.rows = rows;
    m.cols = cols;
    const bool binary = class_ == WeightClass::kBinary;
    m.group = binary ? 128 : cols;
    const auto n_scales = binary ? rows * m.groups() : 1;
    m.scales.assign(static_cast<std::size_t>(n_scales), 1.0f / std::sqrt(static_cast<float>(cols)));
    m.codes.resize(static_cast<std::size_t>(rows * cols));
    for (std::size_t i = 0; i < m.codes.size();) {
      uint64_t bits = rng_.next();
      for (int j = 0; j < 32 && i < m.codes.size(); ++j, ++i, bits >>= 2) {
        const int low = static_cast<int>(bits & 1);
        const int high = static_cast<int>(bits >> 1 & 1);
        m.codes[i] = static_cast<int8_t>(binary ? 2 * low - 1 : low - high);
      }
    }
    return Linear::pack(m, class_, quant);
  }

  Linear head(const std::string&, int64_t rows, int64_t cols, ActQuant) override {
    const auto values = random_halves(rows * cols);
    return Linear::pack_int8(format(kF16), reinterpret_cast<const uint8_t*>(values.data()), rows,
                             cols);
  }

  Linear table(const std::string&, int64_t rows, int64_t cols) override {
    const auto values = random_halves(rows * cols);
    return Linear::rows(format(kF16), reinterpret_cast<const uint8_t*>(values.data()), rows, cols);
  }

  std::vector<float> vector(const std::string&, int64_t n) override {
    return std::vector<float>(static_cast<std::size_t>(n), 1.0f);
  }

 private:
  std::vector<uint16_t> random_halves(int64_t n) {
    std::vector<uint16_t> values(static_cast<std::size_t>(n));
    for (auto& v : values) {  // uniform in +-0.05, as f16
      v = f32_to_f16(static_cast<float>(static_cast<int32_t>(rng_.next() >> 40) - (1 << 23)) *
                     (0.05f / (1 << 23)));
    }
    return values;
  }

  WeightClass class_;
  Rng rng_;
};

}  // namespace

std::unique_ptr<Model> random_model(const ModelConfig& config, WeightClass weight_class,
                                    uint64_t seed, int64_t context) {
  check_config(config, "shape");
  RandomWeights weights(weight_class, seed);
  return make_decoder(config, weights, context);
}

}  // namespace onebit
