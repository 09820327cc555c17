#include "core/base/error.hpp"
#include "core/text/jinja_evaluator.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>
#include <array>

namespace cogent::text::jinja {
namespace {

constexpr std::array<std::string_view, 17> kStringMethods = {
    "strip", "lstrip",     "rstrip", "upper",        "lower",       "title",
    "split", "rsplit",     "join",   "replace",      "startswith",  "endswith",
    "find",  "capitalize", "count",  "removeprefix", "removesuffix"};
constexpr std::array<std::string_view, 4> kDictMethods = {"items", "keys", "values", "get"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::size_t count_code_points(std::string_view text) {
  return code_point_offsets(text).size() - 1;
}

// Python's str.split(separator, limit); a null separator: runs of white space.
std::vector<std::string> split(const std::string& text, const std::string* separator,
                               std::int64_t limit) {
  std::vector<std::string> parts;
  std::string rest = separator == nullptr ? strip(text, Side::kLeft, nullptr) : text;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    std::size_t cut = 0;
    if (separator != nullptr) {
      cut = rest.find(*separator);
    } else {
      while (cut < rest.size() && !is_white_space(code_point_at(rest, cut).value)) {
        cut = code_point_at(rest, cut).end;
      }
    }
    if (cut == std::string::npos || (separator == nullptr && cut == rest.size())) {
      break;
    }
    parts.push_back(rest.substr(0, cut));
    rest = separator == nullptr ? strip(rest.substr(cut), Side::kLeft, nullptr)
                                : rest.substr(cut + separator->size());
  }
  if (separator != nullptr || !rest.empty()) {
    parts.push_back(rest);
  }
  return parts;
}

std::vector<std::string> split_right(const std::string& text, const std::string& separator,
                                     std::int64_t limit) {
  std::vector<std::string> parts;
  std::string rest = text;
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    const std::size_t cut = rest.rfind(separator);
    if (cut == std::string::npos) {
      break;
    }
    parts.push_back(rest.substr(cut + separator.size()));
    rest.resize(cut);
  }
  parts.push_back(rest);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

Value Evaluator::attribute(const Value& object, const std::string& name) {
  const bool method = (object.as_string() != nullptr && has(kStringMethods, name)) ||
                      (object.is<DictPointer>() && has(kDictMethods, name));
  if (method) {
    return Value::function({name, std::make_shared<Value>(object), nullptr});
  }
  if (const Dict* dict = object.as_dict()) {
    const Value* member = dict->find(name);
    return member != nullptr ? *member : Value::undefined(name);
  }
  if (const auto* missing = object.get_if<Undefined>()) {
    refuse(concat("\"", missing->name, "\" is not defined, so it has no \"", name, "\""));
  }
  return Value::undefined(name);
}

std::string Evaluator::text_argument(const Arguments& arguments, std::size_t place,
                                     std::string_view name) {
  const Value* value = arguments.find(place, name);
  if (value == nullptr || value->as_string() == nullptr) {
    refuse(concat("the argument \"", name, "\" is ",
                  value == nullptr ? "missing" : value->type_name(), ", not a string"));
  }
  return *value->as_string();
}

Value Evaluator::call(const Value& callee, const Arguments& arguments) {
  const auto* function = callee.get_if<FunctionPointer>();
  if (function == nullptr) {
    const auto* missing = callee.get_if<Undefined>();
    refuse(missing != nullptr ? concat("the function \"", missing->name, "\" is not known")
                              : concat("a value of type ", callee.type_name(), " is called"));
  }
  if ((*function)->macro != nullptr) {
    return call_macro(*(*function)->macro, arguments);
  }
  return (*function)->self == nullptr ? call_global((*function)->name, arguments)
                                      : call_method(**function, arguments);
}

// A macro sees the template's own variables, not those of the place that calls it.
Value Evaluator::call_macro(const Statement& macro, const Arguments& arguments) {
  const Level level(*this);
  if (arguments.positional.size() > macro.names.size()) {
    refuse(concat("the macro \"", macro.text, "\" has ", macro.names.size(), " arguments, not ",
                  arguments.positional.size()));
  }
  const std::size_t first_default = macro.names.size() - macro.defaults.size();
  Frame frame;
  for (std::size_t i = 0; i < macro.names.size(); ++i) {
    const Value* given = arguments.find(i, macro.names[i]);
    if (given != nullptr) {
      frame[macro.names[i]] = *given;
    } else {
      frame[macro.names[i]] = i < first_default ? Value::undefined(macro.names[i])
                                                : evaluate(*macro.defaults[i - first_default]);
    }
  }
  const std::size_t outer = std::exchange(visible_, frames_.size());
  frames_.push_back(std::move(frame));
  std::string out;
  run(macro.body, out);
  frames_.pop_back();
  visible_ = outer;
  return make_string(std::move(out));
}

Value Evaluator::call_global(const std::string& name, const Arguments& arguments) {
  if (name == "raise_exception") {
    fail(ErrorCode::kModel,
         "the chat template refuses the conversation: ", text_argument(arguments, 0, "message"));
  }
  if (name == "range") {
    return make_range(arguments);
  }
  Dict members;
  if (const Value* from = arguments.find(0, "")) {
    if (from->as_dict() == nullptr) {
      refuse(concat(name, "() takes a mapping, not a value of type ", from->type_name()));
    }
    members = *from->as_dict();
  }
  for (const auto& [key, value] : arguments.named) {
    members.set(key, value);
  }
  if (name == "dict") {
    return Value::dict(std::move(members));
  }
  charge(16);
  namespaces_.push_back(std::make_unique<Dict>(std::move(members)));
  return Value::name_space(namespaces_.back().get());
}

Value Evaluator::make_range(const Arguments& arguments) {
  std::array<std::int64_t, 3> parts = {0, 0, 1};
  const std::size_t count = arguments.positional.size();
  for (std::size_t i = 0; i < count && i < 3; ++i) {
    if (arguments.positional[i].as_integer() == nullptr) {
      refuse(concat("range() takes integers, not a value of type ",
                    arguments.positional[i].type_name()));
    }
    parts[count == 1 ? 1 : i] = *arguments.positional[i].as_integer();
  }
  const auto [begin, end, step] = parts;
  constexpr std::int64_t kLimit = 100'000;  // Jinja's sandbox has the same
  const bool in_range = std::abs(begin / 2) < (std::int64_t{1} << 60) &&
                        std::abs(end / 2) < (std::int64_t{1} << 60) &&
                        std::abs(step / 2) < (std::int64_t{1} << 60);
  if (count < 1 || count > 3 || step == 0 || !in_range || (end - begin) / step >= kLimit) {
    refuse(concat("range() takes 1 to 3 integers and gives at most ", kLimit, " numbers"));
  }
  std::vector<Value> numbers;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
    numbers.push_back(Value::integer(i));
  }
  return make_list(std::move(numbers));
}

Value Evaluator::call_method(const Function& method, const Arguments& arguments) {
  const Value& self = *method.self;
  if (const auto* text = self.as_string()) {
    charge(1 + text->size() / 16);
    return call_string_method(*text, method.name, arguments);
  }
  if (const auto* index = self.as_integer()) {  // loop.cycle
    if (arguments.positional.empty()) {
      refuse("loop.cycle() has no arguments");
    }
    const auto count = static_cast<std::int64_t>(arguments.positional.size());
    return arguments.positional[static_cast<std::size_t>(*index % count)];
  }
  const Dict& dict = *self.as_dict();
  if (method.name == "get") {
    const Value* member = dict.find(text_argument(arguments, 0, "key"));
    const Value* fallback = arguments.find(1, "default");
    return member != nullptr ? *member : fallback != nullptr ? *fallback : Value::none();
  }
  std::vector<Value> items;
  for (const auto& [key, value] : dict.members) {
    items.push_back(method.name == "keys"     ? Value::string(key)
                    : method.name == "values" ? value
                                              : Value::tuple({Value::string(key), value}));
  }
  return make_list(std::move(items));
}

Value Evaluator::call_string_method(const std::string& text, const std::string& name,
                                    const Arguments& arguments) {
  const Value* first = arguments.find(0, "");
  const std::string* first_text = first == nullptr ? nullptr : first->as_string();
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    const Side side = name == "strip" ? Side::kBoth : name == "lstrip" ? Side::kLeft : Side::kRight;
    return make_string(strip(text, side, first_text));
  }
  if (name == "upper" || name == "lower" || name == "title" || name == "capitalize") {
    return make_string(change_case(text, name));
  }
  if (name == "split" || name == "rsplit") {
    return split_string(text, name, arguments);
  }
  if (name == "join") {
    Arguments separator{{Value::string(text)}, {}};
    return apply_filter("join", first == nullptr ? Value() : *first, separator);
  }
  if (name == "replace") {
    const Value* count = arguments.find(2, "count");
    const std::string to = text_argument(arguments, 1, "new");
    charge((text.size() + 1) * (to.size() + 1) / 16);
    return make_string(
        replace(text, text_argument(arguments, 0, "old"), to,
                count == nullptr || count->as_integer() == nullptr ? -1 : *count->as_integer()));
  }
  return search_string(text, name, arguments);
}

