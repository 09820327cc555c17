#include "core/base/error.hpp"
#include "core/text/jinja_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace cogent::text::jinja {
namespace {

constexpr int kMaxDepth = 200;

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Expression Parser::make(ExpressionKind kind) const {
  return Expression{kind, current().line};
}

// Chains of operators make deep trees without deep recursion of the parser, so depth is counted.
ExpressionPointer Parser::finish(Expression expression) const {
  const auto include = [&](const ExpressionPointer& child) {
    if (child != nullptr) {
      expression.depth = std::max(expression.depth, child->depth + 1);
    }
  };
  for (const ExpressionPointer& child : expression.children) {
    include(child);
  }
  for (const auto& [name, child] : expression.named) {
    include(child);
  }
  if (expression.depth > kMaxDepth) {
    refuse(concat("an expression is deeper than ", kMaxDepth, " operations"));
  }
  return std::make_unique<const Expression>(std::move(expression));
}

ExpressionPointer Parser::unary(ExpressionKind kind, ExpressionPointer value) const {
  Expression expression = make(kind);
  expression.children.push_back(std::move(value));
  return finish(std::move(expression));
}

ExpressionPointer Parser::binary(ExpressionKind kind, std::string text, ExpressionPointer left,
                                 ExpressionPointer right) const {
  Expression expression = make(kind);
  expression.text = std::move(text);
  expression.children.push_back(std::move(left));
  expression.children.push_back(std::move(right));
  return finish(std::move(expression));
}

// One expression, or several with commas between, which are a tuple.
ExpressionPointer Parser::parse_open_tuple() {
  ExpressionPointer first = parse_expression();
  if (!is_operator(",")) {
    return first;
  }
  Expression tuple = make(ExpressionKind::kTuple);
  tuple.children.push_back(std::move(first));
  while (take_operator(",")) {
    if (current().kind == TokenKind::kBlockEnd || current().kind == TokenKind::kOutputEnd) {
      break;
    }
    tuple.children.push_back(parse_expression());
  }
  return finish(std::move(tuple));
}

ExpressionPointer Parser::parse_expression() {
  const Level level(*this);
  ExpressionPointer value = parse_or();
  while (take_name("if")) {
    Expression expression = make(ExpressionKind::kConditional);
    expression.children.push_back(parse_or());
    expression.children.push_back(std::move(value));
    expression.children.push_back(take_name("else") ? parse_expression() : nullptr);
    value = finish(std::move(expression));
  }
  return value;
}

ExpressionPointer Parser::parse_or() {
  ExpressionPointer left = parse_and();
  while (take_name("or")) {
    left = binary(ExpressionKind::kOr, "", std::move(left), parse_and());
  }
  return left;
}

ExpressionPointer Parser::parse_and() {
  ExpressionPointer left = parse_not();
  while (take_name("and")) {
    left = binary(ExpressionKind::kAnd, "", std::move(left), parse_not());
  }
  return left;
}

ExpressionPointer Parser::parse_not() {
  if (take_name("not")) {
    const Level level(*this);
    return unary(ExpressionKind::kNot, parse_not());
  }
  return parse_comparison();
}

ExpressionPointer Parser::parse_comparison() {
  constexpr std::array<std::string_view, 6> kOperators = {"==", "!=", "<", "<=", ">", ">="};
  Expression comparison = make(ExpressionKind::kComparison);
  comparison.children.push_back(parse_sum());
  while (true) {
    if (current().kind == TokenKind::kOperator && contains(kOperators, current().text)) {
      comparison.names.push_back(take().text);
    } else if (take_name("in")) {
      comparison.names.emplace_back("in");
    } else if (is_name("not") && peek().kind == TokenKind::kName && peek().text == "in") {
      take();
      take();
      comparison.names.emplace_back("not in");
    } else {
      break;
    }
    comparison.children.push_back(parse_sum());
  }
  return comparison.names.empty() ? std::move(comparison.children[0])
                                  : finish(std::move(comparison));
}

ExpressionPointer Parser::parse_sum() {
  ExpressionPointer left = parse_concatenation();
  while (is_operator("+") || is_operator("-")) {
    std::string text = take().text;
    left = binary(ExpressionKind::kBinary, std::move(text), std::move(left), parse_concatenation());
  }
  return left;
}

ExpressionPointer Parser::parse_concatenation() {
  ExpressionPointer left = parse_product();
  while (take_operator("~")) {
    left = binary(ExpressionKind::kBinary, "~", std::move(left), parse_product());
  }
  return left;
}

ExpressionPointer Parser::parse_product() {
  ExpressionPointer left = parse_power();
  while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
    std::string text = take().text;
    left = binary(ExpressionKind::kBinary, std::move(text), std::move(left), parse_power());
  }
  return left;
}

