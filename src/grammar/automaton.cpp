#include "grammar/automaton.h"

#include <algorithm>
#include <limits>
#include <map>
#include <queue>
#include <string>

#include "base/error.h"
#include "grammar/rule_nfa.h"

namespace onebit {
namespace {

using Set = std::vector<uint32_t>;  // of NFA states, ascending

[[noreturn]] void refuse(const std::string& rule, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, "grammar: rule " + quote(rule) + ": " + why);
}

[[noreturn]] void too_large() {
  throw Error(ErrorCode::kInvalidArgument,
              "grammar: expected at most " + std::to_string(Automaton::kMaxStates) +
                  " states and " + std::to_string(Automaton::kMaxEdges) + " edges, found more");
}

// The subset construction (Rabin and Scott 1959) of one rule, with calls as further letters. Where
// the sets would become many, every state keeps to itself instead: edges stay ambiguous then.
class Subsets {
 public:
  struct Edge {
    uint8_t first;
    uint8_t last;
    uint32_t to;
  };
  struct Call {
    uint32_t rule;
    uint32_t to;
  };
  struct State {
    std::vector<Edge> bytes;
    std::vector<Call> calls;
    bool accepts = false;
  };

  // `work`: what is left of the whole grammar's budget of steps.
  Subsets(const RuleNfa& nfa, int64_t& work) : nfa_(nfa), work_(work), stamp_(nfa.states.size()) {
    if (!construct(4 * nfa.states.size() + 64)) {
      ids_.clear();
      sets_.clear();
      states.clear();
      deterministic_ = false;
      ONEBIT_CHECK(construct(nfa.states.size() + 1));
    }
  }

  std::vector<State> states;  // the first is the start

 private:
  void charge(std::size_t steps) {
    work_ -= static_cast<int64_t>(steps);
    if (work_ < 0) too_large();
  }

  bool construct(std::size_t most) {
    intern({RuleNfa::kStart});
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      if (sets_.size() > most) return false;
      states.emplace_back();
      expand(closure(sets_[i]), states[i]);
    }
    return true;
  }

  uint32_t intern(Set set) {
    charge(set.size());
    const auto [entry, is_new] = ids_.emplace(set, static_cast<uint32_t>(sets_.size()));
    if (is_new) sets_.push_back(std::move(set));
    return entry->second;
  }

