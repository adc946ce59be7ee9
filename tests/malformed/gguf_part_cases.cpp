// Models split over several files, whose parts do not fit together.
#include "catalogue.h"
#include "gguf_draft.h"

namespace onebit::malformed::gguf {
namespace {

struct Parts {
  GgufDraft first = tiny_model();
  GgufDraft second;
  std::string first_name = "tiny-00001-of-00002.gguf";
  std::string second_name = "tiny-00002-of-00002.gguf";

  Parts() {
    constexpr std::ptrdiff_t kInFirst = 5;
    second.tensors.assign(first.tensors.begin() + kInFirst, first.tensors.end());
    first.tensors.resize(kInFirst);
    for (GgufDraft* part : {&first, &second}) {
      part->set("split.count", uint16_t{2});
      part->set("split.no", part == &first ? uint16_t{0} : uint16_t{1});
      part->set("split.tensors.count",
                static_cast<int32_t>(first.tensors.size() + second.tensors.size()));
    }
  }
};

class PartEditor {
 public:
  template <typename Edit>
  void add(std::string name, Expect expect, Edit edit) {
    Parts parts;
    edit(parts);
    Case c{std::move(name), expect, {{parts.first_name, parts.first.bytes()}}};
    if (!parts.second_name.empty()) c.files.push_back({parts.second_name, parts.second.bytes()});
    cases_.push_back(std::move(c));
  }
  Cases release() { return std::move(cases_); }

 private:
  Cases cases_;
};

}  // namespace

Cases parts() {
  PartEditor cases;
  cases.add("two parts", Expect::kAccept, [](Parts&) {});
  cases.add("no second part", Expect::kReject, [](Parts& p) { p.second_name.clear(); });
  for (const char* name : {"tiny.gguf", "tiny-1-of-2.gguf", "tiny-00001-of-00003.gguf",
                           "tiny-00002-of-00002.gguf", "-00001-of-00002.gguf"}) {
    cases.add(std::string("first part named ") + name, Expect::kReject,
              [&](Parts& p) { p.first_name = name; });
  }
  cases.add("parts exchanged", Expect::kReject, [](Parts& p) { std::swap(p.first, p.second); });
  cases.add("the first part twice", Expect::kReject, [](Parts& p) { p.second = p.first; });
  cases.add("second part with no number", Expect::kReject,
            [](Parts& p) { p.second.entries.clear(); });
  cases.add("second part of another version", Expect::kReject,
            [](Parts& p) { p.second.version = 4; });
  cases.add("second part cut", Expect::kReject,
            [](Parts& p) { p.second.tensors.back().data.clear(); });
  cases.add("a tensor in both parts", Expect::kReject,
            [](Parts& p) { p.second.tensors.push_back(p.first.tensors[0]); });
  const auto set = [&](const char* key, GgufValue value, const char* text, Expect expect) {
    for (const bool in_first : {true, false}) {
      cases.add(std::string(in_first ? "first" : "second") + " part: " + key + " " + text, expect,
                [&](Parts& p) { (in_first ? p.first : p.second).set(key, value); });
    }
  };
  for (const char* key : {"split.no", "split.count"}) {
    set(key, uint16_t{5}, "5", Expect::kReject);
    set(key, uint16_t{65535}, "65535", Expect::kReject);
    set(key, int32_t{-1}, "-1", Expect::kReject);
    set(key, ~uint64_t{0}, "2^64-1", Expect::kReject);
    set(key, ~uint64_t{0} >> 1, "2^63-1", Expect::kReject);
    set(key, int64_t{-1} - static_cast<int64_t>(~uint64_t{0} >> 1), "-2^63", Expect::kReject);
    set(key, 2.0f, "as f32", Expect::kReject);
    set(key, std::string("2"), "as string", Expect::kReject);
  }
  set("split.count", uint16_t{0}, "0", Expect::kReject);
  set("split.count", uint16_t{1}, "1", Expect::kReject);
  for (const int32_t count : {0, 1, 12, 14, 0x7fffffff}) {
    cases.add("split.tensors.count " + std::to_string(count), Expect::kReject,
              [&](Parts& p) { p.first.set("split.tensors.count", count); });
  }
  return cases.release();
}

}  // namespace onebit::malformed::gguf