// split and rsplit.
Value Evaluator::split_string(const std::string& text, const std::string& name,
                              const Arguments& arguments) {
  const Value* first = arguments.find(0, "");
  const std::string* first_text = first == nullptr ? nullptr : first->as_string();
  const Value* limit = arguments.find(1, "maxsplit");
  const std::int64_t most =
      limit == nullptr || limit->as_integer() == nullptr ? -1 : *limit->as_integer();
  if (first_text != nullptr && first_text->empty()) {
    refuse("a text is split at an empty text");
  }
  if (name == "rsplit" && first_text == nullptr) {
    refuse("rsplit() without a separator is not supported");
  }
  std::vector<Value> parts;
  charge(text.size());
  for (std::string& part :
       name == "split" ? split(text, first_text, most) : split_right(text, *first_text, most)) {
    parts.push_back(Value::string(std::move(part)));
  }
  return make_list(std::move(parts));
}

// The methods that look for a part of the text.
Value Evaluator::search_string(const std::string& text, const std::string& name,
                               const Arguments& arguments) {
  const Value* first = arguments.find(0, "");
  if ((name == "startswith" || name == "endswith") && first != nullptr &&
      first->as_list() != nullptr) {
    const std::vector<Value>& options = first->as_list()->items;
    return Value::boolean(std::any_of(options.begin(), options.end(), [&](const Value& option) {
      return is_true(search_string(text, name, {{option}, {}}));
    }));
  }
  const std::string part = text_argument(arguments, 0, "text");
  if (name == "startswith") {
    return Value::boolean(text.starts_with(part));
  }
  if (name == "endswith") {
    return Value::boolean(text.ends_with(part));
  }
  if (name == "removeprefix") {
    return make_string(text.starts_with(part) ? text.substr(part.size()) : text);
  }
  if (name == "removesuffix") {
    return make_string(text.ends_with(part) ? text.substr(0, text.size() - part.size()) : text);
  }
  if (name == "count") {
    if (part.empty()) {
      return Value::integer(static_cast<std::int64_t>(count_code_points(text)) + 1);
    }
    std::int64_t count = 0;
    for (std::size_t i = text.find(part); i != std::string::npos;
         i = text.find(part, i + part.size())) {
      ++count;
    }
    return Value::integer(count);
  }
  const std::size_t place = text.find(part);  // find
  return Value::integer(place == std::string::npos ? -1
                                                   : static_cast<std::int64_t>(count_code_points(
                                                         std::string_view(text).substr(0, place))));
}

}  // namespace cogent::text::jinja