  // Where empty edges lead from `set`.
  Set closure(const Set& set) {
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

  void expand(const Set& closed, State& state) {
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
  void for_each_target(Set& targets, F f) {
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    if (deterministic_) return f(intern(targets));
    for (const uint32_t target : targets) f(intern({target}));
  }

  // Disjoint ranges, each with all targets of its bytes.
  void split(const std::vector<Edge>& edges, State& state) {
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

  const RuleNfa& nfa_;
  int64_t& work_;
  bool deterministic_ = true;
  std::map<Set, uint32_t> ids_;
  std::vector<Set> sets_;
  std::vector<uint32_t> stamp_;  // closure() number `now_` has seen the state
  uint32_t now_ = 0;
};

}  // namespace

class AutomatonBuilder {
 public:
  AutomatonBuilder(const Grammar& grammar, Automaton& out) : grammar_(grammar), a_(out) {}

  void build() {
    const auto nullable = nullable_rules(grammar_);
    a_.root_ = grammar_.root;
    a_.max_depth_ = grammar_.max_depth;
    for (uint32_t rule = 0; rule < grammar_.rules().size(); ++rule) add_rule(rule, nullable);
    a_.states_.push_back({.bytes = static_cast<uint32_t>(a_.byte_edges_.size()),
                          .calls = static_cast<uint32_t>(a_.calls_.size())});
    for (Automaton::Call& call : a_.calls_) {
      call.is_tail = a_.accepts(call.to) && !a_.has_edges(call.to);
    }
    find_first_bytes();
    find_needs();
  }

 private:
  void add_rule(uint32_t rule, const std::vector<bool>& nullable) {
    const RuleNfa nfa(grammar_, nullable, rule, Automaton::kMaxStates, Automaton::kMaxEdges);
    const Subsets subsets(nfa, work_);
    const auto base = static_cast<uint32_t>(a_.states_.size());
    a_.starts_.push_back(base);
    for (const Subsets::State& state : subsets.states) {
      a_.states_.push_back({.bytes = static_cast<uint32_t>(a_.byte_edges_.size()),
                            .calls = static_cast<uint32_t>(a_.calls_.size()),
                            .accepts = state.accepts});
      for (const auto& e : state.bytes) a_.byte_edges_.push_back({e.first, e.last, base + e.to});
      for (const auto& c : state.calls) a_.calls_.push_back({c.rule, base + c.to, false});
    }
    if (a_.states_.size() > Automaton::kMaxStates ||
        a_.byte_edges_.size() + a_.calls_.size() > Automaton::kMaxEdges) {
      too_large();
    }
  }

  // Rules in the order in which what they begin with is known first; a circle is left recursion.
  // (A loop, not recursion: rules may begin with each other in a long row.)
  void find_first_bytes() {
    const std::size_t n = a_.starts_.size();
    a_.first_bytes_.resize(n);
    enum : uint8_t { kNew, kOpen, kDone };
    std::vector<uint8_t> progress(n, kNew);
    std::vector<std::pair<uint32_t, std::size_t>> open;  // rule, its next call
    for (uint32_t first = 0; first < n; ++first) {
      if (progress[first] != kNew) continue;
      progress[first] = kOpen;
      open.emplace_back(first, 0);
      while (!open.empty()) {
        const auto [rule, next] = open.back();
        const auto calls = a_.calls(a_.starts_[rule]);
        if (next < calls.size()) {
          ++open.back().second;
          const uint32_t callee = calls[next].rule;
          if (progress[callee] == kOpen) {
            refuse(grammar_.rules()[callee].name,
                   "expected a character before the rule calls itself, found left recursion");
          }
          if (progress[callee] == kNew) {
            progress[callee] = kOpen;
            open.emplace_back(callee, 0);
          }
          continue;
        }
        auto& bytes = a_.first_bytes_[rule];
        for (const auto& edge : a_.bytes(a_.starts_[rule])) {
          for (int b = edge.first; b <= edge.last; ++b) bytes.set(static_cast<std::size_t>(b));
        }
        for (const auto& call : calls) bytes |= a_.first_bytes_[call.rule];
        progress[rule] = kDone;
        open.pop_back();
      }
    }
  }

  // Knuth's generalisation of Dijkstra's algorithm (1977): states in the order of their needs.
  void find_needs() {
    constexpr int kNever = std::numeric_limits<int>::max();
    const auto n = static_cast<uint32_t>(a_.n_states());
    struct Use {  // `from` may go on through the state
      uint32_t from;
      const Automaton::Call* call;  // null: by a byte
    };
    std::vector<std::vector<Use>> uses(n);
    for (uint32_t from = 0; from < n; ++from) {
      for (const auto& edge : a_.bytes(from)) uses[edge.to].push_back({from, nullptr});
      for (const auto& call : a_.calls(from)) {
        uses[call.to].push_back({from, &call});
        uses[a_.starts_[call.rule]].push_back({from, &call});
      }
    }
    using Entry = std::pair<int, uint32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    for (uint32_t s = 0; s < n; ++s) {
      a_.states_[s].need = kNever;
      if (a_.states_[s].accepts) queue.emplace(0, s);
    }
    while (!queue.empty()) {
      const auto [need, state] = queue.top();
      queue.pop();
      if (a_.states_[state].need != kNever) continue;
      a_.states_[state].need = need;
      for (const Use& use : uses[state]) {
        if (a_.states_[use.from].need != kNever) continue;
        int whole = need;
        if (use.call != nullptr) {
          const int callee = a_.need(a_.starts_[use.call->rule]);
          const int after = a_.need(use.call->to);
          if (callee == kNever || after == kNever) continue;  // comes again with the other
          whole = std::max(callee + (use.call->is_tail ? 0 : 1), after);
        }
        queue.emplace(whole, use.from);
      }
    }
    for (uint32_t rule = 0; rule < a_.starts_.size(); ++rule) {
      const int need = a_.need(a_.starts_[rule]);
      if (need == kNever) {
        refuse(grammar_.rules()[rule].name, "expected a way to end, found none");
      }
      if (need > a_.max_depth_) {
        refuse(grammar_.rules()[rule].name, "expected calls at most " +
                                                std::to_string(a_.max_depth_) + " deep, found " +
                                                std::to_string(need));
      }
    }
  }

  const Grammar& grammar_;
  Automaton& a_;
  int64_t work_ = int64_t{1} << 23;
};

Automaton::Automaton(const Grammar& grammar) {
  AutomatonBuilder(grammar, *this).build();
}

}  // namespace onebit