ExpressionPointer Parser::parse_power() {
  ExpressionPointer left = parse_unary(Suffix::kAll);
  while (take_operator("**")) {
    left = binary(ExpressionKind::kBinary, "**", std::move(left), parse_unary(Suffix::kAll));
  }
  return left;
}

ExpressionPointer Parser::parse_unary(Suffix suffix) {
  const Level level(*this);
  ExpressionPointer value;
  if (take_operator("-")) {
    value = unary(ExpressionKind::kNegate, parse_unary(Suffix::kWithoutFilters));
  } else if (take_operator("+")) {
    value = parse_unary(Suffix::kWithoutFilters);
  } else {
    value = parse_postfix(parse_primary());
  }
  return suffix == Suffix::kAll ? parse_filters(std::move(value)) : std::move(value);
}

ExpressionPointer Parser::parse_number() {
  Expression constant = make(ExpressionKind::kConstant);
  const Token token = take();
  const char* begin = token.text.data();
  const char* end = begin + token.text.size();
  std::errc error{};
  if (token.kind == TokenKind::kInteger) {
    std::int64_t value = 0;
    error = std::from_chars(begin, end, value).ec;
    constant.constant = Value::integer(value);
  } else {
    double value = 0;
    error = std::from_chars(begin, end, value).ec;
    constant.constant = Value::number(value);
  }
  if (error != std::errc()) {
    refuse(concat("the number ", token.text, " is too large"));
  }
  return finish(std::move(constant));
}

ExpressionPointer Parser::parse_primary() {
  constexpr std::array<std::string_view, 2> kTrue = {"true", "True"};
  constexpr std::array<std::string_view, 2> kFalse = {"false", "False"};
  constexpr std::array<std::string_view, 2> kNone = {"none", "None"};
  Expression value = make(ExpressionKind::kConstant);
  if (current().kind == TokenKind::kInteger || current().kind == TokenKind::kFloat) {
    return parse_number();
  }
  if (current().kind == TokenKind::kString) {
    std::string text;
    while (current().kind == TokenKind::kString) {
      text += take().text;
    }
    value.constant = Value::string(std::move(text));
    return finish(std::move(value));
  }
  if (current().kind == TokenKind::kName) {
    value.text = take().text;
    if (contains(kTrue, value.text) || contains(kFalse, value.text)) {
      value.constant = Value::boolean(contains(kTrue, value.text));
    } else if (contains(kNone, value.text)) {
      value.constant = Value::none();
    } else {
      value.kind = ExpressionKind::kName;
    }
    return finish(std::move(value));
  }
  if (take_operator("(")) {
    return parse_parentheses();
  }
  if (take_operator("[")) {
    return parse_list();
  }
  if (take_operator("{")) {
    return parse_dict();
  }
  refuse(concat("a value is missing before \"", current().text, "\""));
}

ExpressionPointer Parser::parse_parentheses() {
  Expression tuple = make(ExpressionKind::kTuple);
  bool comma = false;
  while (!take_operator(")")) {
    tuple.children.push_back(parse_expression());
    if (!is_operator(")")) {
      need_operator(",");
      comma = true;
    }
  }
  const bool grouped = tuple.children.size() == 1 && !comma;
  return grouped ? std::move(tuple.children[0]) : finish(std::move(tuple));
}

ExpressionPointer Parser::parse_list() {
  Expression list = make(ExpressionKind::kList);
  while (!take_operator("]")) {
    list.children.push_back(parse_expression());
    if (!is_operator("]")) {
      need_operator(",");
    }
  }
  return finish(std::move(list));
}

ExpressionPointer Parser::parse_dict() {
  Expression dict = make(ExpressionKind::kDict);
  while (!take_operator("}")) {
    dict.children.push_back(parse_expression());
    need_operator(":");
    dict.children.push_back(parse_expression());
    if (!is_operator("}")) {
      need_operator(",");
    }
  }
  return finish(std::move(dict));
}

