#include "text/spm.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "text/utf8.h"

namespace onebit {
namespace {

// For each of `texts`, all different, the index of the longest other one that it begins with; -1 if
// it begins with none.
std::vector<int32_t> longest_prefixes(const std::vector<std::string>& texts) {
  std::vector<int32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto text = [&](int32_t i) -> const std::string& {
    return texts[static_cast<std::size_t>(i)];
  };
  std::ranges::sort(order, {}, text);
  std::vector<int32_t> prefix(texts.size(), -1);
  std::vector<int32_t> open;  // each a prefix of the next; those before `i` that could be one of it
  for (const int32_t i : order) {
    while (!open.empty() && !text(i).starts_with(text(open.back()))) open.pop_back();
    if (!open.empty()) prefix[static_cast<std::size_t>(i)] = open.back();
    open.push_back(i);
  }
  return prefix;
}

// Appends the characters at the ends of tokens that are no tokens themselves.
void add_characters(TokenIndex& tokens) {
  const int32_t n_tokens = tokens.size();
  const auto add = [&](std::string character) {
    if (tokens.find(character) < 0) tokens.insert(tokens.append(character));
  };
  for (int32_t id = 0; id < n_tokens; ++id) {
    if (tokens[id].empty() || tokens.find(tokens[id]) != id) continue;
    add(std::string(tokens[id].substr(0, static_cast<std::size_t>(utf8_head(tokens[id]).length))));
    std::size_t last = tokens[id].size() - 1;
    while (last > 0 && (tokens[id][last] & 0xc0) == 0x80) --last;
    add(std::string(tokens[id].substr(last)));
  }
}

}  // namespace

std::vector<Merge> spm_merges(TokenIndex& tokens, std::span<const float> scores) {
  const auto n_tokens = static_cast<int32_t>(tokens.size());
  add_characters(tokens);
  std::vector<int32_t> symbols;  // what text can produce
  std::vector<std::string> forward;
  std::vector<std::string> backward;
  for (int32_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty() || tokens.find(tokens[id]) != id) continue;
    symbols.push_back(id);
    forward.emplace_back(tokens[id]);
    backward.emplace_back(tokens[id].rbegin(), tokens[id].rend());
  }
  const auto prefix = longest_prefixes(forward);
  const auto suffix = longest_prefixes(backward);

  std::vector<int32_t> rank(symbols.size());  // by the place in `symbols`; equal scores share one
  std::vector<int32_t> order(symbols.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](int32_t i) {
    const int32_t id = symbols[static_cast<std::size_t>(i)];
    return id < n_tokens ? scores[static_cast<std::size_t>(id)] : 0.0f;
  };
  std::ranges::stable_sort(order, std::ranges::greater{}, score);
  for (std::size_t k = 1; k < order.size(); ++k) {
    rank[static_cast<std::size_t>(order[k])] = rank[static_cast<std::size_t>(order[k - 1])] +
                                               (score(order[k]) < score(order[k - 1]) ? 1 : 0);
  }

  std::vector<Merge> merges;
  const auto length = [&](int32_t i) { return forward[static_cast<std::size_t>(i)].size(); };
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    // Left parts from the longest, right parts from the shortest: both ways along their chains
    // once.
    std::vector<int32_t> rights;
    for (int32_t s = suffix[i]; s >= 0; s = suffix[static_cast<std::size_t>(s)])
      rights.push_back(s);
    for (int32_t p = prefix[i]; p >= 0; p = prefix[static_cast<std::size_t>(p)]) {
      const std::size_t rest = forward[i].size() - length(p);
      while (!rights.empty() && length(rights.back()) < rest) rights.pop_back();
      if (rights.empty()) break;
      if (length(rights.back()) != rest) continue;
      if (merges.size() == kMaxSpmMerges) {
        throw Error(ErrorCode::kInvalidFile, "vocabulary: at most " +
                                                 std::to_string(kMaxSpmMerges) +
                                                 " ways to cut tokens in two expected, found more");
      }
      merges.push_back({symbols[static_cast<std::size_t>(p)],
                        symbols[static_cast<std::size_t>(rights.back())], symbols[i], rank[i]});
    }
  }
  return merges;
}

std::string spm_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t done = 0; done < text.size();) {
    const std::size_t at = std::min(text.find(kSpmSpace, done), text.size());
    out += text.substr(done, at - done);
    if (at < text.size()) out += ' ';
    done = at + (at < text.size() ? kSpmSpace.size() : 0);
  }
  return out;
}

bool spm_words_are_separate(const TokenIndex& tokens) {
  for (int32_t id = 0; id < tokens.size(); ++id) {
    const std::size_t word = tokens[id].find_first_not_of(' ');
    if (tokens[id].find(' ', word) != std::string_view::npos && word != std::string_view::npos &&
        tokens.find(tokens[id]) == id) {
      return false;
    }
  }
  return true;
}

}  // namespace onebit
