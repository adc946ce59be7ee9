#include "text/special_tokens.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace onebit {

SpecialTokens::SpecialTokens(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::erase_if(entries_, [](const Entry& e) { return e.text.empty(); });
  std::ranges::sort(entries_, {}, [](const Entry& e) { return std::tie(e.text, e.id); });
  entries_.erase(std::ranges::unique(entries_, {}, &Entry::text).begin(), entries_.end());
  for (const auto& [text, id] : entries_) {
    if (text.size() > kMaxBytes) {
      throw Error(ErrorCode::kInvalidFile,
                  "special token " + std::to_string(id) + " " + quote(text) + ": at most " +
                      std::to_string(kMaxBytes) + " bytes expected, found " +
                      std::to_string(text.size()));
    }
    begins_[static_cast<uint8_t>(text[0])] = true;
  }
}

int32_t SpecialTokens::find(std::string_view text) const {
  const auto at = std::ranges::lower_bound(entries_, text, {}, &Entry::text);
  return at != entries_.end() && at->text == text ? at->id : -1;
}

// Narrows the sorted entries byte by byte to those that begin as `text` does; the shortest of a
// range comes first, so an entry that ends here is its head.
const SpecialTokens::Entry* SpecialTokens::longest_at(std::string_view text) const {
  const Entry* longest = nullptr;
  auto first = entries_.begin();
  auto last = entries_.end();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = [i](const Entry& e) { return static_cast<uint8_t>(e.text[i]); };
    const auto range =
        std::ranges::equal_range(first, last, static_cast<uint8_t>(text[i]), {}, byte);
    first = range.begin();
    last = range.end();
    if (first == last) break;
    if (first->text.size() == i + 1) longest = &*first++;
  }
  return longest;
}

std::vector<SpecialTokens::Part> SpecialTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Entry* entry =
        begins_[static_cast<uint8_t>(text[i])] ? longest_at(text.substr(i)) : nullptr;
    if (entry == nullptr) {
      ++i;
      continue;
    }
    if (i > begin) parts.push_back({text.substr(begin, i - begin), -1});
    parts.push_back({text.substr(i, entry->text.size()), entry->id});
    begin = i += entry->text.size();
  }
  if (begin < text.size()) parts.push_back({text.substr(begin), -1});
  return parts;
}

}  // namespace onebit
