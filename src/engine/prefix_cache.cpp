#include "engine/prefix_cache.h"

#include <algorithm>

namespace onebit {
namespace {

// Of the tokens of the i-th block.
std::array<int32_t, kKvBlock> edge(std::span<const int32_t> tokens, int64_t i) {
  std::array<int32_t, kKvBlock> e;
  std::copy_n(tokens.begin() + i * kKvBlock, kKvBlock, e.begin());
  return e;
}

}  // namespace

// From the last node up, so that parents come to lie behind their children.
void PrefixCache::touch(Node* last) {
  for (; last->parent != nullptr; last = last->parent) {
    by_use_.splice(by_use_.end(), by_use_, last->use);
  }
}

std::span<const int32_t> PrefixCache::find(const std::string& tenant,
                                           std::span<const int32_t> tokens) {
  found_.clear();
  const auto root = roots_.find(tenant);
  if (root == roots_.end()) return found_;
  Node* node = &root->second;
  for (int64_t i = 0; i < std::ssize(tokens) / kKvBlock; ++i) {
    const auto child = node->children.find(edge(tokens, i));
    if (child == node->children.end()) break;
    node = &child->second;
    found_.push_back(node->block);
  }
  touch(node);
  return found_;
}

void PrefixCache::insert(const std::string& tenant, Sequence& sequence) {
  const int64_t n = sequence.length() / kKvBlock;
  if (n == 0) return;
  const auto root = roots_.try_emplace(tenant).first;
  Node* node = &root->second;
  try {
    for (int64_t i = 0; i < n; ++i) {
      const int32_t block = sequence.blocks()[static_cast<std::size_t>(i)];
      const Edge next = edge(sequence.tokens(), i);
      const auto known = node->children.find(next);
      if (known == node->children.end()) {
        node = add(node, root->first, next, block);
      } else {
        node = &known->second;
        if (node->block != block) sequence.replace_block(i, node->block);
      }
    }
  } catch (...) {
    if (root->second.children.empty()) roots_.erase(root);
    throw;
  }
  touch(node);
}

PrefixCache::Node* PrefixCache::add(Node* parent, const std::string& tenant, const Edge& next,
                                    int32_t block) {
  Use use(1);  // whatever throws does so before the tree changes
  const auto [child, is_new] = parent->children.try_emplace(next);
  Node& node = child->second;
  node.parent = parent;
  node.tenant = &tenant;
  node.edge = &child->first;
  node.block = block;
  node.use = use.begin();
  *node.use = &node;
  by_use_.splice(parent->parent == nullptr ? by_use_.end() : parent->use, use);
  pool_.hold(block);
  return &node;
}

int64_t PrefixCache::n_evictable() const {
  return std::ranges::count_if(by_use_,
                               [&](const Node* node) { return pool_.holders(node->block) == 1; });
}

// What only the cache holds has nothing below it that others hold, and children come first: the
// first such node is a leaf.
int64_t PrefixCache::evict(int64_t n) {
  int64_t evicted = 0;
  for (auto use = by_use_.begin(); use != by_use_.end() && evicted < n;) {
    Node* node = *use++;
    if (pool_.holders(node->block) > 1) continue;
    remove(node);
    ++evicted;
  }
  return evicted;
}

void PrefixCache::clear() {
  while (!by_use_.empty()) remove(by_use_.front());
}

void PrefixCache::remove(Node* leaf) {
  ONEBIT_CHECK(leaf->children.empty());
  pool_.release(leaf->block);
  by_use_.erase(leaf->use);
  Node* parent = leaf->parent;
  const auto root = roots_.find(*leaf->tenant);
  parent->children.erase(parent->children.find(*leaf->edge));
  if (root->second.children.empty()) roots_.erase(root);
}

}  // namespace onebit