ExpressionPointer Parser::parse_postfix(ExpressionPointer value) {
  while (true) {
    if (take_operator(".")) {
      if (current().kind == TokenKind::kInteger) {
        value = binary(ExpressionKind::kItem, "", std::move(value), parse_number());
        continue;
      }
      Expression attribute = make(ExpressionKind::kAttribute);
      attribute.text = need_name("the name of an attribute");
      attribute.children.push_back(std::move(value));
      value = finish(std::move(attribute));
    } else if (take_operator("[")) {
      value = parse_subscript(std::move(value));
    } else if (is_operator("(")) {
      value = parse_call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPointer Parser::parse_subscript(ExpressionPointer value) {
  Expression slice = make(ExpressionKind::kSlice);
  slice.children.push_back(std::move(value));
  bool colon = false;
  while (!take_operator("]")) {
    ExpressionPointer part = is_operator(":") ? nullptr : parse_expression();
    if (slice.children.size() > 3) {
      refuse("a slice has more than three parts");
    }
    slice.children.push_back(std::move(part));
    if (take_operator(":")) {
      colon = true;
      if (is_operator("]")) {
        slice.children.push_back(nullptr);
      }
    } else if (!is_operator("]")) {
      refuse(concat("a subscript goes on with \"", current().text, "\""));
    }
  }
  if (!colon) {
    if (slice.children.size() != 2) {
      refuse("a subscript is empty");
    }
    slice.kind = ExpressionKind::kItem;
    return finish(std::move(slice));
  }
  slice.children.resize(4);
  return finish(std::move(slice));
}

// The arguments behind an open parenthesis, up to and with the closing one.
void Parser::parse_arguments(Expression& call) {
  while (!take_operator(")")) {
    if (is_operator("*") || is_operator("**")) {
      refuse("unpacked arguments are not supported");
    }
    const bool keyword = current().kind == TokenKind::kName &&
                         peek().kind == TokenKind::kOperator && peek().text == "=";
    if (keyword) {
      std::string name = take().text;
      take();
      call.named.emplace_back(std::move(name), parse_expression());
    } else if (call.named.empty()) {
      call.children.push_back(parse_expression());
    } else {
      refuse("a positional argument follows a named one");
    }
    if (!is_operator(")")) {
      need_operator(",");
    }
  }
}

ExpressionPointer Parser::parse_call(ExpressionPointer value) {
  Expression call = make(ExpressionKind::kCall);
  call.children.push_back(std::move(value));
  need_operator("(");
  parse_arguments(call);
  return finish(std::move(call));
}

ExpressionPointer Parser::parse_filters(ExpressionPointer value) {
  while (true) {
    if (take_operator("|")) {
      Expression filter = make(ExpressionKind::kFilter);
      filter.text = need_name("the name of a filter");
      filter.children.push_back(std::move(value));
      if (take_operator("(")) {
        parse_arguments(filter);
      }
      value = finish(std::move(filter));
    } else if (take_name("is")) {
      value = parse_test(std::move(value));
    } else if (is_operator("(")) {
      value = parse_call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPointer Parser::parse_test(ExpressionPointer value) {
  constexpr std::array<std::string_view, 5> kNoArgument = {"else", "or", "and", "is", "if"};
  const bool negated = take_name("not");
  Expression test = make(ExpressionKind::kTest);
  test.text = need_name("the name of a test");
  test.children.push_back(std::move(value));
  const TokenKind kind = current().kind;
  const bool argument = kind == TokenKind::kString || kind == TokenKind::kInteger ||
                        kind == TokenKind::kFloat || is_operator("[") || is_operator("{") ||
                        (kind == TokenKind::kName && !contains(kNoArgument, current().text) &&
                         !is_name("not") && !is_name("in"));
  if (take_operator("(")) {
    parse_arguments(test);
  } else if (argument) {
    test.children.push_back(parse_postfix(parse_primary()));
  }
  ExpressionPointer finished = finish(std::move(test));
  return negated ? unary(ExpressionKind::kNot, std::move(finished)) : std::move(finished);
}

}  // namespace cogent::text::jinja
