// Damage that knows nothing of models: bytes cut off, integers and value types exchanged, keys
// missing, doubled or unreadable.
#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "catalogue.h"
#include "gguf_draft.h"
#include "io/gguf_layout.h"
#include "quant/format.h"

namespace onebit::malformed::gguf {
namespace {

using namespace onebit::gguf;

Case gguf_case(std::string name, Expect expect, std::string bytes) {
  return {std::move(name), expect, {{"model.gguf", std::move(bytes)}}};
}

// Values of integer fields that are legal in the tiny model; every other one spoils it.
bool is_legal(const std::string& field, int64_t value) {
  struct Legal {
    const char* field;
    int64_t low;
    int64_t high;
  };
  static const Legal kLegal[] = {
      {"kv bitnet-b1.58.context_length: value", 1, 1 << 24},
      {"kv bitnet-b1.58.vocab_size: value", 0, 0xffffffff},  // nobody reads it
      {"kv tokenizer.ggml.bos_token_id: value", 0, 5},
      {"kv tokenizer.ggml.eos_token_id: value", 0, 5},
      {"kv tokenizer.ggml.unknown_token_id: value", 0, 5},
      {"kv tokenizer.ggml.padding_token_id: value", 0, 5},
      {"kv tokenizer.ggml.eot_token_id: value", 0, 5},
      {"kv tokenizer.ggml.eom_token_id: value", 0, 5},
      {"kv tokenizer.ggml.add_bos_token: value", 0, 1},
      {"kv tokenizer.ggml.add_eos_token: value", 0, 1},
      {"kv onebit.tokenizer.ignore_merges: value", 0, 1},
      {"kv tokenizer.ggml.token_type: value", 1, 1},  // control and byte tokens made normal
  };
  // 8 values of f16 are less by 16 bytes, which may be padding; a matrix would leave a gap.
  if (field.ends_with("_norm.weight: type")) return value == kF16;
  return std::ranges::any_of(kLegal, [&](const Legal& legal) {
    return field == legal.field && value >= legal.low && value <= legal.high;
  });
}

constexpr int kTypes = 2 * static_cast<int>(kScalars);

// `from` as a T; floats that no T holds (undefined to convert) as the largest.
template <typename T, typename From>
T as(From from) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    const auto wide = static_cast<double>(from);
    if (!(wide > -1.0 + static_cast<double>(Limits::lowest()) &&
          wide < 1.0 + static_cast<double>(Limits::max()))) {
      return Limits::max();
    }
  }
  return static_cast<T>(from);
}

// The value of alternative `index` of GgufValue that says what `value` says, as far as it can.
template <std::size_t index = 0>
GgufValue converted(const GgufValue& value, std::size_t target) {
  if constexpr (index < std::variant_size_v<GgufValue>) {
    if (target != index) return converted<index + 1>(value, target);
    using T = std::variant_alternative_t<index, GgufValue>;
    if constexpr (std::is_arithmetic_v<T>) {
      return std::visit(
          [](const auto& from) -> GgufValue {
            if constexpr (std::is_arithmetic_v<std::decay_t<decltype(from)>>) {
              return as<T>(from);
            } else {
              return T{1};
            }
          },
          value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return T("1");
    } else if constexpr (std::is_same_v<T, GgufBoolArray>) {
      return T{{1, 0, 1, 0, 1, 0}};
    } else {
      return T(6);  // as many elements as the vocabulary has
    }
  } else {
    return value;
  }
}

bool is_integer(const GgufValue& value) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        return std::is_integral_v<T> && !std::is_same_v<T, bool>;
      },
      value);
}

}  // namespace

Cases truncations() {
  const std::string whole = tiny_model().bytes();
  Cases cases;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    cases.push_back(
        gguf_case("cut to " + std::to_string(size), Expect::kReject, whole.substr(0, size)));
  }
  return cases;
}

Cases header_integers() {
  constexpr uint64_t k31 = uint64_t{1} << 31;
  constexpr uint64_t k32 = uint64_t{1} << 32;
  constexpr uint64_t k63 = uint64_t{1} << 63;
  const GgufImage image = tiny_model().build();
  Cases cases;
  for (const IntegerField& field : image.integers) {
    std::set<std::string> seen = {image.bytes.substr(field.at, field.width)};
    for (const uint64_t value :
         {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, ~uint64_t{0} - 1, k31 - 1, k31, k31 + 1,
          uint64_t{65537}, k32 - 1, k32, k32 + 1, k63 / 2, k63 - 1, k63}) {
      const std::string text(reinterpret_cast<const char*>(&value), field.width);
      if (!seen.insert(text).second) continue;  // what is there, or equal in this width
      int64_t stored = 0;
      std::memcpy(&stored, text.data(), text.size());
      std::string bytes = image.bytes;
      bytes.replace(field.at, field.width, text);
      cases.push_back(gguf_case(field.name + " = " + std::to_string(stored),
                                is_legal(field.name, stored) ? Expect::kAccept : Expect::kReject,
                                std::move(bytes)));
    }
  }
  return cases;
}

Cases value_types() {
  const GgufDraft model = tiny_model();
  Cases cases;
  for (std::size_t i = 0; i < model.entries.size(); ++i) {
    const DraftEntry& entry = model.entries[i];
    for (std::size_t type = 0; type < kTypes; ++type) {
      if (type == entry.value.index()) continue;
      GgufDraft draft = model;
      draft.entries[i].value = converted(entry.value, type);
      // An integer is read from any integer type; only the alignment is exactly a u32.
      const bool legal = entry.key == "bitnet-b1.58.vocab_size" ||
                         (entry.key != kAlignmentKey && is_integer(entry.value) &&
                          is_integer(draft.entries[i].value));
      cases.push_back(gguf_case(entry.key + " as " + type_name(draft.entries[i].value),
                                legal ? Expect::kAccept : Expect::kReject, draft.bytes()));
    }
  }
  return cases;
}

