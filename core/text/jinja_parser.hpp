#pragma once

#include "core/text/jinja_ast.hpp"
#include "core/text/jinja_lexer.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace cogent::text::jinja {

// A recursive-descent parser with Jinja's precedences, loosest first: if-else, or, and, not,
// comparison, + -, ~, * / // %, **, sign, then attributes, calls, filters and tests.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Body parse();

 private:
  // Counts the nesting of what the parser is in.
  class Level {
   public:
    explicit Level(Parser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& peek() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token take();
  bool is_operator(std::string_view text) const;
  bool is_name(std::string_view text) const;
  bool take_operator(std::string_view text);
  bool take_name(std::string_view text);
  void need_operator(std::string_view text);
  std::string need_name(std::string_view what);
  void need_block_end();
  [[noreturn]] void refuse(std::string_view what) const;

  // Statements.
  Body parse_body(std::initializer_list<std::string_view> ends);
  Statement parse_statement(const std::string& tag, int line);
  Statement parse_if(int line);
  Statement parse_for(int line);
  Statement parse_set(int line);
  Statement parse_macro(int line);
  void need_end_tag(std::string_view tag);
  std::vector<std::string> parse_targets();

  // Expressions.
  ExpressionPointer parse_expression();
  ExpressionPointer parse_open_tuple();
  ExpressionPointer parse_or();
  ExpressionPointer parse_and();
  ExpressionPointer parse_not();
  ExpressionPointer parse_comparison();
  ExpressionPointer parse_sum();
  ExpressionPointer parse_concatenation();
  ExpressionPointer parse_product();
  ExpressionPointer parse_power();
  enum class Suffix { kAll, kWithoutFilters };
  ExpressionPointer parse_unary(Suffix suffix);
  ExpressionPointer parse_primary();
  ExpressionPointer parse_number();
  ExpressionPointer parse_list();
  ExpressionPointer parse_dict();
  ExpressionPointer parse_parentheses();
  ExpressionPointer parse_postfix(ExpressionPointer value);
  ExpressionPointer parse_subscript(ExpressionPointer value);
  ExpressionPointer parse_call(ExpressionPointer value);
  ExpressionPointer parse_filters(ExpressionPointer value);
  ExpressionPointer parse_test(ExpressionPointer value);
  void parse_arguments(Expression& call);

  Expression make(ExpressionKind kind) const;
  ExpressionPointer finish(Expression expression) const;
  ExpressionPointer unary(ExpressionKind kind, ExpressionPointer value) const;
  ExpressionPointer binary(ExpressionKind kind, std::string text, ExpressionPointer left,
                           ExpressionPointer right) const;

  std::vector<Token> tokens_;  // the last one is kEnd
  std::size_t at_ = 0;
  int level_ = 0;
  int loops_ = 0;  // that the parser is in
};

}  // namespace cogent::text::jinja
