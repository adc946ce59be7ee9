// Vocabularies for tests: the golden files of tests/golden/text, and small ones made by hand.
#pragma once

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"
#include "text/vocab.h"

namespace onebit {

struct GoldenCase {
  std::string text;
  std::vector<std::vector<int32_t>> ids;  // plain; then parse_special, add_special, both
};

struct GoldenFile {
  Vocab vocab;
  std::vector<GoldenCase> cases;
};

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// The format is described in tests/golden/text/README.md.
inline GoldenFile read_golden(const std::string& path) {
  GoldenFile golden;
  Vocab& vocab = golden.vocab;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "model" && line == "model spm") vocab.model = VocabModel::kSpm;
    if (key == "pre") words >> vocab.pre;
    if (key == "bos") words >> vocab.bos_id;
    if (key == "eos") words >> vocab.eos_id;
    if (key == "add_bos") words >> vocab.add_bos;
    if (key == "ignore_merges") words >> vocab.ignore_merges;
    if (key == "n_vocab") {
      std::size_t n = 0;
      words >> n;
      vocab.tokens.resize(n);
      vocab.types.assign(n, static_cast<int32_t>(TokenType::kUnused));
      if (vocab.model == VocabModel::kSpm) vocab.scores.resize(n);
    }
    if (key == "t") {
      std::size_t id = 0;
      int32_t type = 0;
      std::string hex;
      words >> id >> type >> hex;
      if (vocab.model == VocabModel::kSpm) words >> vocab.scores.at(id);
      vocab.tokens.at(id) = from_hex(hex);
      vocab.types.at(id) = type;
    }
    if (key == "m") {
      std::size_t left = 0;
      std::size_t right = 0;
      words >> left >> right;
      vocab.merges.push_back(vocab.tokens.at(left) + " " + vocab.tokens.at(right));
    }
    if (key == "c") {
      GoldenCase c;
      std::istringstream columns(line.substr(2));
      std::string column;
      std::getline(columns, column, '|');
      c.text = from_hex(column);
      // getline does not see an empty last column: count the separators instead.
      const auto n_columns = std::count(line.begin(), line.end(), '|');
      for (int i = 0; i < n_columns; ++i) {
        column.clear();
        std::getline(columns, column, '|');
        std::vector<int32_t> ids;
        if (column == "=") {
          ids = c.ids.at(0);
        } else if (column == "+") {
          ids = c.ids.at(static_cast<std::size_t>(i) - 2);
          if (vocab.add_bos) ids.insert(ids.begin(), vocab.bos_id);
        } else {
          std::istringstream numbers(column);
          for (int32_t id; numbers >> id;) ids.push_back(id);
        }
        c.ids.push_back(std::move(ids));
      }
      golden.cases.push_back(std::move(c));
    }
  }
  return golden;
}

// The 256 bytes as tokens 0..255, the result of each merge of raw bytes, then control tokens.
inline Vocab byte_vocab(const std::vector<std::pair<std::string, std::string>>& merges = {},
                        const std::vector<std::string>& control = {}) {
  Vocab vocab;
  vocab.pre = "gpt-2";
  for (int b = 0; b < 256; ++b) {
    vocab.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(b))));
  }
  for (const auto& [left, right] : merges) {
    vocab.merges.push_back(to_byte_alphabet(left) + " " + to_byte_alphabet(right));
    vocab.tokens.push_back(to_byte_alphabet(left + right));
  }
  vocab.types.assign(vocab.tokens.size(), static_cast<int32_t>(TokenType::kNormal));
  for (const auto& text : control) {
    vocab.tokens.push_back(text);
    vocab.types.push_back(static_cast<int32_t>(TokenType::kControl));
  }
  return vocab;
}

inline std::string random_bytes(Rng& rng, std::size_t n) {
  std::string bytes;
  while (bytes.size() < n) bytes += static_cast<char>(rng.below(256));
  return bytes;
}

// Characters of all lengths and kinds: letters, digits, spaces, marks, emoji, unassigned ones.
inline std::string random_text(Rng& rng, std::size_t n_characters) {
  static constexpr char32_t kRanges[][2] = {
      {0, 0x7f},        {0x20, 0x7e},        {0x80, 0x7ff},   {0x800, 0xd7ff},
      {0xe000, 0xffff}, {0x10000, 0x10ffff}, {0x9, 0xd},      {0x2000, 0x2030},
      {0x4e00, 0x9fff}, {0x1f300, 0x1f6ff},  {0x180e, 0x180e}};
  std::string text;
  for (std::size_t i = 0; i < n_characters; ++i) {
    const auto& [low, high] = kRanges[rng.below(std::size(kRanges))];
    append_utf8(text, low + static_cast<char32_t>(rng.below(high - low + 1)));
  }
  return text;
}

}  // namespace onebit
