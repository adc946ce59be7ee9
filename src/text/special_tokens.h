// Finds tokens that are written out as raw text ("<|im_start|>") before any merge.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onebit {

class SpecialTokens {
 public:
  static constexpr std::size_t kMaxBytes = 1024;  // keeps the search linear in the text

  struct Entry {
    std::string text;
    int32_t id;
  };

  SpecialTokens() = default;
  // Empty texts are never found; of equal texts the lowest id is. Throws Error(kInvalidFile) for a
  // text above kMaxBytes.
  explicit SpecialTokens(std::vector<Entry> entries);

  // The id of the token with exactly this text, -1 if there is none.
  int32_t find(std::string_view text) const;

  struct Part {
    std::string_view text;
    int32_t id;  // -1: ordinary text
  };
  // Cuts `text` at the leftmost specials, the longest where several begin. The parts are in order,
  // none is empty and together they cover `text`.
  std::vector<Part> split(std::string_view text) const;

 private:
  const Entry* longest_at(std::string_view text) const;

  std::vector<Entry> entries_;  // sorted by text, unique, none empty
  bool begins_[256] = {};       // whether some entry begins with this byte
};

}  // namespace onebit
