#include "jinja/marked_string.h"

#include <algorithm>
#include <utility>

namespace onebit::jinja {

MarkedString::MarkedString(std::string bytes, bool from_user) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), from_user});
}

bool MarkedString::has_user_bytes() const {
  return std::any_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.from_user; });
}

void MarkedString::extend(std::size_t end, bool from_user) {
  if (!runs_.empty() && runs_.back().from_user == from_user) {
    runs_.back().end = end;
  } else {
    runs_.push_back({end, from_user});
  }
}

void MarkedString::append(std::string_view bytes, bool from_user) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  extend(bytes_.size(), from_user);
}

void MarkedString::append(const MarkedString& other) {
  append(other, 0, other.size());
}

void MarkedString::append(const MarkedString& other, std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  const std::size_t offset = bytes_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  auto run = std::upper_bound(other.runs_.begin(), other.runs_.end(), begin,
                              [](std::size_t at, const Run& r) { return at < r.end; });
  for (std::size_t at = begin; at < end; ++run) {
    at = std::min(run->end, end);
    extend(offset + at - begin, run->from_user);
  }
}

MarkedString MarkedString::slice(std::size_t begin, std::size_t end) const {
  MarkedString out;
  out.append(*this, begin, end);
  return out;
}

void MarkedString::mark_all_user() {
  if (!bytes_.empty()) runs_.assign(1, {bytes_.size(), true});
}

}  // namespace onebit::jinja
