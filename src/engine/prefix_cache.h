// Keys and values of texts that were read before, for texts that begin alike: a radix tree with an
// edge for each full block of 64 tokens (Zheng et al., RadixAttention, arXiv 2312.07104).
//
// Tenants have trees of their own: nobody finds out by the time of an answer what others asked.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace onebit {

// Holds blocks of the engine's pool besides the sequences; a block that only the cache holds can be
// evicted. Who holds a block of the tree holds all blocks above it too: insert() sees to that.
class PrefixCache {
 public:
  explicit PrefixCache(KvPool& pool) : pool_(pool) {}
  ~PrefixCache() { clear(); }
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // The full blocks of the longest beginning of `tokens` that is here; they count as used now.
  // Valid until the next call.
  std::span<const int32_t> find(const std::string& tenant, std::span<const int32_t> tokens);
  // Keeps the full blocks of a sequence. Of blocks that are here already the sequence takes these
  // (their bits are the same) and gives its own back. Throws std::bad_alloc; the first blocks may
  // have been kept then.
  void insert(const std::string& tenant, Sequence& sequence);
  // Gives back up to n blocks that nobody else holds, the least recently used first; how many.
  int64_t evict(int64_t n);
  void clear();

  int64_t n_blocks() const { return std::ssize(by_use_); }
  int64_t n_evictable() const;

 private:
  using Edge = std::array<int32_t, kKvBlock>;  // the tokens of a block
  struct Node;
  using Use = std::list<Node*>;
  struct Node {
    Node* parent = nullptr;               // none: a root
    const std::string* tenant = nullptr;  // of the tree
    const Edge* edge = nullptr;           // from the parent
    int32_t block = -1;
    Use::iterator use = {};
    std::map<Edge, Node> children = {};
  };

  Node* add(Node* parent, const std::string& tenant, const Edge& next, int32_t block);
  void touch(Node* last);
  void remove(Node* leaf);

  KvPool& pool_;
  std::map<std::string, Node> roots_;  // by tenant
  // Least recently used first. A node comes after its children: it was used whenever they were.
  Use by_use_;
  std::vector<int32_t> found_;
};

}  // namespace onebit
