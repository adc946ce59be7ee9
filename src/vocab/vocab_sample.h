// For the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/gguf_sample.h"
#include "io/safetensors_sample.h"
#include "text/test_vocab.h"
#include "text/utf8.h"
#include "text/vocab.h"

namespace onebit::testing {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(ONEBIT_SOURCE_DIR) / "tests/golden";
}

// Runs a reader on hostile input: it succeeds ("" is returned) or throws one Error of one line that
// begins with `name`.
inline std::string refusal(const std::function<void()>& read, const std::string& name = "FILE: ") {
  try {
    read();
  } catch (const Error& e) {
    const std::string message = e.what();
    EXPECT_TRUE(message.starts_with(name)) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 1500u) << message;
    EXPECT_TRUE(e.code() == ErrorCode::kInvalidFile || e.code() == ErrorCode::kUnsupported);
    return message;
  }
  return "";
}

inline void expect_same(const Vocab& a, const Vocab& b) {
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.types, b.types);
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.scores, b.scores);
  EXPECT_EQ(a.pre, b.pre);
  EXPECT_EQ(a.bos_id, b.bos_id);
  EXPECT_EQ(a.eos_id, b.eos_id);
  EXPECT_EQ(a.unk_id, b.unk_id);
  EXPECT_EQ(a.stop_ids, b.stop_ids);
  EXPECT_EQ(a.add_bos, b.add_bos);
  EXPECT_EQ(a.add_eos, b.add_eos);
  EXPECT_EQ(a.ignore_merges, b.ignore_merges);
  EXPECT_EQ(a.add_space_prefix, b.add_space_prefix);
  EXPECT_EQ(a.strip, b.strip);
  EXPECT_EQ(a.chat_template, b.chat_template);
}

inline constexpr int32_t kNormal = 1, kUnknown = 2, kControl = 3, kUser = 4, kUnused = 5, kByte = 6;

// SentencePiece's BPE by its definition, without any speed: what the scores of a kSpm vocabulary
// mean. (The encoder is text/'s.)
inline std::vector<int32_t> encode_spm_slowly(const Vocab& vocab, std::string_view text) {
  constexpr std::string_view kSpace = "\xe2\x96\x81";
  std::string escaped(vocab.add_space_prefix && !text.empty() ? kSpace : "");
  for (const char c : text) escaped += c == ' ' ? std::string(kSpace) : std::string(1, c);
  const auto find = [&](std::string_view piece, int32_t type) {
    for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
      if (vocab.tokens[id] == piece && vocab.types[id] == type) return static_cast<int32_t>(id);
    }
    return int32_t{-1};
  };
  std::vector<std::string> symbols;
  for (std::string_view rest = escaped; !rest.empty(); rest.remove_prefix(symbols.back().size())) {
    symbols.emplace_back(rest.substr(0, static_cast<std::size_t>(utf8_head(rest).length)));
    for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
      if (vocab.types[id] == kUser && rest.starts_with(vocab.tokens[id])) {
        symbols.back() = vocab.tokens[id];
      }
    }
  }
  while (true) {
    std::size_t best = 0;
    int32_t best_id = -1;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      if (find(symbols[i], kUser) >= 0 || find(symbols[i + 1], kUser) >= 0) continue;
      const int32_t id = find(symbols[i] + symbols[i + 1], kNormal);
      if (id < 0) continue;
      if (best_id >= 0 && vocab.scores[static_cast<std::size_t>(id)] <=
                              vocab.scores[static_cast<std::size_t>(best_id)]) {
        continue;
      }
      best = i;
      best_id = id;
    }
    if (best_id < 0) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<int32_t> ids;
  for (const std::string& symbol : symbols) {
    const int32_t id = std::max(find(symbol, kNormal), find(symbol, kUser));
    if (id >= 0) {
      ids.push_back(id);
      continue;
    }
    for (const char c : symbol) {
      char byte[8];
      std::snprintf(byte, sizeof byte, "<0x%02X>", static_cast<unsigned>(static_cast<uint8_t>(c)));
      ids.push_back(find(byte, kByte));
    }
  }
  return ids;
}

// `text` with its only `from` replaced.
inline std::string with(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  EXPECT_EQ(text.find(from, at + 1), text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

}  // namespace onebit::testing
