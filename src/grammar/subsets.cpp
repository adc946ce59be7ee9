#include "grammar/subsets.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/rng.h"

namespace onebit {

Subsets::Subsets(const RuleNfa& nfa, int64_t& work)
    : nfa_(nfa), work_(work), stamp_(nfa.states.size()) {
  if (construct(4 * nfa.states.size() + 64)) return;
  ids_.clear();
  sets_.clear();
  states.clear();
  deterministic_ = false;
  ONEBIT_CHECK(construct(nfa.states.size() + 1));
}

std::size_t Subsets::HashOfSet::operator()(const Set& set) const {
  uint64_t hash = set.size();
  for (const uint32_t state : set) hash = mix64(hash ^ state);
  return static_cast<std::size_t>(hash);
}

void Subsets::charge(std::size_t steps) {
  work_ -= static_cast<int64_t>(steps);
  if (work_ >= 0) return;
  throw Error(
      ErrorCode::kInvalidArgument,
      "grammar: expected at most as many alternatives and repetitions as compile in bounded "
      "time, found more");
}

bool Subsets::construct(std::size_t most) {
  intern({RuleNfa::kStart});
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    if (sets_.size() > most) return false;
    states.emplace_back();
    expand(closure(sets_[i]), states[i]);
  }
  return true;
}

uint32_t Subsets::intern(Set set) {
  charge(set.size());
  const auto [entry, is_new] = ids_.emplace(set, static_cast<uint32_t>(sets_.size()));
  if (is_new) sets_.push_back(std::move(set));
  return entry->second;
}

// Where empty edges lead from `set`.
Subsets::Set Subsets::closure(const Set& set) {
  ++now_;
  Set all;
  const auto reach = [&](uint32_t state) {
    if (stamp_[state] == now_) return;
    stamp_[state] = now_;
    all.push_back(state);
  };
  for (const uint32_t state : set) reach(state);
  for (std::size_t i = 0; i < all.size(); ++i) {
    charge(nfa_.states[all[i]].size() + 1);
    for (const RuleNfa::Edge& edge : nfa_.states[all[i]]) {
      if (edge.kind == RuleNfa::Edge::kEmpty) reach(edge.to);
    }
  }
  return all;
}

void Subsets::expand(const Set& closed, State& state) {
  std::vector<Edge> bytes;  // to states of the NFA
  std::map<uint32_t, Set> calls;
  for (const uint32_t from : closed) {
    state.accepts |= from == RuleNfa::kEnd;
    for (const RuleNfa::Edge& edge : nfa_.states[from]) {
      if (edge.kind == RuleNfa::Edge::kByte) bytes.push_back({edge.first, edge.last, edge.to});
      if (edge.kind == RuleNfa::Edge::kCall) calls[edge.rule].push_back(edge.to);
    }
  }
  std::sort(bytes.begin(), bytes.end(),
            [](const Edge& a, const Edge& b) { return a.first < b.first; });
  for (auto& [rule, targets] : calls) {
    for_each_target(targets, [&](uint32_t to) { state.calls.push_back({rule, to}); });
  }
  if (deterministic_) return split(bytes, state);
  for (const Edge& e : bytes) state.bytes.push_back({e.first, e.last, intern({e.to})});
}

// Calls f(id) for what one letter leads to: one set, or each state.
template <typename F>
void Subsets::for_each_target(Set& targets, F f) {
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  if (deterministic_) return f(intern(targets));
  for (const uint32_t target : targets) f(intern({target}));
}

// Disjoint ranges, each with all targets of its bytes.
void Subsets::split(const std::vector<Edge>& edges, State& state) {
  std::vector<int> cuts{256};
  for (const Edge& e : edges) {
    cuts.push_back(e.first);
    cuts.push_back(e.last + 1);
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  Set targets;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    targets.clear();
    charge(edges.size());
    for (const Edge& e : edges) {
      if (e.first <= cuts[i] && cuts[i] <= e.last) targets.push_back(e.to);
    }
    if (targets.empty()) continue;
    const auto first = static_cast<uint8_t>(cuts[i]);
    const auto last = static_cast<uint8_t>(cuts[i + 1] - 1);
    for_each_target(targets, [&](uint32_t to) {
      if (!state.bytes.empty() && state.bytes.back().to == to &&
          state.bytes.back().last + 1 == first) {
        state.bytes.back().last = last;
      } else {
        state.bytes.push_back({first, last, to});
      }
    });
  }
}

}  // namespace onebit
