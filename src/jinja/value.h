// The values of the interpreter: Python's, as far as templates see them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "jinja/marked_string.h"

namespace onebit::jinja {

class Object;
class Value;
struct Args;
struct Dict;
struct List;
struct Runtime;

// Lists and dicts never change once made (as in Jinja2's ImmutableSandboxedEnvironment), so no
// cycle can arise among them, and all values are shared, never copied.
class Value {
 public:
  using Entry = std::pair<Value, Value>;

  Value() = default;  // undefined
  // `why` is the error of whoever needs the value: "'x' is undefined".
  static Value undefined(std::string why);
  static Value null() { return Value(Data(nullptr)); }
  static Value boolean(bool b) { return Value(Data(b)); }
  static Value integer(int64_t i) { return Value(Data(i)); }
  static Value real(double d) { return Value(Data(d)); }
  static Value string(std::string bytes, bool from_user = false);
  static Value string(MarkedString text);
  // Throw Error(kInvalidArgument) above kMaxValueDepth. Keys of a dict must be unique; they are
  // found by ==, and kept in this order.
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value dict(std::vector<Entry> entries);
  static Value object(std::shared_ptr<Object> object) { return Value(Data(std::move(object))); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }  // not bool
  bool is_real() const { return std::holds_alternative<double>(data_); }
  bool is_integral() const { return is_int() || is_bool(); }
  bool is_number() const { return is_integral() || is_real(); }
  bool is_string() const { return std::holds_alternative<TextPtr>(data_); }
  bool is_list() const { return std::holds_alternative<ListPtr>(data_); }  // or tuple
  bool is_dict() const { return std::holds_alternative<DictPtr>(data_); }
  bool is_object() const { return std::holds_alternative<ObjectPtr>(data_); }

  // For the kinds that the test above says; as_int also for bool, as_real for all numbers.
  const MarkedString& text() const { return *std::get<TextPtr>(data_); }
  const std::string& bytes() const { return text().bytes(); }
  const std::shared_ptr<const List>& list_ptr() const { return std::get<ListPtr>(data_); }
  const List& as_list() const { return *list_ptr(); }
  const Dict& as_dict() const { return *std::get<DictPtr>(data_); }
  Object& as_object() const { return *std::get<ObjectPtr>(data_); }
  int64_t as_int() const;
  double as_real() const;
  bool is_true() const;  // Python's bool()

  // Python's name: "str", "dict", ...
  const char* type_name() const;
  // Throws Error if undefined.
  const Value& defined() const;
  // How deep lists and dicts nest; 0 for scalars.
  int depth() const;
  // Whether both are the very same object (lists, dicts, objects) or equal scalars of one type.
  bool is_same(const Value& other) const;

 private:
  struct Undefined {
    std::shared_ptr<const std::string> why;
  };
  using TextPtr = std::shared_ptr<const MarkedString>;
  using ListPtr = std::shared_ptr<const List>;
  using DictPtr = std::shared_ptr<const Dict>;
  using ObjectPtr = std::shared_ptr<Object>;
  using Data = std::variant<Undefined, std::nullptr_t, bool, int64_t, double, TextPtr, ListPtr,
                            DictPtr, ObjectPtr>;
  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  int depth = 1;
};

struct Dict {
  std::vector<Value::Entry> entries;
  int depth = 1;

  // nullptr if there is none.
  const Value* find(std::string_view key) const;
};

// Anything with behaviour: macros, loop, namespaces, functions. Lives within one rendering.
class Object {
 public:
  virtual ~Object() = default;
  virtual const char* type_name() const = 0;
  // Undefined if there is none.
  virtual Value attribute(std::string_view name) const;
  virtual bool is_callable() const { return false; }
  virtual Value call(Runtime& runtime, Args args);
  // As Value::depth, for objects that keep values: bounds the recursion of destructors.
  virtual int depth() const { return 0; }
};

}  // namespace onebit::jinja
