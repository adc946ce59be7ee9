#include "grammar/matcher.h"

#include <algorithm>

#include "base/error.h"
#include "base/rng.h"

namespace onebit {
namespace {

uint64_t hash_of(const Stack& stack) {
  return stack == nullptr ? 0 : stack->hash;
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
  return a.hash == b.hash && a.state == b.state && same(a.stack.get(), b.stack.get());
}

Stack push(const Stack& stack, uint32_t state) {
  return std::make_shared<const Frame>(
      Frame{stack, state, depth_of(stack) + 1, mix64(hash_of(stack) * 31 + state + 1)});
}

// The stacks of a rule by itself, put on `base`.
Stack put_on(const Stack& stack, const Stack& base) {
  if (stack == nullptr || base == nullptr) return stack == nullptr ? base : stack;
  return push(put_on(stack->below, base), stack->state);
}

// Counts what a way needs; a state out of which nothing ends in the depth that is left is no way.
bool can_finish(const Automaton& automaton, uint32_t state, int depth, StepCost& cost) {
  if (automaton.need(state) > automaton.max_depth() - depth) return false;
  cost.deepest = std::max(cost.deepest, depth + automaton.need(state));
  return true;
}

// Different tops in the order in which they come, the first `most`.
class Tops {
 public:
  explicit Tops(std::size_t most, std::vector<StackSet::Top> first = {})
      : most_(most), all_(std::move(first)) {}

  void add(StackSet::Top top, StepCost& cost) {
    constexpr std::size_t kComparedAUnit = 8;
    cost.budget.charge(1 + static_cast<int64_t>(all_.size() / kComparedAUnit));
    for (const StackSet::Top& known : all_) {
      if (known.hash != top.hash) continue;
      cost.budget.charge(depth_of(top.stack));
      if (known == top) {
        cost.is_plain = false;
        return;
      }
    }
    if (all_.size() == most_) {
      cost.is_plain = false;
      return;
    }
    all_.push_back(std::move(top));
  }
  std::size_t size() const { return all_.size(); }
  const StackSet::Top& operator[](std::size_t i) const { return all_[i]; }
  std::vector<StackSet::Top> take() { return std::move(all_); }

 private:
  std::size_t most_;
  std::vector<StackSet::Top> all_;
};

// `state` was reached on `stack`, and whatever that ends is ended too. True: so is the text.
bool reach(const Automaton& automaton, uint32_t state, Stack stack, int below, Tops& tops,
           StepCost& cost) {
  for (;;) {
    if (automaton.has_edges(state) && can_finish(automaton, state, below + depth_of(stack), cost)) {
      tops.add({state, stack}, cost);
    }
    if (!automaton.accepts(state)) return false;
    if (stack == nullptr) return true;
    cost.budget.charge(1);
    state = stack->state;
    stack = stack->below;
  }
}

// Whole stacks that `state` on `stack` stands for.
StackSet reached(const Automaton& automaton, uint32_t state, const Stack& stack, StepCost& cost) {
  Tops tops(kMaxTops);
  StackSet set;
  set.can_end = reach(automaton, state, stack, 0, tops, cost);
  set.tops = tops.take();
  return set;
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

StackSet::Top::Top(uint32_t s, Stack below)
    : state(s), stack(std::move(below)), hash(mix64(hash_of(stack) ^ s)) {}

uint64_t hash_of(const StackSet& set) {
  uint64_t hash = set.can_end ? 1 : 0;
  for (const StackSet::Top& top : set.tops) hash = mix64(hash + top.hash);
  return hash;
}

void WorkBudget::refuse() {
  throw Error(ErrorCode::kInvalidArgument,
              "grammar: expected as few ways to read the text as are followed in bounded time, "
              "found more");
}

StackSet start(const Automaton& automaton) {
  WorkBudget budget;
  StepCost cost{budget};
  return reached(automaton, automaton.root_state(), nullptr, cost);
}

StackSet advance(const Automaton& automaton, const StackSet& set, uint8_t byte, StepCost& cost,
                 int below) {
  constexpr int64_t kUnitsAWay = 8;
  constexpr std::size_t kEdgesAUnit = 4;
  StackSet next;
  Tops reached(kMaxTops);
  Tops open(kMaxOpenCalls, set.tops);
  for (std::size_t i = 0; i < open.size(); ++i) {
    const uint32_t state = open[i].state;
    const Stack stack = open[i].stack;  // a copy: `open` grows
    const auto edges = automaton.bytes(state);
    const auto calls = automaton.calls(state);
    cost.budget.charge(kUnitsAWay +
                       static_cast<int64_t>((edges.size() + calls.size()) / kEdgesAUnit));
    for (const auto& edge : edges) {
      if (edge.first > byte) break;
      if (byte <= edge.last) {
        next.can_end |= reach(automaton, edge.to, stack, below, reached, cost);
      }
    }
    for (const auto& call : calls) {
      if (!automaton.first_bytes(call.rule)[byte]) continue;
      const uint32_t entry = automaton.start(call.rule);
      const int depth = below + depth_of(stack);
      if (can_finish(automaton, entry, depth + (call.is_tail ? 0 : 1), cost) &&
          can_finish(automaton, call.to, depth, cost)) {
        open.add({entry, call.is_tail ? stack : push(stack, call.to)}, cost);
      }
    }
  }
  next.tops = reached.take();
  return next;
}

StackSet returned(const Automaton& automaton, const Stack& stack, StepCost& cost) {
  return reached(automaton, stack->state, stack->below, cost);
}

Matcher::Matcher(std::shared_ptr<const Automaton> automaton)
    : automaton_(std::move(automaton)), state_(start(*automaton_)) {}

bool Matcher::accept(std::string_view bytes) {
  struct Part {
    StackSet set;
    Stack base;  // under the stacks of `set`; null: these are whole
  };
  WorkBudget budget;
  StepCost cost{budget};
  std::vector<Part> parts;
  for (const StackSet::Top& top : state_.tops) {
    parts.push_back({{.tops = {{top.state, nullptr}}}, top.stack});
  }
  for (const char byte : bytes) {
    std::vector<Part> next;
    for (const auto& [before, base] : parts) {
      Part part{advance(*automaton_, before, static_cast<uint8_t>(byte), cost, depth_of(base)),
                base};
      if (part.set.can_end && base != nullptr) {
        part.set.can_end = false;
        StackSet rest = returned(*automaton_, base, cost);
        budget.charge(std::ssize(next));
        const bool is_known = std::ranges::any_of(
            next, [&](const Part& p) { return p.base == nullptr && p.set == rest; });
        if (!is_known) next.push_back({std::move(rest), nullptr});
      }
      if (!part.set.is_dead()) next.push_back(std::move(part));
    }
    parts = std::move(next);
  }
  if (parts.empty()) return false;
  Tops tops(kMaxTops);
  StackSet after;
  for (const auto& [set, base] : parts) {
    after.can_end |= set.can_end;
    for (const StackSet::Top& top : set.tops) {
      tops.add({top.state, put_on(top.stack, base)}, cost);
    }
  }
  after.tops = tops.take();
  state_ = std::move(after);
  return true;
}

}  // namespace onebit
