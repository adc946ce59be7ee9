#include "text/token_index.h"

#include <bit>
#include <cstring>
#include <random>
#include <utility>

#include "base/rng.h"

namespace onebit {
namespace {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;

// a * b + c modulo kPrime; arguments and result are at most 2^61.
uint64_t multiply_add(uint64_t a, uint64_t b, uint64_t c) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b + c;
  const uint64_t sum =
      static_cast<uint64_t>(product & kPrime) + static_cast<uint64_t>(product >> 61);
  return sum >= kPrime ? sum - kPrime : sum;
}

// n < 8 bytes as a number; different for different bytes of the same n.
uint64_t load_tail(const char* p, std::size_t n) {
  const auto byte = [p](std::size_t i) { return uint64_t{static_cast<uint8_t>(p[i])}; };
  if (n >= 4) {
    uint32_t front;
    uint32_t back;
    std::memcpy(&front, p, 4);
    std::memcpy(&back, p + n - 4, 4);
    return front | uint64_t{back} << 24;
  }
  return n == 0 ? 0 : byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
}

uint64_t random_word() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

TokenIndex::TokenIndex()
    : begins_{0}, slots_(16, {0, -1}), point_(random_word() % kPrime), scatter_(random_word()) {}

void TokenIndex::reserve(std::size_t n_tokens, std::size_t n_bytes) {
  begins_.reserve(n_tokens + 1);
  bytes_.reserve(n_bytes);
  grow(std::bit_ceil(2 * n_tokens + 16));
}

int32_t TokenIndex::append(std::string_view bytes) {
  bytes_ += bytes;
  begins_.push_back(bytes_.size());
  return size() - 1;
}

uint64_t TokenIndex::hash(std::string_view bytes) const {
  uint64_t h = bytes.size();
  const char* p = bytes.data();
  std::size_t n = bytes.size();
  for (; n >= 8; p += 7, n -= 7) {
    uint64_t word = 0;
    std::memcpy(&word, p, 7);
    h = multiply_add(h, point_, word);
  }
  return mix64(multiply_add(h, point_, load_tail(p, n)) ^ scatter_);
}

// Where the token with these bytes is, or would be.
std::size_t TokenIndex::slot_of(std::string_view bytes, uint64_t h) const {
  const auto tag = static_cast<uint32_t>(h >> 32);
  for (std::size_t i = h;; ++i) {
    i &= slots_.size() - 1;
    const Slot& slot = slots_[i];
    if (slot.id < 0 || (slot.tag == tag && (*this)[slot.id] == bytes)) return i;
  }
}

int32_t TokenIndex::find(std::string_view bytes) const {
  return slots_[slot_of(bytes, hash(bytes))].id;
}

void TokenIndex::insert(int32_t id) {
  if (2 * (n_taken_ + 1) > slots_.size()) grow(2 * slots_.size());
  const uint64_t h = hash((*this)[id]);
  Slot& slot = slots_[slot_of((*this)[id], h)];
  if (slot.id >= 0) return;
  slot = {static_cast<uint32_t>(h >> 32), id};
  ++n_taken_;
}

void TokenIndex::grow(std::size_t n_slots) {
  const auto old = std::exchange(slots_, std::vector<Slot>(n_slots, {0, -1}));
  for (const Slot& slot : old) {
    if (slot.id >= 0) slots_[slot_of((*this)[slot.id], hash((*this)[slot.id]))] = slot;
  }
}

}  // namespace onebit
