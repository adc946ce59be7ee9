// A GGUF file as a list of parts that a test can spoil one by one before they become bytes; unlike
// GgufWriter it writes whatever it is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/gguf.h"

namespace onebit::malformed {

// One integer of the header: where it is and how wide. `name` says whose it is, e.g. "kv
// general.alignment: value", "tensor output.weight: offset".
struct IntegerField {
  std::string name;
  std::size_t at;
  std::size_t width;  // bytes
};

struct GgufImage {
  std::string bytes;
  std::vector<IntegerField> integers;
};

struct DraftEntry {
  std::string key;
  GgufValue value;
  std::string raw = "";  // if not empty: value type and payload, instead of `value`
};

struct DraftTensor {
  std::string name;
  std::vector<int64_t> shape;  // row length first
  uint32_t type;
  std::string data;
  std::optional<uint64_t> offset = {};  // in the directory; default: where `data` is written
  std::optional<uint32_t> n_dims = {};  // default: of `shape`
};

struct GgufDraft {
  std::string magic = "GGUF";
  uint32_t version = 3;
  int64_t alignment = 32;  // of the data; general.alignment is an entry like any other
  std::vector<DraftEntry> entries;
  std::vector<DraftTensor> tensors;

  DraftEntry& entry(const std::string& key);          // must exist
  DraftTensor& tensor(const std::string& name);       // must exist
  void set(const std::string& key, GgufValue value);  // adds or replaces

  GgufImage build() const;
  std::string bytes() const { return build().bytes; }
};

// A whole model of some 4 KB: a bitnet-b1.58 of one layer with f32 weights. It has every metadata
// key that the loader of such a file reads.
GgufDraft tiny_model();

// The same with a SentencePiece vocabulary.
GgufDraft tiny_spm_model();

// tiny_model() in panels, as `onebit pack` writes them: every packing, mapped.
GgufDraft tiny_packed_model();

// The metadata keys of tiny_model() without which it would still be a model.
bool is_optional_key(const std::string& key);

}  // namespace onebit::malformed
