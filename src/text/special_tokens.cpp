#include "text/special_tokens.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "text/unicode.h"

namespace onebit {

SpecialTokens::SpecialTokens(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::erase_if(entries_, [](const Entry& e) { return e.text.empty(); });
  std::ranges::sort(entries_, {}, [](const Entry& e) { return std::tie(e.text, e.id); });
  entries_.erase(std::ranges::unique(entries_, {}, &Entry::text).begin(), entries_.end());
  std::size_t n_bytes = 0;
  for (const Entry& entry : entries_) n_bytes += entry.text.size();
  if (n_bytes > kMaxBytes) {
    throw Error(ErrorCode::kInvalidFile, "special tokens: at most " + std::to_string(kMaxBytes) +
                                             " bytes of text expected, found " +
                                             std::to_string(n_bytes));
  }
  build();
}

// Breadth first, so that fallbacks, which are less deep, are always complete.
void SpecialTokens::build() {
  std::vector<int32_t> order(entries_.size());  // sorted by the text spelled backwards
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  const auto text = [&](int32_t i) -> const std::string& {
    return entries_[static_cast<std::size_t>(i)].text;
  };
  const auto byte_at = [&](int32_t i, std::size_t depth) {
    return static_cast<uint8_t>(text(i)[text(i).size() - 1 - depth]);
  };
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    return std::lexicographical_compare(
        text(a).rbegin(), text(a).rend(), text(b).rbegin(), text(b).rend(),
        [](char x, char y) { return static_cast<uint8_t>(x) < static_cast<uint8_t>(y); });
  });

  struct Range {  // of `order`: the entries below a state, which share `depth` bytes
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };
  states_.assign(1, {});
  std::vector<Range> ranges{{0, order.size(), 0}};
  for (std::size_t s = 0; s < states_.size(); ++s) {
    auto [begin, end, depth] = ranges[s];
    if (begin < end && text(order[begin]).size() == depth) states_[s].longest = order[begin++];
    states_[s].first_child = static_cast<int32_t>(states_.size());
    while (begin < end) {
      const uint8_t byte = byte_at(order[begin], depth);
      std::size_t next = begin + 1;
      while (next < end && byte_at(order[next], depth) == byte) ++next;
      State state{.byte = byte};
      if (s > 0) state.fallback = step(states_[s].fallback, byte);
      ++states_[s].n_children;
      states_.push_back(state);
      ranges.push_back({begin, next, depth + 1});
      if (s == 0) from_root_[byte] = static_cast<int32_t>(states_.size() - 1);
      begin = next;
    }
    State& state = states_[s];
    if (state.longest < 0)
      state.longest = states_[static_cast<std::size_t>(state.fallback)].longest;
  }
}

int32_t SpecialTokens::child(int32_t state, uint8_t byte) const {
  const State& s = states_[static_cast<std::size_t>(state)];
  const State* first = states_.data() + s.first_child;
  const State* last = first + s.n_children;
  const State* at = std::ranges::lower_bound(first, last, byte, {}, &State::byte);
  return at != last && at->byte == byte ? static_cast<int32_t>(at - states_.data()) : -1;
}

int32_t SpecialTokens::step(int32_t state, uint8_t byte) const {
  while (state != 0) {
    const int32_t next = child(state, byte);
    if (next >= 0) return next;
    state = states_[static_cast<std::size_t>(state)].fallback;
  }
  return from_root_[byte];
}

int32_t SpecialTokens::find(std::string_view text) const {
  const auto at = std::ranges::lower_bound(entries_, text, {}, &Entry::text);
  return at != entries_.end() && at->text == text ? at->id : -1;
}

// For each place where a special begins the longest one, from the last place to the first.
std::vector<SpecialTokens::Found> SpecialTokens::find_all(std::string_view text) const {
  std::vector<Found> found;
  int32_t state = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    state = step(state, static_cast<uint8_t>(text[i]));
    if (state == 0) continue;
    const int32_t longest = states_[static_cast<std::size_t>(state)].longest;
    if (longest >= 0) found.push_back({i, longest});
  }
  return found;
}

std::vector<SpecialTokens::Part> SpecialTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  std::size_t done = 0;
  const auto found = entries_.empty() ? std::vector<Found>{} : find_all(text);
  for (auto at = found.rbegin(); at != found.rend(); ++at) {
    if (at->at < done) continue;  // within the special before
    const Entry& entry = entries_[static_cast<std::size_t>(at->entry)];
    std::size_t begin = at->at;
    std::size_t end = begin + entry.text.size();
    if (entry.strip & kStripBefore) begin -= trailing_space(text.substr(done, begin - done));
    if (entry.strip & kStripAfter) end += leading_space(text.substr(end));
    if (begin > done) parts.push_back({text.substr(done, begin - done), -1});
    parts.push_back({text.substr(begin, end - begin), entry.id});
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), -1});
  return parts;
}

}  // namespace onebit
