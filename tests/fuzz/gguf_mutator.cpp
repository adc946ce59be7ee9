// Damages a GGUF file where it matters: an entry or a tensor of the header is edited and all
// lengths, counts and offsets follow, so that most mutants get past the container. Without this
// nearly every mutant dies on a length.
#include <algorithm>

#include "base/rng.h"
#include "fuzz.h"
#include "gguf_draft.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

namespace onebit {
namespace {

using malformed::DraftEntry;
using malformed::DraftTensor;
using malformed::GgufDraft;

GgufDraft draft_of(const GgufFile& file) {
  GgufDraft draft;
  for (const auto& [key, value] : file.metadata().entries()) draft.entries.push_back({key, value});
  for (const GgufTensor& t : file.tensors()) {
    draft.tensors.push_back({t.name, t.shape, t.type, {t.available.begin(), t.available.end()}});
  }
  return draft;
}

void mutate(std::string& bytes) {
  const std::size_t size = bytes.size();
  bytes.resize(size + 16);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
}

template <typename T>
requires std::is_arithmetic_v<T>
void mutate(T& number) {
  LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(&number), sizeof number, sizeof number);
}

void mutate(bool& flag) {
  flag = !flag;
}

template <typename T>
void mutate(std::vector<T>& array, Rng& rng) {
  const std::size_t at = rng.below(array.size() + 1);
  if (at == array.size()) {
    array.emplace_back();
  } else if (rng.below(4) == 0) {
    array.erase(array.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    mutate(array[at]);
  }
}

void mutate(GgufValue& value, Rng& rng) {
  std::visit(
      [&]<typename T>(T& v) {
        if constexpr (std::is_same_v<T, GgufBoolArray>) {
          mutate(v.values, rng);
        } else if constexpr (requires { mutate(v, rng); }) {
          mutate(v, rng);
        } else {
          mutate(v);
        }
      },
      value);
}

template <typename T>
T& any_of(std::vector<T>& list, Rng& rng) {
  return list[rng.below(list.size())];
}

void edit_entry(GgufDraft& draft, Rng& rng) {
  if (draft.entries.empty()) return draft.set("k", uint32_t{1});
  DraftEntry& entry = any_of(draft.entries, rng);
  switch (rng.below(6)) {
    case 0:
      return mutate(entry.key);
    case 1:
      entry.value = DraftEntry(any_of(draft.entries, rng)).value;
      return;
    case 2:
      draft.entries.push_back(DraftEntry(entry));
      return mutate(draft.entries.back().key);
    case 3:
      draft.entries.erase(draft.entries.begin() + (&entry - draft.entries.data()));
      return;
    default:
      return mutate(entry.value, rng);
  }
}

void edit_tensor(GgufDraft& draft, Rng& rng) {
  if (draft.tensors.empty()) return draft.tensors.push_back({"t", {8}, 0, std::string(32, '\0')});
  DraftTensor& tensor = any_of(draft.tensors, rng);
  switch (rng.below(7)) {
    case 0:
      return mutate(tensor.name);
    case 1:
      return mutate(tensor.shape, rng);
    case 2:
      return mutate(tensor.type);
    case 3:
      tensor.offset = 32 * rng.below(64);
      return;
    case 4:
      draft.tensors.erase(draft.tensors.begin() + (&tensor - draft.tensors.data()));
      return;
    case 5:
      draft.tensors.push_back(DraftTensor(tensor));
      return mutate(draft.tensors.back().name);
    default:
      return mutate(tensor.data);
  }
}

}  // namespace
}  // namespace onebit

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  using namespace onebit;
  Rng rng(seed);
  if (rng.below(4) == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string bytes;
  try {
    auto draft = draft_of(GgufFile::parse(fuzz::buffer(data, size), ""));
    for (uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
      rng.below(3) == 0 ? edit_tensor(draft, rng) : edit_entry(draft, rng);
    }
    bytes = draft.bytes();
  } catch (const Error&) {  // no container to edit
  }
  if (bytes.empty() || bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
