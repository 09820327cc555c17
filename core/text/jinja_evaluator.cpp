#include "core/text/jinja_evaluator.hpp"

#include "core/base/error.hpp"
#include "core/text/utf8.hpp"

#include <algorithm>

namespace cogent::text::jinja {
namespace {

constexpr int kMaxLevel = 400;
constexpr std::uint64_t kMaxSteps = 5'000'000;
constexpr std::size_t kMaxString = std::size_t{64} << 20;  // bytes
constexpr std::size_t kMaxItems = std::size_t{1} << 20;

}  // namespace

const Value* Arguments::find(std::size_t place, std::string_view name) const {
  if (place < positional.size()) {
    return &positional[place];
  }
  for (const auto& [key, value] : named) {
    if (key == name) {
      return &value;
    }
  }
  return nullptr;
}

Evaluator::Level::Level(Evaluator& evaluator) : evaluator_(evaluator) {
  if (++evaluator_.level_ > kMaxLevel) {
    --evaluator_.level_;
    evaluator_.refuse(concat("it calls deeper than ", kMaxLevel, " levels"));
  }
}

void Evaluator::refuse(std::string_view what) const {
  fail(ErrorCode::kModel, "the chat template, line ", line_, ": ", what);
}

void Evaluator::charge(std::uint64_t steps) {
  steps_ += steps;
  if (steps_ > kMaxSteps) {
    refuse(concat("it takes more than ", kMaxSteps, " steps"));
  }
}

void Evaluator::charge_walk(const Value& value) {
  const std::uint64_t weight = value.extent().weight;
  if (weight > kMaxWeight) {
    refuse(concat("it goes through a value of more than ", kMaxWeight, " parts"));
  }
  charge(weight);
}

std::string Evaluator::text_of(const Value& value) {
  charge_walk(value);
  return to_text(value);
}

Value Evaluator::make_string(std::string text) {
  if (text.size() > kMaxString) {
    refuse(concat("it makes a text of ", text.size(), " bytes; at most ", kMaxString,
                  " are possible"));
  }
  charge(1 + text.size() / 16);
  return Value::string(std::move(text));
}

Value Evaluator::make_list(std::vector<Value> items) {
  if (items.size() > kMaxItems) {
    refuse(concat("it makes a list of ", items.size(), " items; at most ", kMaxItems,
                  " are possible"));
  }
  charge(1 + items.size());
  return Value::list(std::move(items));
}

std::vector<Value> Evaluator::items_of(const Value& value) {
  std::vector<Value> items;
  if (const List* list = value.as_list()) {
    items = list->items;
  } else if (const auto* dict = value.get_if<DictPointer>()) {
    for (const auto& [key, member] : (*dict)->members) {
      items.push_back(Value::string(key));
    }
  } else if (const auto* text = value.as_string()) {
    charge(text->size());
    const std::vector<std::size_t> offsets = code_point_offsets(*text);
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      items.push_back(Value::string(text->substr(offsets[i], offsets[i + 1] - offsets[i])));
    }
  } else if (!value.is_undefined()) {
    refuse(concat("a value of type ", value.type_name(), " has no items to go through"));
  }
  charge(items.size());
  return items;
}

std::string Evaluator::render(const Body& body) {
  std::string out;
  run(body, out);
  return out;
}

Value Evaluator::look_up(const std::string& name) const {
  for (std::size_t i = frames_.size(); i > visible_; --i) {
    const auto found = frames_[i - 1].find(name);
    if (found != frames_[i - 1].end()) {
      return found->second;
    }
  }
  const auto found = frames_[0].find(name);
  if (found != frames_[0].end()) {
    return found->second;
  }
  if (const Value* value = globals_.find(name)) {
    return *value;
  }
  if (name == "range" || name == "namespace" || name == "dict" || name == "raise_exception") {
    return Value::function({name, nullptr, nullptr});
  }
  return Value::undefined(name);
}

Value Evaluator::evaluate(const Expression& expression) {
  const Level level(*this);
  line_ = expression.line;
  Value value = evaluate_kind(expression);
  const std::string* text = value.as_string();
  charge(text == nullptr ? 1 : 1 + text->size() / 64);
  return value;
}

