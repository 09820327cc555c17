#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// The part of Jinja that chat templates use, rendered as `transformers` renders them.
namespace cogent::text::jinja {

class Value;
struct Statement;

struct Undefined {
  std::string name;  // for the message where it is used
};
struct None {};

// How much it takes to walk a value: `depth` is its nesting, `weight` the number of its parts,
// shared ones counted as often as they are met. Both are bounded where a value is walked by
// recursion.
struct Extent {
  int depth = 1;
  std::uint64_t weight = 1;

  void include(const Extent& part);
};

// A list or a tuple.
struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  Extent extent;
};

// A mapping in the order of insertion. The keys are strings.
struct Dict {
  std::vector<std::pair<std::string, Value>> members;
  Extent extent;

  const Value* find(std::string_view key) const;
  // Replaces or appends.
  void set(std::string key, Value value);
};

// A function of the language, a method bound to its object, or a macro.
struct Function {
  std::string name;
  std::shared_ptr<const Value> self;  // null for functions and macros
  const Statement* macro = nullptr;   // owned by the template
};

using ListPointer = std::shared_ptr<const List>;
using DictPointer = std::shared_ptr<const Dict>;
using FunctionPointer = std::shared_ptr<const Function>;

// A Python value. All kinds are immutable but namespace objects, which the evaluator owns.
class Value {
 public:
  using Storage = std::variant<Undefined, None, bool, std::int64_t, double, std::string,
                               ListPointer, DictPointer, FunctionPointer, Dict*>;

  Value() : storage_(Undefined{}) {}
  explicit Value(Storage storage) : storage_(std::move(storage)) {}
  static Value none() { return Value(Storage(None{})); }
  static Value undefined(std::string name) { return Value(Storage(Undefined{std::move(name)})); }
  static Value boolean(bool value) { return Value(Storage(value)); }
  static Value integer(std::int64_t value) { return Value(Storage(value)); }
  static Value number(double value) { return Value(Storage(value)); }
  static Value string(std::string value) { return Value(Storage(std::move(value))); }
  // Throw kModel where the nesting is deeper than kMaxNesting.
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value dict(Dict members);
  static Value function(Function function);
  static Value name_space(Dict* members) { return Value(Storage(members)); }

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(storage_);
  }
  template <typename T>
  const T* get_if() const {
    return std::get_if<T>(&storage_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  const std::string* as_string() const { return get_if<std::string>(); }
  const List* as_list() const;
  // A mapping or a namespace.
  const Dict* as_dict() const;
  // A Boolean counts as 0 or 1.
  const std::int64_t* as_integer() const { return get_if<std::int64_t>(); }
  bool is_number() const { return is<bool>() || is<std::int64_t>() || is<double>(); }
  double to_double() const;         // of a number
  std::int64_t to_integer() const;  // of a Boolean or an integer
  Extent extent() const;
  const char* type_name() const;  // as Python names it

 private:
  Storage storage_;
};

constexpr int kMaxNesting = 64;
constexpr std::uint64_t kMaxWeight = std::uint64_t{1} << 20;

bool is_true(const Value& value);
bool equal(const Value& a, const Value& b);
// Python's str() and repr().
std::string to_text(const Value& value);
std::string to_repr(const Value& value);
// Python's json.dumps(value, ensure_ascii=False, indent=indent); indent < 0: one line. Throws
// kModel for what JSON cannot hold.
std::string to_json(const Value& value, int indent);

}  // namespace cogent::text::jinja
