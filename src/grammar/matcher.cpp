#include "grammar/matcher.h"

#include <algorithm>

#include "base/rng.h"

namespace onebit {
namespace {

uint64_t hash_of(const Stack& stack) {
  return stack == nullptr ? 0 : stack->hash;
}

uint64_t hash_of(const StackSet::Top& top) {
  return mix64(hash_of(top.stack) ^ top.state);
}

bool same(const Frame* a, const Frame* b) {
  while (a != b) {
    if (a == nullptr || b == nullptr || a->hash != b->hash || a->state != b->state) return false;
    a = a->below.get();
    b = b->below.get();
  }
  return true;
}

bool operator==(const StackSet::Top& a, const StackSet::Top& b) {
  return a.state == b.state && same(a.stack.get(), b.stack.get());
}

Stack push(const Stack& stack, uint32_t state) {
  return std::make_shared<const Frame>(
      Frame{stack, state, depth_of(stack) + 1, mix64(hash_of(stack) * 31 + state + 1)});
}

// Counts what a way needs; a state out of which nothing ends in the depth that is left is no way.
bool can_finish(const Automaton& automaton, uint32_t state, int depth, StepCost& cost) {
  if (automaton.need(state) > automaton.max_depth() - depth) return false;
  cost.deepest = std::max(cost.deepest, depth + automaton.need(state));
  return true;
}

void add_new(std::vector<StackSet::Top>& tops, StackSet::Top top, std::size_t most) {
  if (tops.size() >= most) return;
  const uint64_t hash = hash_of(top);
  for (const StackSet::Top& known : tops) {
    if (hash_of(known) == hash && known == top) return;
  }
  tops.push_back(std::move(top));
}

// `state` was reached on `stack`, and whatever that ends is ended too.
void reach(const Automaton& automaton, uint32_t state, Stack stack, StackSet& set, StepCost& cost) {
  for (;;) {
    if (automaton.has_edges(state) && can_finish(automaton, state, depth_of(stack), cost)) {
      add_new(set.tops, {state, stack}, kMaxTops);
    }
    if (!automaton.accepts(state)) return;
    if (stack == nullptr) {
      set.can_end = true;
      return;
    }
    state = stack->state;
    stack = stack->below;
  }
}

}  // namespace

int depth_of(const Stack& stack) {
  return stack == nullptr ? 0 : stack->depth;
}

bool operator==(const StackSet& a, const StackSet& b) {
  return a.can_end == b.can_end &&
         std::equal(a.tops.begin(), a.tops.end(), b.tops.begin(), b.tops.end(),
                    [](const auto& x, const auto& y) { return x == y; });
}

uint64_t hash_of(const StackSet& set) {
  uint64_t hash = set.can_end ? 1 : 0;
  for (const StackSet::Top& top : set.tops) hash = mix64(hash + hash_of(top));
  return hash;
}

StackSet start(const Automaton& automaton) {
  StackSet set;
  StepCost cost;
  reach(automaton, automaton.root_state(), nullptr, set, cost);
  return set;
}

StackSet advance(const Automaton& automaton, const StackSet& set, uint8_t byte, StepCost* total) {
  StackSet next;
  StepCost cost;
  std::vector<StackSet::Top> open = set.tops;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const uint32_t state = open[i].state;
    for (const auto& edge : automaton.bytes(state)) {
      if (edge.first > byte) break;
      if (byte <= edge.last) reach(automaton, edge.to, open[i].stack, next, cost);
    }
    for (const auto& call : automaton.calls(state)) {
      if (!automaton.first_bytes(call.rule)[byte]) continue;
      const uint32_t entry = automaton.start(call.rule);
      const Stack stack = open[i].stack;
      const int depth = depth_of(stack);
      if (can_finish(automaton, entry, depth + (call.is_tail ? 0 : 1), cost) &&
          can_finish(automaton, call.to, depth, cost)) {
        add_new(open, {entry, call.is_tail ? stack : push(stack, call.to)}, kMaxOpenCalls);
      }
    }
  }
  if (total != nullptr) {
    const std::size_t found = open.size() + next.tops.size();
    total->deepest = std::max(total->deepest, cost.deepest);
    total->work += static_cast<int64_t>(found * found);
  }
  return next;
}

StackSet returned(const Automaton& automaton, const Stack& stack) {
  StackSet set;
  StepCost cost;
  reach(automaton, stack->state, stack->below, set, cost);
  return set;
}

Matcher::Matcher(std::shared_ptr<const Automaton> automaton)
    : automaton_(std::move(automaton)), state_(start(*automaton_)) {}

bool Matcher::accept(std::string_view bytes) {
  StackSet state = state_;
  for (const char byte : bytes) {
    state = advance(*automaton_, state, static_cast<uint8_t>(byte));
    if (state.is_dead()) return false;
  }
  state_ = std::move(state);
  return true;
}

}  // namespace onebit
