// Cases made by editing one GGUF model.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "catalogue.h"
#include "gguf_draft.h"

namespace onebit::malformed::gguf {

class Editor {
 public:
  explicit Editor(GgufDraft model = tiny_model()) : model_(std::move(model)) {}

  template <typename Edit>
  void add(std::string name, Expect expect, Edit edit) {
    GgufDraft draft = model_;
    edit(draft);
    cases_.push_back({std::move(name), expect, {{"model.gguf", draft.bytes()}}});
  }
  // `key` set to each of `values`.
  template <typename T>
  void set(const std::string& key, Expect expect, const std::vector<T>& values) {
    for (const T& value : values) {
      add(key + " = " + text(value), expect, [&](GgufDraft& draft) { draft.set(key, value); });
    }
  }
  const GgufDraft& model() const { return model_; }
  Cases release() { return std::move(cases_); }

 private:
  static std::string text(const std::string& value) { return quote(value, 20); }
  template <typename T>
  static std::string text(const T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
      return std::to_string(value);
    } else {
      return std::to_string(value.size()) + " elements";
    }
  }

  GgufDraft model_;
  Cases cases_;
};

}  // namespace onebit::malformed::gguf
