// Weights out of a ModelFile, in the form that operators want.
#pragma once

#include <string>
#include <vector>

#include "models/model_file.h"
#include "models/weight_source.h"

namespace onebit {

class FileWeights final : public WeightSource {
 public:
  explicit FileWeights(const ModelFile& file) : file_(file) {}

  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }
  Linear matrix(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) override;
  Linear table(const std::string& name, int64_t rows, int64_t cols) override;
  std::vector<float> vector(const std::string& name, int64_t n) override;

 private:
  const ModelTensor& find(const std::string& name, const std::vector<int64_t>& shape) const;

  const ModelFile& file_;
};

struct LoadedCodes {
  CodeMatrix matrix;
  WeightClass weight_class;
};

// The codes and scales that the float values of a tensor stand for (t.at_load is not kAsStored),
// rows in the order of the file, without t.scale. Throws Error(kInvalidFile) for values that are
// not finite and for groups that hold others than -d, 0, +d.
LoadedCodes codes_at_load(const ModelTensor& t);

}  // namespace onebit
