// Token files for training: made once from texts, then mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "text/vocab.h"

namespace onebit {

// Text to token ids, without bos or special tokens.
using EncodeText = std::function<std::vector<int32_t>(std::string_view text)>;

struct DatasetInfo {
  int64_t vocab_size = 0;
  int64_t train_tokens = 0;
  int64_t val_tokens = 0;
  int64_t token_bytes = 2;  // 2, or 4 when vocab_size > 65536; little-endian
  double val_fraction = 0;
  uint64_t tokenizer_hash = 0;
};

// Writes DIR/train.bin, DIR/val.bin (token ids), DIR/vocab.gguf and, last, DIR/data.json. The last
// `val_fraction` of each text's tokens is for validation. Each text's end is marked with eos_id if
// the vocabulary has one. Throws Error.
DatasetInfo prepare_dataset(std::span<const std::filesystem::path> texts, const Vocab& vocab,
                            const EncodeText& encode, const std::filesystem::path& dir,
                            double val_fraction = 0.1);

// A hash of everything that decides how text becomes ids.
uint64_t tokenizer_hash(const Vocab& vocab);

// Token ids in a mapped file.
class TokenFile {
 public:
  // Throws Error(kInvalidFile) when the size is not n_tokens * token_bytes or an id is not below
  // vocab_size.
  TokenFile(const std::filesystem::path& path, int64_t n_tokens, int64_t token_bytes,
            int64_t vocab_size);
  int64_t size() const { return n_tokens_; }
  int32_t operator[](int64_t i) const;
  // Tokens [first, first + n).
  void read(int64_t first, int64_t n, int32_t* out) const;

 private:
  FileBytes file_;
  int64_t n_tokens_;
  int64_t token_bytes_;
};

struct Dataset {
  explicit Dataset(const std::filesystem::path& dir);

  DatasetInfo info;
  TokenFile train;
  TokenFile val;
  Vocab vocab;
};

// First token of the window that row `row` of pass `micro` of update `step` trains on, out of
// n_starts possible ones. A hash, so a run can be entered anywhere: the step is the whole cursor.
int64_t window_start(uint64_t seed, int64_t step, int64_t micro, int64_t row, int64_t n_starts);

}  // namespace onebit