Cases keys() {
  const GgufDraft model = tiny_model();
  Cases cases;
  for (std::size_t i = 0; i < model.entries.size(); ++i) {
    const std::string& key = model.entries[i].key;
    GgufDraft without = model;
    without.entries.erase(without.entries.begin() + static_cast<std::ptrdiff_t>(i));
    cases.push_back(gguf_case("no " + key, is_optional_key(key) ? Expect::kAccept : Expect::kReject,
                              without.bytes()));
    GgufDraft twice = model;
    twice.entries.push_back(model.entries[i]);
    cases.push_back(gguf_case(key + " twice", Expect::kReject, twice.bytes()));
  }
  const std::pair<const char*, std::string> names[] = {
      {"empty", ""},
      {"with a NUL", std::string("a\0b", 3)},
      {"with a newline", "a\nb"},
      {"of 257 bytes", std::string(257, 'k')},
      {"cut UTF-8", "a\xe2\x82"},
      {"overlong UTF-8", "\xc0\x80"},
      {"a surrogate", "\xed\xa0\x80"},
      {"beyond Unicode", "\xf4\x90\x80\x80"},
      {"a stray continuation", "\x80"},
      {"Latin-1", "\xff"},
  };
  for (const auto& [what, name] : names) {
    GgufDraft draft = model;
    draft.entries.push_back({name, uint32_t{1}});
    cases.push_back(gguf_case(std::string("key ") + what, Expect::kReject, draft.bytes()));
    draft = model;
    draft.tensors.push_back({name, {8}, kF32, std::string(32, '\0')});
    cases.push_back(gguf_case(std::string("tensor name ") + what, Expect::kReject, draft.bytes()));
  }
  GgufDraft longest = model;
  longest.entries.push_back({std::string(256, 'k'), uint32_t{1}});
  longest.tensors.push_back({std::string(127, 'n'), {8}, kF32, std::string(32, '\0')});
  cases.push_back(gguf_case("longest names", Expect::kAccept, longest.bytes()));
  longest.tensors.back().name += 'n';
  cases.push_back(gguf_case("tensor name of 128 bytes", Expect::kReject, longest.bytes()));
  return cases;
}

Cases values() {
  const GgufDraft model = tiny_model();
  Cases cases;
  const auto raw = [&](const std::string& name, Expect expect, const std::string& bytes) {
    GgufDraft draft = model;
    draft.entries.push_back({"extra", uint32_t{0}, bytes});
    cases.push_back(gguf_case(name, expect, draft.bytes()));
  };
  const auto u32 = [](uint32_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto u64 = [](uint64_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  for (const uint32_t type : {13u, 14u, 77u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    raw("value type " + std::to_string(type), Expect::kReject, u32(type) + u64(1));
    raw("element type " + std::to_string(type), Expect::kReject,
        u32(kArray) + u32(type) + u64(1) + u64(1));
  }
  std::string nested = u32(kUint8) + u64(1) + "x";
  for (const int depth : {1, 2, 16, 300, 20000}) {
    std::string bytes;
    for (int i = 0; i < depth; ++i) bytes += u32(kArray) + (i == 0 ? "" : u64(1));
    raw("array in " + std::to_string(depth) + " arrays", Expect::kReject,
        u32(kArray) + bytes + nested);
  }
  for (const int byte : {2, 0x37, 0x80, 0xff}) {
    const char value = static_cast<char>(byte);
    raw("bool " + std::to_string(byte), Expect::kReject, u32(kBool) + value);
    raw("array with bool " + std::to_string(byte), Expect::kReject,
        u32(kArray) + u32(kBool) + u64(3) + '\1' + value + '\0');
  }
  const uint64_t lengths[] = {uint64_t{1} << 20,       (uint64_t{16} << 20) + 1, uint64_t{1} << 32,
                              (uint64_t{1} << 61) + 1, uint64_t{1} << 62,        ~uint64_t{0}};
  for (const uint64_t length : lengths) {
    raw("string of " + std::to_string(length), Expect::kReject, u32(kString) + u64(length));
    for (uint32_t type = 0; type < kTypes / 2 + 1; ++type) {
      if (type == kArray) continue;
      raw(std::to_string(length) + " elements of type " + std::to_string(type), Expect::kReject,
          u32(kArray) + u32(type) + u64(length));
    }
  }
  raw("an empty array", Expect::kAccept, u32(kArray) + u32(kString) + u64(0));
  for (const uint32_t alignment : {0u, 1u, 2u, 3u, 4u, 24u, 33u, 8192u, 1u << 31, ~0u}) {
    GgufDraft draft = model;
    draft.set("general.alignment", alignment);
    cases.push_back(
        gguf_case("alignment " + std::to_string(alignment), Expect::kReject, draft.bytes()));
  }
  return cases;
}

Cases preamble() {
  Cases cases;
  const auto add = [&](const std::string& magic, uint32_t version, Expect expect) {
    GgufDraft draft = tiny_model();
    draft.magic = magic;
    draft.version = version;
    cases.push_back(gguf_case("magic " + magic + ", version " + std::to_string(version), expect,
                              draft.bytes()));
  };
  for (const char* magic : {"gguf", "FUGG", "ggml", "lmgg", "tjgg", "GGUG", "PK\3\4"}) {
    add(magic, 3, Expect::kReject);
  }
  for (const uint32_t version : {0u, 1u, 4u, 0x02000000u, 0x03000000u, ~0u}) {
    add("GGUF", version, Expect::kReject);
  }
  add("GGUF", 2, Expect::kAccept);
  return cases;
}

}  // namespace onebit::malformed::gguf
