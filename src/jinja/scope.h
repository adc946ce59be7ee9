// Variables, and the objects of a rendering that can change: namespaces.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/runtime.h"

namespace onebit::jinja {

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  // nullptr if neither this scope nor one around it has the name.
  const Value* find(const std::string& name) const {
    for (const Scope* scope = this; scope; scope = scope->parent_.get()) {
      const auto found = scope->variables_.find(name);
      if (found != scope->variables_.end()) return &found->second;
    }
    return nullptr;
  }
  void set(const std::string& name, Value value) { variables_[name] = std::move(value); }
  void clear() { variables_.clear(); }

 private:
  const std::shared_ptr<Scope> parent_;
  std::map<std::string, Value> variables_;  // ordered: no name can collide
};

// namespace(a=1): the only object whose attributes templates may set.
class Namespace : public Object {
 public:
  const char* type_name() const override { return "namespace object"; }
  Value attribute(std::string_view name) const override {
    const auto found = values_.find(std::string(name));
    return found == values_.end() ? Object::attribute(name) : found->second;
  }
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  void clear() { values_.clear(); }

 private:
  std::map<std::string, Value> values_;
};

// Keeps what can be part of a cycle (a namespace in itself, a macro in the scope that it closes
// over) until the rendering ends, then empties it: frees the cycles, and long chains one by one.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (const auto& scope : scopes_) scope->clear();
    for (const auto& space : namespaces_) space->clear();
  }
  void keep(std::shared_ptr<Scope> scope) { scopes_.push_back(std::move(scope)); }
  void keep(std::shared_ptr<Namespace> space) { namespaces_.push_back(std::move(space)); }

 private:
  std::vector<std::shared_ptr<Scope>> scopes_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
};

}  // namespace onebit::jinja
