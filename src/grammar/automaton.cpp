#include "grammar/automaton.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "base/rng.h"
#include "grammar/rule_nfa.h"
#include "grammar/subsets.h"

namespace onebit {
namespace {

[[noreturn]] void refuse(const std::string& rule, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument, "grammar: rule " + quote(rule) + ": " + why);
}

[[noreturn]] void too_large() {
  throw Error(ErrorCode::kInvalidArgument,
              "grammar: expected at most " + std::to_string(Automaton::kMaxStates) +
                  " states and " + std::to_string(Automaton::kMaxEdges) + " edges, found more");
}

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
    find_alike();
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

  // Hashes of what a state does for 0, 1, 2 ... bytes. A call takes a byte at least, for one of
  // none is an empty edge too: what follows it counts as if it came a byte later.
  void find_alike() {
    const auto n = static_cast<uint32_t>(a_.n_states());
    std::vector<uint64_t> now(n);
    for (uint32_t s = 0; s < n; ++s) {
      now[s] = mix64(static_cast<uint64_t>(a_.need(s)) * 4 + (a_.accepts(s) ? 2 : 0) +
                     (a_.has_edges(s) ? 1 : 0));
    }
    std::vector<uint64_t> next(n);
    for (int round = 0; round < Automaton::kAlikeBytes; ++round) {
      for (uint32_t s = 0; s < n; ++s) {
        uint64_t hash = now[s];
        for (const auto& edge : a_.bytes(s)) {
          hash = mix64(hash ^ mix64(now[edge.to] + edge.first * 256u + edge.last));
        }
        for (const auto& call : a_.calls(s)) hash = mix64(hash ^ mix64(~now[call.to] + call.rule));
        next[s] = hash;
      }
      now.swap(next);
    }
    std::unordered_map<uint64_t, uint32_t> first;
    for (uint32_t s = 0; s < n; ++s) a_.states_[s].alike = first.emplace(now[s], s).first->second;
  }

  const Grammar& grammar_;
  Automaton& a_;
  int64_t work_ = int64_t{1} << 22;
};

int64_t Automaton::bytes() const {
  const auto of = [](const auto& all) {
    return static_cast<int64_t>(all.capacity() * sizeof(all[0]));
  };
  return of(states_) + of(byte_edges_) + of(calls_) + of(starts_) + of(first_bytes_);
}

Automaton::Automaton(const Grammar& grammar) {
  AutomatonBuilder(grammar, *this).build();
}

}  // namespace onebit
