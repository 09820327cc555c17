#include "core/base/error.hpp"
#include "core/text/jinja_evaluator.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace cogent::text::jinja {
namespace {

constexpr std::int64_t kMaxIndent = 100;  // spaces

std::int64_t integer_or(const Value* value, std::int64_t fallback) {
  return value != nullptr && value->as_integer() != nullptr ? *value->as_integer() : fallback;
}

// Every line but the first (and the blank ones) moved to the right.
std::string indented(const std::string& text, std::int64_t width, bool first) {
  const std::string space(static_cast<std::size_t>(width), ' ');
  std::string out = first ? space : "";
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\n' && i + 1 < text.size() && text[i + 1] != '\n') {
      out += space;
    }
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&#34;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  }
  return out;
}

}  // namespace

Value Evaluator::apply_filter(const std::string& name, const Value& input,
                              const Arguments& arguments) {
  charge(1);
  if (name == "default" || name == "d") {
    const Value* fallback = arguments.find(0, "default_value");
    const Value* also_false = arguments.find(1, "boolean");
    const bool use =
        input.is_undefined() || (also_false != nullptr && is_true(*also_false) && !is_true(input));
    return !use ? input : fallback == nullptr ? Value::string("") : *fallback;
  }
  if (name == "tojson") {
    const std::int64_t indent =
        std::clamp<std::int64_t>(integer_or(arguments.find(1, "indent"), -1), -1, kMaxIndent);
    charge_walk(input);
    const Extent extent = input.extent();
    charge(extent.weight * static_cast<std::uint64_t>((indent + 1) * extent.depth) / 16);
    return make_string(to_json(input, static_cast<int>(indent)));
  }
  if (name == "length" || name == "count") {
    if (const auto* text = input.as_string()) {
      charge(1 + text->size() / 16);
      return Value::integer(static_cast<std::int64_t>(code_point_offsets(*text).size()) - 1);
    }
    return Value::integer(static_cast<std::int64_t>(items_of(input).size()));
  }
  for (const auto filter : {&Evaluator::filter_text, &Evaluator::filter_list,
                            &Evaluator::filter_number, &Evaluator::filter_members}) {
    Value value = (this->*filter)(name, input, arguments);
    const auto* missing = value.get_if<Undefined>();
    if (missing == nullptr || missing->name != "filter") {
      return value;
    }
  }
  refuse(concat("the filter \"", name, "\" is not supported"));
}

// Each of these gives Value::undefined("filter") for a name that is not its own.
Value Evaluator::filter_text(const std::string& name, const Value& input,
                             const Arguments& arguments) {
  if (name == "string" || name == "safe") {
    return make_string(text_of(input));
  }
  if (name == "trim") {
    const Value* characters = arguments.find(0, "chars");
    return make_string(strip(text_of(input), Side::kBoth,
                             characters == nullptr ? nullptr : characters->as_string()));
  }
  if (name == "upper" || name == "lower" || name == "title" || name == "capitalize") {
    return make_string(change_case(text_of(input), name));
  }
  if (name == "escape" || name == "e") {
    return make_string(escaped(text_of(input)));
  }
  if (name == "replace") {
    const std::string text = text_of(input);
    const std::string to = text_argument(arguments, 1, "new");
    charge((text.size() + 1) * (to.size() + 1) / 16);
    return make_string(replace(text, text_argument(arguments, 0, "old"), to,
                               integer_or(arguments.find(2, "count"), -1)));
  }
  if (name == "indent") {
    const Value* first = arguments.find(1, "first");
    const std::string text = text_of(input);
    const std::int64_t width =
        std::clamp<std::int64_t>(integer_or(arguments.find(0, "width"), 4), 0, kMaxIndent);
    const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    charge(text.size() / 16 + (lines + 1) * static_cast<std::uint64_t>(width + 15) / 16);
    return make_string(indented(text, width, first != nullptr && is_true(*first)));
  }
  if (name == "join") {
    const Value* separator = arguments.find(0, "d");
    const Value* attribute_name = arguments.find(1, "attribute");
    std::string out;
    bool first = true;
    for (const Value& item : items_of(input)) {
      const std::size_t before = out.size();
      out += first || separator == nullptr ? "" : text_of(*separator);
      out += text_of(attribute_name == nullptr ? item : this->item(item, *attribute_name));
      first = false;
      charge(1 + (out.size() - before) / 16);
    }
    return make_string(std::move(out));
  }
  return Value::undefined("filter");
}

