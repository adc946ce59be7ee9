// Weights out of a ModelFile, in the form that operators want.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model_file.h"
#include "models/weight_source.h"

namespace onebit {

// What becomes of a head of floats.
enum class Head : uint8_t {
  kInt8,   // int8 with a scale per row: a byte a weight
  kExact,  // the file's own rows
};

class FileWeights final : public WeightSource {
 public:
  // `pool`: packs on its threads; null: on the caller's. `triples`: as LoadResources.
  explicit FileWeights(const ModelFile& file, Head head = Head::kInt8, ThreadPool* pool = nullptr,
                       bool triples = false)
      : file_(file), head_(head), pool_(pool), triples_(triples) {}

  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }
  Linear matrix(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) override;
  Linear head(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) override;
  Linear table(const std::string& name, int64_t rows, int64_t cols) override;
  std::vector<float> vector(const std::string& name, int64_t n) override;

 private:
  const ModelTensor& find(const std::string& name, const std::vector<int64_t>& shape) const;

  LoadResources resources(const ModelTensor& t) const {
    return {pool_, file_.owner(t.bytes), triples_};
  }

  const ModelFile& file_;
  Head head_;
  ThreadPool* pool_;
  bool triples_;
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
