#include "core/base/error.hpp"
#include "core/text/jinja_evaluator.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace cogent::text::jinja {
namespace {

// Python's // and %: rounded towards minus infinity.
std::int64_t floor_divide(std::int64_t left, std::int64_t right) {
  const std::int64_t quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}

std::optional<std::int64_t> power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  // A base of more than 1 overflows within 63 steps.
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (base == 0 || base == 1) {
      return base;
    }
    if (base == -1) {
      return exponent % 2 == 0 ? 1 : -1;
    }
    if (__builtin_mul_overflow(result, base, &result)) {
      return std::nullopt;
    }
  }
  return result;
}

}  // namespace

Value Evaluator::integer_operation(const std::string& operation, std::int64_t left,
                                   std::int64_t right) {
  std::int64_t result = 0;
  bool overflow = false;
  if (operation == "+") {
    overflow = __builtin_add_overflow(left, right, &result);
  } else if (operation == "-") {
    overflow = __builtin_sub_overflow(left, right, &result);
  } else if (operation == "*") {
    overflow = __builtin_mul_overflow(left, right, &result);
  } else if (operation == "**" && right >= 0) {
    const auto value = power(left, right);
    overflow = !value.has_value();
    result = value.value_or(0);
  } else if (operation == "//" || operation == "%") {
    if (right == 0) {
      refuse("a division by zero");
    }
    overflow = right == -1 && left == INT64_MIN;
    if (!overflow) {
      const std::int64_t quotient = floor_divide(left, right);
      result = operation == "//" ? quotient : left - quotient * right;
    }
  } else {
    return number_operation(operation, static_cast<double>(left), static_cast<double>(right));
  }
  if (overflow) {
    refuse(concat(left, " ", operation, " ", right, " does not fit 64 bits"));
  }
  return Value::integer(result);
}

Value Evaluator::number_operation(const std::string& operation, double left, double right) {
  if (operation == "+") {
    return Value::number(left + right);
  }
  if (operation == "-") {
    return Value::number(left - right);
  }
  if (operation == "*") {
    return Value::number(left * right);
  }
  if (operation == "**") {
    return Value::number(std::pow(left, right));
  }
  if (right == 0) {
    refuse("a division by zero");
  }
  if (operation == "/") {
    return Value::number(left / right);
  }
  const double quotient = std::floor(left / right);
  return Value::number(operation == "//" ? quotient : left - quotient * right);
}

Value Evaluator::repeat(const Value& sequence, std::int64_t count) {
  const auto times = static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
  const std::string* text = sequence.as_string();
  const std::uint64_t size = text != nullptr ? text->size() : sequence.as_list()->items.size();
  if (size != 0 && times > (std::uint64_t{1} << 20) / size) {
    refuse(concat("it repeats a ", sequence.type_name(), " of ", size, " items ", times,
                  " times; the product is at most 1048576"));
  }
  if (text != nullptr) {
    std::string out;
    for (std::uint64_t i = 0; size != 0 && i < times; ++i) {
      out += *text;
    }
    return make_string(std::move(out));
  }
  std::vector<Value> items;
  for (std::uint64_t i = 0; size != 0 && i < times; ++i) {
    items.insert(items.end(), sequence.as_list()->items.begin(), sequence.as_list()->items.end());
  }
  return make_list(std::move(items));
}

