// A byte string that knows which of its bytes the user wrote.
//
// The chat layer parses special tokens in template text only. So every string of the interpreter
// carries, per byte, the mark "from user", and every operation that moves bytes moves their marks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace onebit::jinja {

class MarkedString {
 public:
  // Bytes up to `end` (from the end of the run before) share one mark.
  struct Run {
    std::size_t end;
    bool from_user;
  };

  MarkedString() = default;
  explicit MarkedString(std::string bytes, bool from_user = false);

  const std::string& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Ends strictly increase, marks alternate, the last end is size(); empty for an empty string.
  const std::vector<Run>& runs() const { return runs_; }
  bool has_user_bytes() const;

  void append(std::string_view bytes, bool from_user = false);
  void append(const MarkedString& other);
  // Bytes [begin, end) of `other`, which must not be *this.
  void append(const MarkedString& other, std::size_t begin, std::size_t end);
  MarkedString slice(std::size_t begin, std::size_t end) const;

  // Marks all bytes: for text whose structure, not only its strings, the user chose.
  void mark_all_user();

  // f(bytes, from_user) for each run in order.
  template <typename F>
  void for_each_run(F&& f) const {
    std::size_t begin = 0;
    for (const Run& run : runs_) {
      f(std::string_view(bytes_).substr(begin, run.end - begin), run.from_user);
      begin = run.end;
    }
  }

 private:
  void extend(std::size_t end, bool from_user);

  std::string bytes_;
  std::vector<Run> runs_;
};

}  // namespace onebit::jinja
