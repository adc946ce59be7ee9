#include <limits>
#include <utility>

#include "io/gguf.h"
#include "io/gguf_layout.h"

namespace onebit {
namespace {

[[noreturn]] void fail(std::string_view key, const std::string& expected,
                       const std::string& found) {
  throw Error(ErrorCode::kInvalidFile,
              "metadata key " + quote(key) + ": expected " + expected + ", found " + found);
}

// The value of `key` as T, nullptr if the key is absent; any other type is an error.
template <typename T>
const T* find_as(const GgufMetadata& metadata, std::string_view key, const char* expected) {
  const GgufValue* value = metadata.find(key);
  if (value == nullptr) return nullptr;
  const T* typed = std::get_if<T>(value);
  if (typed == nullptr) fail(key, expected, gguf::type_name(*value));
  return typed;
}

template <typename T>
const T& require(const T* value, std::string_view key, const char* expected) {
  if (value == nullptr) fail(key, expected, "no such key");
  return *value;
}

int64_t to_int(const GgufValue& value, std::string_view key) {
  return std::visit(
      [&]<typename T>(const T& number) -> int64_t {
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          if (std::in_range<int64_t>(number)) return static_cast<int64_t>(number);
          fail(key, "at most " + std::to_string(std::numeric_limits<int64_t>::max()),
               std::to_string(number));
        } else {
          fail(key, "an integer", gguf::type_name(value));
        }
      },
      value);
}

}  // namespace

void GgufMetadata::set(std::string key, GgufValue value) {
  const auto [entry, added] = index_.try_emplace(key, entries_.size());
  if (added) {
    entries_.push_back({std::move(key), std::move(value)});
  } else {
    entries_[entry->second].value = std::move(value);
  }
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto entry = index_.find(key);
  return entry == index_.end() ? nullptr : &entries_[entry->second].value;
}

int64_t GgufMetadata::get_int(std::string_view key) const {
  return to_int(require(find(key), key, "an integer"), key);
}

int64_t GgufMetadata::get_int_or(std::string_view key, int64_t fallback) const {
  const GgufValue* value = find(key);
  return value == nullptr ? fallback : to_int(*value, key);
}

float GgufMetadata::get_float(std::string_view key) const {
  return require(find_as<float>(*this, key, "f32"), key, "f32");
}

float GgufMetadata::get_float_or(std::string_view key, float fallback) const {
  const auto* value = find_as<float>(*this, key, "f32");
  return value == nullptr ? fallback : *value;
}

bool GgufMetadata::get_bool_or(std::string_view key, bool fallback) const {
  const auto* value = find_as<bool>(*this, key, "bool");
  return value == nullptr ? fallback : *value;
}

const std::string& GgufMetadata::get_string(std::string_view key) const {
  return require(find_as<std::string>(*this, key, "string"), key, "string");
}

std::string GgufMetadata::get_string_or(std::string_view key, std::string_view fallback) const {
  const auto* value = find_as<std::string>(*this, key, "string");
  return value == nullptr ? std::string(fallback) : *value;
}

const std::vector<std::string>& GgufMetadata::get_strings(std::string_view key) const {
  constexpr const char* kExpected = "array of string";
  return require(find_as<std::vector<std::string>>(*this, key, kExpected), key, kExpected);
}

}  // namespace onebit
