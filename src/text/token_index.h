// The bytes of every token, and the token of given bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onebit {

// Ids are given in order from 0. Look-up is a hash table with open addressing. Its hash is keyed
// with a secret drawn anew for each table: a polynomial over GF(2^61 - 1) at a random point, which
// sends two different strings of n bytes to the same value with probability n / 2^63, whatever the
// file that names them (Carter and Wegman 1979), then scattered over the slots.
class TokenIndex {
 public:
  TokenIndex();
  void reserve(std::size_t n_tokens, std::size_t n_bytes);

  int32_t size() const { return static_cast<int32_t>(begins_.size() - 1); }
  int32_t append(std::string_view bytes);
  // Lets find() return `id`, unless it already returns another token with the same bytes.
  void insert(int32_t id);

  std::string_view operator[](int32_t id) const {
    const auto i = static_cast<std::size_t>(id);
    return {bytes_.data() + begins_[i], begins_[i + 1] - begins_[i]};
  }
  // -1: there is none.
  int32_t find(std::string_view bytes) const;

 private:
  struct Slot {
    uint32_t tag;  // of the hash: saves most comparisons of other tokens' bytes
    int32_t id;    // -1: free
  };
  uint64_t hash(std::string_view bytes) const;
  std::size_t slot_of(std::string_view bytes, uint64_t h) const;
  void grow(std::size_t n_slots);

  std::string bytes_;                // of all tokens, one after another
  std::vector<std::size_t> begins_;  // token i is bytes_[begins_[i], begins_[i + 1])
  std::vector<Slot> slots_;          // a power of two, at most half taken
  std::size_t n_taken_ = 0;
  uint64_t point_;
  uint64_t scatter_;
};

}  // namespace onebit
