// Finds tokens that are written out as raw text ("<|im_start|>") before any merge.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace onebit {

class SpecialTokens {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 22;  // of all texts together

  static constexpr uint8_t kStripBefore = 1;
  static constexpr uint8_t kStripAfter = 2;
  struct Entry {
    std::string text;
    int32_t id;
    uint8_t strip = 0;  // kStrip*: which neighbouring white space the token takes with it
  };

  SpecialTokens() : SpecialTokens(std::vector<Entry>{}) {}
  // Empty texts are never found; of equal texts the lowest id is. Throws Error(kInvalidFile) for
  // texts of more than kMaxBytes.
  explicit SpecialTokens(std::vector<Entry> entries);

  // The id of the token with exactly this text, -1 if there is none.
  int32_t find(std::string_view text) const;

  struct Part {
    std::string_view text;  // with the white space that the token takes
    int32_t id;             // -1: ordinary text
  };
  // Cuts `text` at the leftmost specials, the longest where several begin. The parts are in order,
  // none is empty and together they cover `text`. Linear in the text, whatever the specials.
  std::vector<Part> split(std::string_view text) const;

 private:
  // The automaton of Aho and Corasick (1975) for the specials spelled backwards. Read from its end,
  // a text is, at each place, in the state of the longest beginning of a special that lies there.
  struct State {
    int32_t first_child = 0;  // children are neighbours, sorted by byte
    int32_t n_children = 0;
    int32_t fallback = 0;  // the state of the longest proper beginning
    int32_t longest = -1;  // the longest special that lies there, an index of entries_
    uint8_t byte = 0;      // that leads here
  };
  struct Found {
    std::size_t at;
    int32_t entry;
  };
  void build();
  int32_t child(int32_t state, uint8_t byte) const;  // -1: none
  int32_t step(int32_t state, uint8_t byte) const;
  std::vector<Found> find_all(std::string_view text) const;

  std::vector<Entry> entries_;  // sorted by text, unique, none empty
  std::vector<State> states_;
  std::array<int32_t, 256> from_root_{};  // step(0, byte)
};

}  // namespace onebit