Value Evaluator::binary(const std::string& operation, const Value& left, const Value& right) {
  if (operation == "~") {
    return make_string(text_of(left) + text_of(right));
  }
  if (left.is_number() && right.is_number()) {
    return left.is<double>() || right.is<double>()
               ? number_operation(operation, left.to_double(), right.to_double())
               : integer_operation(operation, left.to_integer(), right.to_integer());
  }
  const std::string* text = left.as_string();
  if (operation == "+" && text != nullptr && right.as_string() != nullptr) {
    return make_string(*text + *right.as_string());
  }
  if (operation == "+" && left.as_list() != nullptr && right.as_list() != nullptr) {
    std::vector<Value> items = left.as_list()->items;
    items.insert(items.end(), right.as_list()->items.begin(), right.as_list()->items.end());
    return make_list(std::move(items));
  }
  if (operation == "*" && (text != nullptr || left.as_list() != nullptr) &&
      right.as_integer() != nullptr) {
    return repeat(left, *right.as_integer());
  }
  for (const Value& side : {left, right}) {
    if (const auto* missing = side.get_if<Undefined>()) {
      refuse(concat("\"", missing->name, "\" is not defined, so ", operation, " has no meaning"));
    }
  }
  refuse(concat("the operation ", operation, " is not supported between ", left.type_name(),
                " and ", right.type_name()));
}

bool Evaluator::contains(const Value& container, const Value& value) {
  if (const auto* text = container.as_string()) {
    if (value.as_string() == nullptr) {
      refuse(concat("a text cannot contain a value of type ", value.type_name()));
    }
    charge(1 + text->size() / 16);
    return text->find(*value.as_string()) != std::string::npos;
  }
  if (const auto* dict = container.get_if<DictPointer>()) {
    charge((*dict)->members.size());
    return value.as_string() != nullptr && (*dict)->find(*value.as_string()) != nullptr;
  }
  const std::vector<Value> items = items_of(container);
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& item) { return equal(item, value); });
}

bool Evaluator::compare(const std::string& operation, const Value& left, const Value& right) {
  if (operation == "==" || operation == "!=" || operation == "in" || operation == "not in") {
    charge_walk(left);
    charge_walk(right);
  }
  if (operation == "==") {
    return equal(left, right);
  }
  if (operation == "!=") {
    return !equal(left, right);
  }
  if (operation == "in") {
    return contains(right, left);
  }
  if (operation == "not in") {
    return !contains(right, left);
  }
  int order = 0;
  if (left.is_number() && right.is_number()) {
    if (left.is<double>() || right.is<double>()) {
      const double a = left.to_double();
      const double b = right.to_double();
      if (std::isnan(a) || std::isnan(b)) {
        return false;
      }
      order = a < b ? -1 : a > b ? 1 : 0;
    } else {
      const std::int64_t a = left.to_integer();
      const std::int64_t b = right.to_integer();
      order = a < b ? -1 : a > b ? 1 : 0;
    }
  } else if (left.as_string() != nullptr && right.as_string() != nullptr) {
    order = left.as_string()->compare(*right.as_string());
  } else {
    refuse(concat("the comparison ", operation, " is not supported between ", left.type_name(),
                  " and ", right.type_name()));
  }
  return operation == "<"    ? order < 0
         : operation == "<=" ? order <= 0
         : operation == ">"  ? order > 0
                             : order >= 0;
}

Value Evaluator::item(const Value& object, const Value& key) {
  const auto* index = key.as_integer();
  if (index != nullptr && (object.as_list() != nullptr || object.as_string() != nullptr)) {
    const List* list = object.as_list();
    const std::vector<Value> characters = list == nullptr ? items_of(object) : std::vector<Value>();
    const std::vector<Value>& items = list == nullptr ? characters : list->items;
    const auto size = static_cast<std::int64_t>(items.size());
    const std::int64_t place = *index < 0 ? *index + size : *index;
    return place >= 0 && place < size ? items[static_cast<std::size_t>(place)]
                                      : Value::undefined(concat("item ", *index));
  }
  if (const auto* name = key.as_string()) {
    const Dict* dict = object.as_dict();
    const Value* member = dict == nullptr ? nullptr : dict->find(*name);
    return member != nullptr ? *member : attribute(object, *name);
  }
  if (const auto* missing = object.get_if<Undefined>()) {
    refuse(concat("\"", missing->name, "\" is not defined, so it has no items"));
  }
  return Value::undefined(text_of(key));
}

}  // namespace cogent::text::jinja