Value Evaluator::evaluate_kind(const Expression& expression) {
  const auto child = [&](std::size_t i) { return evaluate(*expression.children[i]); };
  switch (expression.kind) {
    case ExpressionKind::kConstant:
      return expression.constant;
    case ExpressionKind::kName:
      return look_up(expression.text);
    case ExpressionKind::kList:
      return make_list(evaluate_all(expression.children, 0));
    case ExpressionKind::kTuple:
      return Value::tuple(evaluate_all(expression.children, 0));
    case ExpressionKind::kDict:
      return evaluate_dict(expression);
    case ExpressionKind::kAttribute:
      return attribute(child(0), expression.text);
    case ExpressionKind::kItem: {
      const Value object = child(0);
      return item(object, child(1));
    }
    case ExpressionKind::kSlice:
      return evaluate_slice(expression);
    case ExpressionKind::kCall: {
      const Value callee = child(0);
      return call(callee, evaluate_arguments(expression));
    }
    case ExpressionKind::kFilter: {
      const Value input = child(0);
      return apply_filter(expression.text, input, evaluate_arguments(expression));
    }
    case ExpressionKind::kTest: {
      const Value input = child(0);
      return Value::boolean(apply_test(expression.text, input, evaluate_arguments(expression)));
    }
    case ExpressionKind::kNot:
      return Value::boolean(!is_true(child(0)));
    case ExpressionKind::kNegate:
      return binary("-", Value::integer(0), child(0));
    case ExpressionKind::kAnd: {
      Value left = child(0);
      return is_true(left) ? child(1) : left;
    }
    case ExpressionKind::kOr: {
      Value left = child(0);
      return is_true(left) ? left : child(1);
    }
    case ExpressionKind::kBinary: {
      const Value left = child(0);
      return binary(expression.text, left, child(1));
    }
    case ExpressionKind::kComparison:
      return evaluate_comparison(expression);
    case ExpressionKind::kConditional:
      if (is_true(child(0))) {
        return child(1);
      }
      return expression.children[2] == nullptr ? Value() : child(2);
  }
  refuse("an expression of an unknown kind");
}

std::vector<Value> Evaluator::evaluate_all(const std::vector<ExpressionPointer>& expressions,
                                           std::size_t from) {
  std::vector<Value> values;
  for (std::size_t i = from; i < expressions.size(); ++i) {
    values.push_back(evaluate(*expressions[i]));
  }
  return values;
}

Arguments Evaluator::evaluate_arguments(const Expression& call) {
  Arguments arguments{evaluate_all(call.children, 1), {}};
  for (const auto& [name, value] : call.named) {
    arguments.named.emplace_back(name, evaluate(*value));
  }
  return arguments;
}

Value Evaluator::evaluate_dict(const Expression& expression) {
  Dict dict;
  for (std::size_t i = 0; i + 1 < expression.children.size(); i += 2) {
    const Value key = evaluate(*expression.children[i]);
    if (key.as_string() == nullptr) {
      refuse(concat("a key of a mapping is of type ", key.type_name(), ", not a string"));
    }
    charge(1 + dict.members.size() / 8);
    dict.set(*key.as_string(), evaluate(*expression.children[i + 1]));
  }
  return Value::dict(std::move(dict));
}

Value Evaluator::evaluate_comparison(const Expression& expression) {
  Value left = evaluate(*expression.children[0]);
  for (std::size_t i = 0; i < expression.names.size(); ++i) {
    Value right = evaluate(*expression.children[i + 1]);
    if (!compare(expression.names[i], left, right)) {
      return Value::boolean(false);
    }
    left = std::move(right);
  }
  return Value::boolean(true);
}

// Python's slices, of a list or of the characters of a text.
Value Evaluator::evaluate_slice(const Expression& expression) {
  const Value object = evaluate(*expression.children[0]);
  if (object.as_string() == nullptr && object.as_list() == nullptr) {
    refuse(concat("a value of type ", object.type_name(), " cannot be sliced"));
  }
  const std::vector<Value> items = items_of(object);
  const auto size = static_cast<std::int64_t>(items.size());
  const auto part = [&](std::size_t i, std::int64_t fallback, std::int64_t low, std::int64_t high) {
    const Value value =
        expression.children[i] == nullptr ? Value::none() : evaluate(*expression.children[i]);
    if (value.is_none()) {
      return fallback;
    }
    if (value.as_integer() == nullptr) {
      refuse(concat("a slice has a border of type ", value.type_name(), ", not an integer"));
    }
    const std::int64_t given = *value.as_integer();
    return std::clamp(given < 0 ? given + size : given, low, high);
  };
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  std::int64_t step = 1;
  if (expression.children[3] != nullptr) {
    const Value value = evaluate(*expression.children[3]);
    if (!value.is_none() && value.as_integer() == nullptr) {
      refuse(concat("a slice has a step of type ", value.type_name(), ", not an integer"));
    }
    step = value.is_none() ? 1 : std::clamp(*value.as_integer(), -kLimit, kLimit);
  }
  if (step == 0) {
    refuse("a slice has the step 0");
  }
  const bool forward = step > 0;
  const std::int64_t begin = forward ? part(1, 0, 0, size) : part(1, size - 1, -1, size - 1);
  const std::int64_t end = forward ? part(2, size, 0, size) : part(2, -1, -1, size - 1);
  std::vector<Value> chosen;
  for (std::int64_t i = begin; forward ? i < end : i > end; i += step) {
    chosen.push_back(items[static_cast<std::size_t>(i)]);
  }
  if (object.as_string() == nullptr) {
    return object.as_list()->is_tuple ? Value::tuple(std::move(chosen))
                                      : make_list(std::move(chosen));
  }
  std::string text;
  for (const Value& character : chosen) {
    text += *character.as_string();
  }
  return make_string(std::move(text));
}

}  // namespace cogent::text::jinja
