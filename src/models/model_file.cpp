#include "models/model_file.h"

#include <system_error>
#include <utility>

#include "models/huggingface.h"

namespace onebit {

int64_t ModelTensor::rows() const {
  int64_t rows = 1;
  for (std::size_t d = 1; d < shape.size(); ++d) rows *= shape[d];
  return rows;
}

ModelFile ModelFile::open(const std::filesystem::path& path, const OpenOptions& options) {
  std::error_code error;  // what is wrong with the path, the readers say better
  if (std::filesystem::is_directory(path, error)) return open_huggingface_model(path);
  return open_gguf_model(path, options);
}

ModelFile::ModelFile(Contents contents) : contents_(std::move(contents)) {
  for (std::size_t i = 0; i < contents_.tensors.size(); ++i) {
    const std::string& tensor = contents_.tensors[i].name;
    if (index_.emplace(tensor, i).second) continue;
    throw Error(ErrorCode::kInvalidFile,
                name() + ": tensor " + quote(tensor) + ": expected once, found twice");
  }
}

const ModelTensor* ModelFile::find(std::string_view tensor) const {
  const auto entry = index_.find(tensor);
  return entry == index_.end() ? nullptr : &contents_.tensors[entry->second];
}

int64_t ModelFile::file_bytes() const {
  int64_t total = 0;
  for (const FileBytes& file : contents_.files) total += file.size();
  return total;
}

const FileBytes* ModelFile::file_of(std::span<const uint8_t> bytes) const {
  for (const FileBytes& file : contents_.files) {
    const auto all = file.span();
    if (bytes.data() >= all.data() && bytes.data() < all.data() + all.size()) return &file;
  }
  return nullptr;
}

std::shared_ptr<const void> ModelFile::owner(std::span<const uint8_t> bytes) const {
  const FileBytes* file = file_of(bytes);
  ONEBIT_CHECK(file != nullptr);
  return file->owner();
}

void ModelFile::release(std::span<const uint8_t> bytes) const {
  if (const FileBytes* file = file_of(bytes)) file->release(bytes);
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace onebit
