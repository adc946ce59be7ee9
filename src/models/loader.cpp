#include "models/loader.h"

#include <algorithm>
#include <cmath>

#include "models/architectures.h"
#include "quant/format.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

constexpr int64_t kDefaultContext = 4096;

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

[[noreturn]] void fail(const std::string& tensor, const std::string& expected,
                       const std::string& found, ErrorCode code = ErrorCode::kInvalidFile) {
  throw Error(code, "tensor " + quote(tensor) + ": expected " + expected + ", found " + found);
}

// Errors of a format's decoder, with the tensor's name in front.
template <typename F>
decltype(auto) named(const std::string& name, F f) {
  try {
    return f();
  } catch (const Error& e) {
    throw Error(e.code(), "tensor " + quote(name) + ": " + e.what());
  }
}

// The tensor's format, after checking that the file holds all its bytes.
const Format& checked_format(const GgufTensor& tensor) {
  return named(tensor.name, [&]() -> const Format& {
    return resolve_format(tensor.type, tensor.rows(), tensor.cols(),
                          static_cast<int64_t>(tensor.available.size()));
  });
}

class GgufWeights final : public WeightSource {
 public:
  explicit GgufWeights(const GgufFile& file) : file_(file) {}

  bool has(const std::string& name) const override { return file_.find(name) != nullptr; }

  Linear matrix(const std::string& name, int64_t rows, int64_t cols, ActQuant quant) override {
    const GgufTensor& tensor = find(name, {cols, rows});
    const Format& format = checked_format(tensor);
    Linear linear;
    if (format.weight_class == WeightClass::kFloat) {
      linear = Linear::rows(format, tensor.available.data(), rows, cols);
    } else {
      if (quant == ActQuant::kF32) {
        fail(name, "float weights for f32 activations", format.name, ErrorCode::kUnsupported);
      }
      linear = named(
          name, [&] { return Linear::pack(format, tensor.available.data(), rows, cols, quant); });
    }
    const std::string scale = name.substr(0, name.size() - std::string("weight").size()) + "scale";
    if (has(scale)) linear.set_output_scale(vector(scale, 1)[0]);
    return linear;
  }

  Linear float_matrix(const std::string& name, int64_t rows, int64_t cols) override {
    const GgufTensor& tensor = find(name, {cols, rows});
    const Format& format = checked_format(tensor);
    if (format.weight_class != WeightClass::kFloat) {
      fail(name, "a float type", format.name, ErrorCode::kUnsupported);
    }
    return Linear::rows(format, tensor.available.data(), rows, cols);
  }

  std::vector<float> vector(const std::string& name, int64_t n) override {
    const GgufTensor& tensor = find(name, {n});
    const Format& format = checked_format(tensor);
    if (format.weight_class != WeightClass::kFloat) fail(name, "floats", format.name);
    std::vector<float> values(static_cast<std::size_t>(n));
    format.to_float(tensor.available.data(), 1, n, 0, values.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        fail(name, "finite values", "a non-finite one at " + std::to_string(i));
      }
    }
    return values;
  }

 private:
  const GgufTensor& find(const std::string& name, const std::vector<int64_t>& shape) const {
    const GgufTensor* tensor = file_.find(name);
    if (tensor == nullptr) fail(name, "shape " + shape_text(shape), "no such tensor");
    std::vector<int64_t> found = tensor->shape;
    while (found.size() > shape.size() && found.back() == 1) found.pop_back();
    if (found != shape) fail(name, "shape " + shape_text(shape), shape_text(tensor->shape));
    return *tensor;
  }

  const GgufFile& file_;
};

std::unique_ptr<Model> load_weights(const GgufFile& file, int64_t n_vocab,
                                    const LoadOptions& options) try {
  const auto& architecture = find_architecture(file.metadata().get_string("general.architecture"));
  ModelConfig config = architecture.read_config(file.metadata());
  config.vocab_size = n_vocab;
  check_config(config, architecture.name);
  if (options.context < 0 || options.context > config.max_seq_len) {
    throw Error(ErrorCode::kInvalidArgument, "context: expected 1.." +
                                                 std::to_string(config.max_seq_len) + ", found " +
                                                 std::to_string(options.context));
  }
  const int64_t context =
      options.context > 0 ? options.context : std::min(config.max_seq_len, kDefaultContext);
  list_tensors(file);  // every tensor is whole, also those that this model does not use
  GgufWeights weights(file);
  return architecture.make(config, weights, context);
} catch (const Error& e) {
  throw Error(e.code(), file.name() + ": " + e.what());
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const GgufFile& file) try {
  return std::make_unique<Tokenizer>(read_vocab(file.metadata()));
} catch (const Error& e) {
  throw Error(e.code(), file.name() + ": " + e.what());
}

LoadedModel load_model(const GgufFile& file, const LoadOptions& options) {
  LoadedModel loaded;
  loaded.tokenizer = load_tokenizer(file);
  loaded.model = load_weights(file, loaded.tokenizer->n_vocab(), options);
  return loaded;
}

std::vector<TensorInfo> list_tensors(const GgufFile& file) {
  std::vector<TensorInfo> infos;
  for (const GgufTensor& tensor : file.tensors()) {
    const Format& format = checked_format(tensor);
    infos.push_back({tensor.name, format.name, tensor.shape,
                     format.bytes(tensor.rows(), tensor.cols()),
                     format.bits_per_weight(tensor.rows(), tensor.cols())});
  }
  return infos;
}

}  // namespace onebit
