#include "vocab/tiktoken.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/file.h"
#include "text/byte_alphabet.h"
#include "vocab/checks.h"

namespace onebit {
namespace {

constexpr int64_t kLlama3Tokens = 128000;
constexpr int kLlama3Special = 256;
// One character repeated 256 times has 255 cuts, each as long as itself: without a limit a file
// could ask for a thousand times its size.
constexpr std::size_t kMaxTokenBytes = 256;
constexpr std::size_t kMaxMergeBytes = std::size_t{64} << 20;

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// RFC 4648 with padding, the bits that fill the last digit zero. nullopt: not that, or empty.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::string bytes;
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(digit)) & 0xfff;
    n_bits += 6;
    if (n_bits >= 8) {
      n_bits -= 8;
      bytes += static_cast<char>(bits >> n_bits & 0xff);
    }
  }
  if ((bits & ((1u << n_bits) - 1)) != 0) return std::nullopt;
  return bytes;
}

struct Line {
  std::string bytes;
  int64_t rank;
};

std::vector<Line> read_lines(std::string_view text, const std::string& name) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto refuse = [&](const char* expected, std::string_view found) {
      vocab::fail(name, "line " + std::to_string(lines.size() + 1), expected, quote(found));
    };
    const std::size_t space = line.find(' ');
    if (space == line.npos) refuse("base64, a space and a rank", line);
    auto bytes = from_base64(line.substr(0, space));
    if (!bytes) refuse("base64", line.substr(0, space));
    if (bytes->size() > kMaxTokenBytes) {
      refuse("at most 256 bytes", std::to_string(bytes->size()) + " bytes");
    }
    const std::string_view digits = line.substr(space + 1);
    int64_t rank = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (error != std::errc() || end != digits.data() + digits.size() || rank < 0) {
      refuse("a rank", digits);
    }
    lines.push_back({std::move(*bytes), rank});
    if (static_cast<int64_t>(lines.size()) > vocab::kMaxTokens) refuse("fewer lines", line);
  }
  return lines;
}

using Ids = std::vector<int32_t>;

// For every token the ids of those that it begins with, shorter ones first. In sorted order the
// prefixes of a token are the chain that ends at the nearest one before it. No hashing, so no file
// can choose texts that collide.
std::vector<Ids> prefixes_of(const std::vector<std::string>& tokens, const std::string& name) {
  const auto text = [&](int32_t id) -> const std::string& {
    return tokens[static_cast<std::size_t>(id)];
  };
  Ids order;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) order.push_back(static_cast<int32_t>(id));
  }
  std::ranges::sort(order, [&](int32_t a, int32_t b) { return text(a) < text(b); });
  std::vector<Ids> prefixes(tokens.size());
  Ids chain;
  for (const int32_t id : order) {
    while (!chain.empty() && !text(id).starts_with(text(chain.back()))) chain.pop_back();
    if (!chain.empty() && text(chain.back()) == text(id)) {
      vocab::fail(name, "tokens", "every token once",
                  quote(text(id), 40) + " as " + std::to_string(chain.back()) + " and " +
                      std::to_string(id));
    }
    prefixes[static_cast<std::size_t>(id)] = chain;
    chain.push_back(id);
  }
  return prefixes;
}

// `bytes` by id; those of a hole are empty.
std::vector<std::string> derive_merges(std::vector<std::string> bytes,
                                       const std::vector<std::string>& tokens,
                                       const std::string& name) {
  const std::vector<Ids> prefixes = prefixes_of(bytes, name);
  for (std::string& text : bytes) std::ranges::reverse(text);
  const std::vector<Ids> suffixes = prefixes_of(bytes, name);
  const auto size = [&](int32_t id) { return bytes[static_cast<std::size_t>(id)].size(); };
  const auto text = [&](int32_t id) -> const std::string& {
    return tokens[static_cast<std::size_t>(id)];
  };
  std::vector<std::string> merges;
  std::size_t merge_bytes = 0;
  std::vector<std::pair<int32_t, int32_t>> cuts;
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    cuts.clear();
    auto right = suffixes[id].rbegin();
    for (const int32_t left : prefixes[id]) {
      const std::size_t wanted = bytes[id].size() - size(left);
      while (right != suffixes[id].rend() && size(*right) > wanted) ++right;
      if (right == suffixes[id].rend()) break;
      if (size(*right) == wanted) cuts.emplace_back(left, *right);
    }
    std::ranges::sort(cuts);
    for (const auto& [l, r] : cuts) {
      merges.push_back(text(l) + " " + text(r));
      merge_bytes += merges.back().size();
    }
    if (merge_bytes > kMaxMergeBytes) {
      vocab::fail(name, "merges", "at most " + std::to_string(kMaxMergeBytes) + " bytes in all",
                  "more at token " + std::to_string(id));
    }
  }
  return merges;
}

// meta-llama/llama3, llama/tokenizer.py.
void add_llama3_special_tokens(const std::string& name, Vocab& vocab) {
  constexpr const char* kFirst[] = {
      "<|begin_of_text|>",
      "<|end_of_text|>",
      "<|reserved_special_token_0|>",
      "<|reserved_special_token_1|>",
      "<|reserved_special_token_2|>",
      "<|reserved_special_token_3|>",
      "<|start_header_id|>",
      "<|end_header_id|>",
      "<|reserved_special_token_4|>",
      "<|eot_id|>",
  };
  vocab::make_room(vocab, kLlama3Tokens + kLlama3Special - 1, kLlama3Special, name, "tokens");
  for (int i = 0; i < kLlama3Special; ++i) {
    constexpr int kNamed = std::size(kFirst);
    const std::string text =
        i < kNamed ? std::string(kFirst[i])
                   : "<|reserved_special_token_" + std::to_string(i - kNamed + 5) + "|>";
    vocab::place_token(vocab, kLlama3Tokens + i, text, TokenType::kControl, name, "tokens");
  }
  vocab.bos_id = kLlama3Tokens;
  vocab.eos_id = kLlama3Tokens + 1;
  vocab.stop_ids = {kLlama3Tokens + 9};  // <|eot_id|>
  vocab.add_bos = true;
}

}  // namespace

Vocab parse_tiktoken(std::string_view text, const std::string& name) {
  std::vector<Line> lines = read_lines(text, name);
  if (lines.empty()) vocab::fail(name, "tokens", "at least one line", "none");
  Vocab vocab;
  vocab.pre = "llama-bpe";
  vocab.ignore_merges = true;
  const auto highest = std::ranges::max_element(lines, {}, &Line::rank);
  vocab::make_room(vocab, highest->rank, lines.size(), name, "rank");
  std::vector<std::string> bytes(vocab.tokens.size());
  for (Line& line : lines) {
    vocab::place_token(vocab, line.rank, to_byte_alphabet(line.bytes), TokenType::kNormal, name,
                       "rank");
    bytes[static_cast<std::size_t>(line.rank)] = std::move(line.bytes);
  }
  vocab.merges = derive_merges(std::move(bytes), vocab.tokens, name);
  if (vocab.tokens.size() == kLlama3Tokens) add_llama3_special_tokens(name, vocab);
  return vocab;
}

Vocab read_tiktoken(const std::filesystem::path& path) {
  const auto bytes = read_file(path, kMaxTiktokenBytes);
  return parse_tiktoken({reinterpret_cast<const char*>(bytes.data()), bytes.span().size()},
                        path.string());
}

}  // namespace onebit
