#include "core/text/jinja_value.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace cogent::text::jinja {
namespace {

void check_nesting(int depth) {
  check(depth <= kMaxNesting, ErrorCode::kModel, "the chat template nests values ", depth,
        " deep; at most ", kMaxNesting, " are possible");
}

Value make_sequence(std::vector<Value> items, bool is_tuple) {
  Extent extent;
  for (const Value& item : items) {
    extent.include(item.extent());
  }
  check_nesting(extent.depth);
  return Value(Value::Storage(
      ListPointer(std::make_shared<List>(List{std::move(items), is_tuple, extent}))));
}

std::string double_text(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  if (std::isinf(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  char buffer[40];
  const double magnitude = std::abs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), value,
                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, result.ptr);
  if (plain && text.find('.') == std::string::npos) {
    text += ".0";
  }
  return text;
}

std::string quoted(const std::string& text) {
  const bool double_quotes =
      text.find('\'') != std::string::npos && text.find('"') == std::string::npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      constexpr char kDigits[] = "0123456789abcdef";
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string list_repr(const List& list) {
  std::string out = list.is_tuple ? "(" : "[";
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    out += (i == 0 ? "" : ", ") + to_repr(list.items[i]);
  }
  if (list.is_tuple && list.items.size() == 1) {
    out += ",";
  }
  return out + (list.is_tuple ? ")" : "]");
}

std::string dict_repr(const Dict& dict) {
  std::string out = "{";
  for (std::size_t i = 0; i < dict.members.size(); ++i) {
    out += (i == 0 ? "" : ", ") + quoted(dict.members[i].first) + ": " +
           to_repr(dict.members[i].second);
  }
  return out + "}";
}

}  // namespace

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

void Dict::set(std::string key, Value value) {
  extent.include(value.extent());
  check_nesting(extent.depth);
  for (auto& [name, old] : members) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  members.emplace_back(std::move(key), std::move(value));
}

Value Value::list(std::vector<Value> items) {
  return make_sequence(std::move(items), false);
}

Value Value::tuple(std::vector<Value> items) {
  return make_sequence(std::move(items), true);
}

Value Value::dict(Dict members) {
  return Value(Storage(DictPointer(std::make_shared<Dict>(std::move(members)))));
}

Value Value::function(Function function) {
  return Value(Storage(FunctionPointer(std::make_shared<Function>(std::move(function)))));
}

const List* Value::as_list() const {
  const auto* pointer = get_if<ListPointer>();
  return pointer == nullptr ? nullptr : pointer->get();
}

const Dict* Value::as_dict() const {
  if (const auto* pointer = get_if<DictPointer>()) {
    return pointer->get();
  }
  const auto* members = get_if<Dict*>();
  return members == nullptr ? nullptr : *members;
}

double Value::to_double() const {
  const auto* number = get_if<double>();
  return number != nullptr ? *number : static_cast<double>(to_integer());
}

std::int64_t Value::to_integer() const {
  const auto* boolean = get_if<bool>();
  return boolean != nullptr ? static_cast<std::int64_t>(*boolean)
                            : std::get<std::int64_t>(storage_);
}

void Extent::include(const Extent& part) {
  depth = std::max(depth, part.depth + 1);
  weight = std::min(weight + part.weight, kMaxWeight + 1);
}

Extent Value::extent() const {
  if (const List* list = as_list()) {
    return list->extent;
  }
  if (const auto* pointer = get_if<DictPointer>()) {
    return (*pointer)->extent;
  }
  Extent extent;  // a namespace is a reference
  if (const auto* pointer = get_if<FunctionPointer>(); pointer != nullptr && (*pointer)->self) {
    extent.include((*pointer)->self->extent());
  }
  if (const std::string* text = as_string()) {
    extent.weight = std::min(1 + text->size() / 64, kMaxWeight + 1);
  }
  return extent;
}

const char* Value::type_name() const {
  constexpr const char* kNames[] = {"undefined", "None", "bool", "int",      "float",
                                    "str",       "list", "dict", "function", "namespace"};
  const List* sequence = as_list();
  return sequence != nullptr && sequence->is_tuple ? "tuple" : kNames[storage_.index()];
}

bool is_true(const Value& value) {
  if (value.is_number()) {
    return value.to_double() != 0;
  }
  if (const auto* text = value.as_string()) {
    return !text->empty();
  }
  if (const List* list = value.as_list()) {
    return !list->items.empty();
  }
  if (const auto* dict = value.get_if<DictPointer>()) {
    return !(*dict)->members.empty();
  }
  return !value.is_undefined() && !value.is_none();
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    const bool exact = !a.is<double>() && !b.is<double>();
    return exact ? a.to_integer() == b.to_integer() : a.to_double() == b.to_double();
  }
  if (a.as_string() != nullptr && b.as_string() != nullptr) {
    return *a.as_string() == *b.as_string();
  }
  if (a.as_list() != nullptr && b.as_list() != nullptr) {
    const List& left = *a.as_list();
    const List& right = *b.as_list();
    return left.is_tuple == right.is_tuple &&
           std::equal(left.items.begin(), left.items.end(), right.items.begin(), right.items.end(),
                      equal);
  }
  if (a.is<DictPointer>() && b.is<DictPointer>()) {
    const Dict& left = *a.as_dict();
    const Dict& right = *b.as_dict();
    return left.members.size() == right.members.size() &&
           std::all_of(left.members.begin(), left.members.end(), [&](const auto& member) {
             const Value* other = right.find(member.first);
             return other != nullptr && equal(member.second, *other);
           });
  }
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined()) ||
         (a.is<Dict*>() && b.is<Dict*>() && a.as_dict() == b.as_dict());
}

std::string to_text(const Value& value) {
  if (const auto* text = value.as_string()) {
    return *text;
  }
  return value.is_undefined() ? std::string() : to_repr(value);
}

std::string to_repr(const Value& value) {
  if (value.is_undefined()) {
    return "Undefined";
  }
  if (value.is_none()) {
    return "None";
  }
  if (const auto* boolean = value.get_if<bool>()) {
    return *boolean ? "True" : "False";
  }
  if (const auto* integer = value.as_integer()) {
    return std::to_string(*integer);
  }
  if (const auto* number = value.get_if<double>()) {
    return double_text(*number);
  }
  if (const auto* text = value.as_string()) {
    return quoted(*text);
  }
  if (const List* list = value.as_list()) {
    return list_repr(*list);
  }
  if (const auto* dict = value.get_if<DictPointer>()) {
    return dict_repr(**dict);
  }
  fail(ErrorCode::kModel, "the chat template prints a ", value.type_name(), ", which has no text");
}

}  // namespace cogent::text::jinja
