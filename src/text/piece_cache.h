// Which ids a piece became when it was last seen: most words of a text repeat.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace onebit {

// For one call of encode, whose ids lie in one growing vector. Direct-mapped and bounded; a text
// made to miss costs what there would be without the cache.
class PieceCache {
 public:
  static constexpr std::size_t kMaxPieceBytes = 16;

  explicit PieceCache(std::size_t text_bytes)
      : entries_(std::bit_ceil(std::clamp<std::size_t>(text_bytes / 16, 16, 8192))) {}

  struct Entry {
    uint64_t front = 0;  // of the bytes; overlaps `back` if they are fewer than 16
    uint64_t back = 0;
    uint16_t n_bytes = 0;
    uint16_t n_ids = 0;
    uint32_t first = 0;  // if n_ids is 1 the id, else where the ids begin in the vector
    bool holds(const Entry& e) const {
      return front == e.front && back == e.back && n_bytes == e.n_bytes;
    }
  };
  // The key of a piece of 1 to kMaxPieceBytes bytes.
  static Entry key_of(std::string_view piece) {
    const char* p = piece.data();
    const std::size_t n = piece.size();
    Entry key;
    key.n_bytes = static_cast<uint16_t>(n);
    if (n >= 8) {
      std::memcpy(&key.front, p, 8);
      std::memcpy(&key.back, p + n - 8, 8);
    } else if (n >= 4) {
      uint32_t word;
      std::memcpy(&word, p, 4);
      key.front = word;
      std::memcpy(&word, p + n - 4, 4);
      key.back = word;
    } else {
      const auto byte = [p](std::size_t i) { return uint64_t{static_cast<uint8_t>(p[i])}; };
      key.front = byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
    }
    return key;
  }
  // Where the key is if it is in the cache, and where to put it otherwise.
  Entry& slot(const Entry& key) {
    const uint64_t h =
        (key.front ^ std::rotl(key.back, 29) ^ uint64_t{key.n_bytes} << 56) * 0x9e3779b97f4a7c15u;
    return entries_[(h >> 40) & (entries_.size() - 1)];
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace onebit
