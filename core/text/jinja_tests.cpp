#include "core/base/error.hpp"
#include "core/text/jinja_evaluator.hpp"

#include <array>

namespace cogent::text::jinja {
namespace {

struct KindTest {
  std::string_view name;
  bool (*accepts)(const Value& value);
};

constexpr std::array kKindTests = {
    KindTest{"defined", [](const Value& v) { return !v.is_undefined(); }},
    KindTest{"undefined", [](const Value& v) { return v.is_undefined(); }},
    KindTest{"none", [](const Value& v) { return v.is_none(); }},
    KindTest{"string", [](const Value& v) { return v.as_string() != nullptr; }},
    KindTest{"mapping", [](const Value& v) { return v.is<DictPointer>(); }},
    KindTest{"boolean", [](const Value& v) { return v.is<bool>(); }},
    KindTest{"integer", [](const Value& v) { return v.is<std::int64_t>(); }},
    KindTest{"float", [](const Value& v) { return v.is<double>(); }},
    KindTest{"number", [](const Value& v) { return v.is_number(); }},
    KindTest{"callable", [](const Value& v) { return v.is<FunctionPointer>(); }},
    KindTest{"true", [](const Value& v) { return v.is<bool>() && is_true(v); }},
    KindTest{"false", [](const Value& v) { return v.is<bool>() && !is_true(v); }},
    // An undefined value counts as an empty list, as it does in Jinja.
    KindTest{"sequence",
             [](const Value& v) {
               return v.as_string() != nullptr || v.as_list() != nullptr || v.is<DictPointer>() ||
                      v.is_undefined();
             }},
    KindTest{"iterable",
             [](const Value& v) {
               return v.as_string() != nullptr || v.as_list() != nullptr || v.is<DictPointer>() ||
                      v.is_undefined();
             }},
};

struct ComparisonTest {
  std::string_view name;
  const char* operation;
};

constexpr std::array kComparisonTests = {
    ComparisonTest{"equalto", "=="}, ComparisonTest{"eq", "=="},         ComparisonTest{"==", "=="},
    ComparisonTest{"ne", "!="},      ComparisonTest{"!=", "!="},         ComparisonTest{"lt", "<"},
    ComparisonTest{"lessthan", "<"}, ComparisonTest{"le", "<="},         ComparisonTest{"gt", ">"},
    ComparisonTest{"ge", ">="},      ComparisonTest{"greaterthan", ">"}, ComparisonTest{"in", "in"},
};

}  // namespace

bool Evaluator::apply_test(const std::string& name, const Value& input,
                           const Arguments& arguments) {
  charge(1);
  for (const KindTest& test : kKindTests) {
    if (test.name == name) {
      return test.accepts(input);
    }
  }
  const Value* other = arguments.find(0, "");
  for (const ComparisonTest& test : kComparisonTests) {
    if (test.name == name && other != nullptr) {
      return compare(test.operation, input, *other);
    }
  }
  const bool parity = name == "odd" || name == "even";
  if (parity || (name == "divisibleby" && other != nullptr)) {
    const Value rest = binary("%", input, parity ? Value::integer(2) : *other);
    return equal(rest, Value::integer(name == "odd" ? 1 : 0));
  }
  refuse(concat("the test \"", name, "\" is not supported with ", arguments.positional.size(),
                " arguments"));
}

}  // namespace cogent::text::jinja
