// Memory that all clients together may make the server hold.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace onebit::http {

// Bytes; any thread. What is held in it is held by charges.
class Budget {
 public:
  explicit Budget(int64_t most) : most_(most) {}

  int64_t used() const { return used_; }
  // So many more fit. Several threads may hear so at once: each goes over it by that much at most.
  bool has_room(int64_t bytes) const { return used_ + bytes <= most_; }

 private:
  friend class Charge;
  const int64_t most_;
  std::atomic<int64_t> used_ = 0;
};

// Bytes of a budget, which are free again when it goes. One thread at a time.
class Charge {
 public:
  Charge() = default;  // counts nowhere
  explicit Charge(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {}
  Charge(Charge&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    set(0);
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  ~Charge() { set(0); }

  void set(int64_t bytes) {
    if (budget_) budget_->used_ += bytes - std::exchange(bytes_, bytes);
  }

 private:
  std::shared_ptr<Budget> budget_;
  int64_t bytes_ = 0;
};

}  // namespace onebit::http
