#include "train/export.h"

#include <algorithm>

#include "io/gguf.h"
#include "models/config.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

const Format& format_of(const Network& network, const Parameter& p) {
  return p.is_linear      ? *network.spec().format
         : p.is_embedding ? network.embedding_format()
                          : format(kF32);
}

// GGUF order: row length first.
std::vector<int64_t> gguf_shape(const torch::Tensor& value) {
  std::vector<int64_t> shape(value.sizes().begin(), value.sizes().end());
  std::reverse(shape.begin(), shape.end());
  return shape;
}

}  // namespace

void export_model(const Network& network, const Vocab& vocab, const std::filesystem::path& path) {
  GgufMetadata metadata;
  write_config(network.config(), metadata);
  write_vocab(vocab, metadata);
  GgufWriter writer(path, std::move(metadata));
  const auto rows_of = [](const Parameter& p) {
    return p.value.dim() == 2 ? p.value.size(0) : int64_t{1};
  };
  for (const Parameter& p : network.parameters()) {
    const Format& f = format_of(network, p);
    writer.add_tensor(p.name, gguf_shape(p.value), f.id, f.bytes(rows_of(p), p.value.size(-1)));
  }
  writer.begin();
  for (const Parameter& p : network.parameters()) {
    const Format& f = format_of(network, p);
    const int64_t rows = rows_of(p), cols = p.value.size(-1);
    AlignedBuffer<uint8_t> bytes(f.bytes(rows, cols));
    if (const CodeMatrix* codes = network.codes(p)) {
      f.from_codes(*codes, bytes.data());
    } else {
      f.from_float(p.value.data_ptr<float>(), rows, cols, bytes.data());
    }
    writer.write_tensor(bytes.span());
  }
  writer.commit();
}

}  // namespace onebit