Value Evaluator::filter_list(const std::string& name, const Value& input, const Arguments&) {
  if (name == "items" || name == "dictsort") {
    if (name == "items" && input.is_undefined()) {
      return make_list({});
    }
    if (!input.is<DictPointer>()) {
      refuse(concat("the filter \"", name, "\" takes a mapping, not a value of type ",
                    input.type_name()));
    }
    std::vector<std::pair<std::string, Value>> members = input.as_dict()->members;
    if (name == "dictsort") {
      charge(members.size() * 8);
      std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
        return change_case(a.first, "lower") < change_case(b.first, "lower");
      });
    }
    std::vector<Value> pairs;
    for (const auto& [key, value] : members) {
      pairs.push_back(Value::tuple({Value::string(key), value}));
    }
    return make_list(std::move(pairs));
  }
  if (name != "first" && name != "last" && name != "list" && name != "reverse" &&
      name != "unique") {
    return Value::undefined("filter");
  }
  std::vector<Value> items = items_of(input);
  if (name == "first") {
    return items.empty() ? Value::undefined("the first item of nothing") : items.front();
  }
  if (name == "last") {
    return items.empty() ? Value::undefined("the last item of nothing") : items.back();
  }
  if (name == "reverse") {
    std::reverse(items.begin(), items.end());
    if (input.as_string() != nullptr) {
      return apply_filter("join", make_list(std::move(items)), {});
    }
  }
  if (name == "unique") {
    std::vector<Value> seen;
    for (Value& item : items) {
      charge(seen.size());
      charge_walk(item);
      if (std::none_of(seen.begin(), seen.end(), [&](const Value& v) { return equal(v, item); })) {
        seen.push_back(std::move(item));
      }
    }
    items = std::move(seen);
  }
  return make_list(std::move(items));
}

Value Evaluator::filter_number(const std::string& name, const Value& input,
                               const Arguments& arguments) {
  if (name == "abs") {
    if (!input.is_number()) {
      refuse(concat("the filter \"abs\" takes a number, not a value of type ", input.type_name()));
    }
    return input.to_double() < 0 ? binary("-", Value::integer(0), input) : input;
  }
  if (name != "int" && name != "float") {
    return Value::undefined("filter");
  }
  double number = 0;
  if (input.is_number()) {
    if (name == "int" && !input.is<double>()) {
      return Value::integer(input.to_integer());
    }
    number = input.to_double();
  } else {
    const std::string text = strip(text_of(input), Side::kBoth, nullptr);
    const char* end = text.data() + text.size();
    std::int64_t integer = 0;
    const auto whole = std::from_chars(text.data(), end, integer);
    if (name == "int" && whole.ec == std::errc() && whole.ptr == end) {
      return Value::integer(integer);
    }
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      const Value* fallback = arguments.find(0, "default");
      return fallback != nullptr ? *fallback : name == "int" ? Value::integer(0) : Value::number(0);
    }
  }
  if (name == "float") {
    return Value::number(number);
  }
  if (!(std::abs(number) < 9e18)) {
    refuse(concat("the number ", number, " does not fit 64 bits"));
  }
  return Value::integer(static_cast<std::int64_t>(number));
}

Value Evaluator::map_members(const Value& input, const Arguments& arguments) {
  const Value* name = arguments.find(SIZE_MAX, "attribute");
  const Value* fallback = arguments.find(SIZE_MAX, "default");
  std::vector<Value> out;
  for (const Value& member : items_of(input)) {
    if (name != nullptr) {
      Value value = item(member, *name);
      out.push_back(value.is_undefined() && fallback != nullptr ? *fallback : std::move(value));
    } else {
      const Arguments rest{{arguments.positional.begin() + (arguments.positional.empty() ? 0 : 1),
                            arguments.positional.end()},
                           arguments.named};
      out.push_back(apply_filter(text_argument(arguments, 0, "filter"), member, rest));
    }
  }
  return make_list(std::move(out));
}

// map, and the filters that keep the members (or those whose attribute) a test accepts or rejects.
Value Evaluator::filter_members(const std::string& name, const Value& input,
                                const Arguments& arguments) {
  const Level level(*this);
  if (name == "map") {
    return map_members(input, arguments);
  }
  const bool by_attribute = name == "selectattr" || name == "rejectattr";
  const bool rejects = name == "reject" || name == "rejectattr";
  if (!by_attribute && !rejects && name != "select") {
    return Value::undefined("filter");
  }
  const std::size_t test_place = by_attribute ? 1 : 0;
  const bool has_test = arguments.positional.size() > test_place;
  Arguments rest;
  if (has_test) {
    rest.positional.assign(
        arguments.positional.begin() + static_cast<std::ptrdiff_t>(test_place) + 1,
        arguments.positional.end());
  }
  std::vector<Value> out;
  for (Value& member : items_of(input)) {
    const Value value = by_attribute
                            ? item(member, Value::string(text_argument(arguments, 0, "attribute")))
                            : member;
    const bool accepted =
        has_test ? apply_test(text_argument(arguments, test_place, "test"), value, rest)
                 : is_true(value);
    if (accepted != rejects) {
      out.push_back(std::move(member));
    }
  }
  return make_list(std::move(out));
}

}  // namespace cogent::text::jinja
