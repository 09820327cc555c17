#pragma once

#include "core/text/jinja_ast.hpp"
#include "core/text/jinja_value.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cogent::text::jinja {

// The values that a filter, a test or a function is called with.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  // The argument at this place or of this name; a null pointer where it is left out.
  const Value* find(std::size_t place, std::string_view name) const;
};

// Renders a parsed template. Work and memory are bounded: an Error of kModel ends a template that
// goes past the bounds, as it does one that uses what is not known here.
class Evaluator {
 public:
  // `globals` are the variables of the template.
  explicit Evaluator(Dict globals) : globals_(std::move(globals)), frames_(1) {}

  std::string render(const Body& body);

  // For filters, tests and methods.
  [[noreturn]] void refuse(std::string_view what) const;
  // Counts work; a string of n bytes costs about n / 16.
  void charge(std::uint64_t steps);
  // Counts a walk through all parts of the value, and refuses one of too many parts.
  void charge_walk(const Value& value);
  std::string text_of(const Value& value);
  Value make_string(std::string text);
  Value make_list(std::vector<Value> items);
  // What a loop over the value visits.
  std::vector<Value> items_of(const Value& value);
  Value binary(const std::string& operation, const Value& left, const Value& right);
  bool compare(const std::string& operation, const Value& left, const Value& right);
  Value attribute(const Value& object, const std::string& name);
  Value item(const Value& object, const Value& key);
  Value apply_filter(const std::string& name, const Value& input, const Arguments& arguments);
  bool apply_test(const std::string& name, const Value& input, const Arguments& arguments);
  std::string text_argument(const Arguments& arguments, std::size_t place, std::string_view name);

 private:
  enum class Flow { kGoOn, kBreak, kContinue };
  using Frame = std::map<std::string, Value, std::less<>>;

  // Counts the depth of the recursion.
  class Level {
   public:
    explicit Level(Evaluator& evaluator);
    ~Level() { --evaluator_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Evaluator& evaluator_;
  };

  // Statements.
  Flow run(const Body& body, std::string& out);
  Flow run(const Statement& statement, std::string& out);
  Flow run_if(const Statement& statement, std::string& out);
  void run_for(const Statement& statement, std::string& out);
  void run_set(const Statement& statement);
  void append(std::string& out, const std::string& text);
  void bind(const std::vector<std::string>& names, const Value& value);
  Value look_up(const std::string& name) const;

  // Expressions.
  Value evaluate(const Expression& expression);
  Value evaluate_kind(const Expression& expression);
  Value evaluate_comparison(const Expression& expression);
  Value evaluate_slice(const Expression& expression);
  Value evaluate_dict(const Expression& expression);
  std::vector<Value> evaluate_all(const std::vector<ExpressionPointer>& expressions,
                                  std::size_t from);
  Arguments evaluate_arguments(const Expression& call);

  // Calls.
  Value call(const Value& callee, const Arguments& arguments);
  Value call_macro(const Statement& macro, const Arguments& arguments);
  Value call_global(const std::string& name, const Arguments& arguments);
  Value call_method(const Function& method, const Arguments& arguments);
  Value call_string_method(const std::string& text, const std::string& name,
                           const Arguments& arguments);
  Value split_string(const std::string& text, const std::string& name, const Arguments& arguments);
  Value search_string(const std::string& text, const std::string& name, const Arguments& arguments);
  Value make_range(const Arguments& arguments);

  // Arithmetic.
  Value integer_operation(const std::string& operation, std::int64_t left, std::int64_t right);
  Value number_operation(const std::string& operation, double left, double right);
  Value repeat(const Value& sequence, std::int64_t count);
  bool contains(const Value& container, const Value& value);

  // Filters that work on every member of a list.
  Value filter_members(const std::string& name, const Value& input, const Arguments& arguments);
  Value map_members(const Value& input, const Arguments& arguments);
  Value filter_text(const std::string& name, const Value& input, const Arguments& arguments);
  Value filter_list(const std::string& name, const Value& input, const Arguments& arguments);
  Value filter_number(const std::string& name, const Value& input, const Arguments& arguments);

  Dict globals_;
  std::vector<Frame> frames_;  // [0] is the template's own
  std::size_t visible_ = 0;    // frames from here on, and [0], are seen
  std::vector<std::unique_ptr<Dict>> namespaces_;
  int level_ = 0;
  int line_ = 1;
  std::uint64_t steps_ = 0;
};

// Python's str.strip, lstrip and rstrip: of these characters, or of white space where null.
enum class Side { kBoth, kLeft, kRight };
std::string strip(const std::string& text, Side side, const std::string* characters);
// Python's str.replace; a negative count replaces all.
std::string replace(const std::string& text, const std::string& from, const std::string& to,
                    std::int64_t count);
// Python's upper, lower, title and capitalize.
std::string change_case(const std::string& text, std::string_view how);

}  // namespace cogent::text::jinja
