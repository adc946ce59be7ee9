// A model as its files hold it, whichever container it came in: metadata under GGUF's keys, tensors
// under GGUF's names. Loader, inspect and convert see nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "io/gguf.h"
#include "quant/format.h"

namespace onebit {

// What to do with the values of a float tensor when it is read.
enum class AtLoad {
  kAsStored,
  kTernary,    // a BitNet master: absmean ternary, one scale for the tensor (quant/weights.h)
  kGroups128,  // groups of 128 columns that hold only -d, 0, +d: the codes they were made from
};

// One tensor, checked to lie wholly in its file.
struct ModelTensor {
  std::string name;                // GGUF's, e.g. "blk.0.attn_q.weight"
  std::vector<int64_t> shape;      // row length (K) first
  const Format* format;            // of `bytes`
  std::span<const uint8_t> bytes;  // format->bytes(rows(), cols())
  AtLoad at_load = AtLoad::kAsStored;
  float scale = 1;  // multiplies every value: a scale that the file keeps in a tensor of its own
  // Rows of each of this many heads are stored as pairs (0, d/2), (1, d/2 + 1), ... (llama.cpp's
  // order of q and k for `llama`); 0: in the order of the model, halves together.
  int64_t interleaved_heads = 0;

  int64_t cols() const { return shape[0]; }
  int64_t rows() const;  // product of the other dims
};

struct OpenOptions {
  // How I2_S tensors are laid out, which their files do not tell: "128" (default, all published
  // files), "64" (made by bitnet.cpp on ARM since November 2025), "4row" (without ACT_PARALLEL).
  std::string i2s_layout;
};

class ModelFile {
 public:
  // A GGUF file, the first part of a split one, or a Hugging Face folder. Throws Error: one line
  // that names the file, the field or tensor, the expected and the found.
  static ModelFile open(const std::filesystem::path& path, const OpenOptions& options = {});

  // What a container's reader found. Tensors' bytes lie in `files` (or in a buffer among them).
  struct Contents {
    std::string name;       // of the file or folder, for messages
    std::string container;  // "GGUF v3", "Hugging Face folder", ...
    GgufMetadata metadata;
    std::vector<ModelTensor> tensors;
    std::vector<std::string> quirks;
    std::vector<FileBytes> files;
  };
  // Throws Error(kInvalidFile) for two tensors of one name.
  explicit ModelFile(Contents contents);

  const std::string& name() const { return contents_.name; }
  const std::string& container() const { return contents_.container; }
  const GgufMetadata& metadata() const { return contents_.metadata; }
  const std::vector<ModelTensor>& tensors() const { return contents_.tensors; }
  const ModelTensor* find(std::string_view tensor) const;  // nullptr if absent
  // Oddities of the files and how they were treated, one line each.
  const std::vector<std::string>& quirks() const { return contents_.quirks; }
  int64_t file_bytes() const;
  // What keeps these bytes of a tensor alive.
  std::shared_ptr<const void> owner(std::span<const uint8_t> bytes) const;
  // The caller is done with these bytes for now: a mapped file's pages need not stay resident.
  void release(std::span<const uint8_t> bytes) const;

 private:
  const FileBytes* file_of(std::span<const uint8_t> bytes) const;

  Contents contents_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// The readers of containers, behind ModelFile::open.
ModelFile open_gguf_model(GgufFile file, const OpenOptions& options = {});
ModelFile open_gguf_model(const std::filesystem::path& path, const OpenOptions& options = {});

// "[2560, 6912]", for messages.
std::string shape_text(std::span<const int64_t> shape);

}  // namespace onebit
