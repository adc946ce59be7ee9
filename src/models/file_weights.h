// Weights out of a ModelFile, in the form that operators want.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model_file.h"
#include "models/weight_source.h"

namespace onebit {

// What becomes of a head of floats. (P_INT6 stays what it is, but for kExact.)
enum class Head : uint8_t {
  kInt8,   // int8 with a scale per row: a byte a weight
  kInt6,   // 6 bits with a scale per row: more drift
  kExact,  // the file's own rows
};

class FileWeights final : public WeightSource {
 public:
  // Of the resources all but the owner, which is the file.
  explicit FileWeights(const ModelFile& file, Head head = Head::kInt8,
                       const LoadResources& resources = {})
      : file_(file), head_(head), resources_(resources) {}

  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }
  Linear matrix(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) override;
  Linear head(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) override;
  Linear table(const std::string& name, int64_t rows, int64_t cols) override;
  std::vector<float> vector(const std::string& name, int64_t n) override;

 private:
  const ModelTensor& find(const std::string& name, const std::vector<int64_t>& shape) const;

  LoadResources resources(const ModelTensor& t) const {
    LoadResources resources = resources_;
    resources.owner = file_.owner(t.bytes);
    return resources;
  }

  const ModelFile& file_;
  Head head_;
  LoadResources resources_;
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
