#include "core/base/error.hpp"
#include "core/text/jinja_parser.hpp"

#include <algorithm>
#include <utility>

namespace cogent::text::jinja {
namespace {

constexpr int kMaxLevel = 64;

}  // namespace

Parser::Level::Level(Parser& parser) : parser_(parser) {
  if (++parser_.level_ > kMaxLevel) {
    --parser_.level_;
    parser_.refuse(concat("it nests deeper than ", kMaxLevel, " levels"));
  }
}

Token Parser::take() {
  Token token = current();
  if (at_ + 1 < tokens_.size()) {
    ++at_;
  }
  return token;
}

bool Parser::is_operator(std::string_view text) const {
  return current().kind == TokenKind::kOperator && current().text == text;
}

bool Parser::is_name(std::string_view text) const {
  return current().kind == TokenKind::kName && current().text == text;
}

bool Parser::take_operator(std::string_view text) {
  const bool found = is_operator(text);
  if (found) {
    take();
  }
  return found;
}

bool Parser::take_name(std::string_view text) {
  const bool found = is_name(text);
  if (found) {
    take();
  }
  return found;
}

void Parser::need_operator(std::string_view text) {
  if (!take_operator(text)) {
    refuse(concat("\"", text, "\" is missing before \"", current().text, "\""));
  }
}

std::string Parser::need_name(std::string_view what) {
  if (current().kind != TokenKind::kName) {
    refuse(concat(what, " is missing before \"", current().text, "\""));
  }
  return take().text;
}

void Parser::need_block_end() {
  if (current().kind != TokenKind::kBlockEnd) {
    refuse(concat("a tag goes on with \"", current().text, "\", which is not understood"));
  }
  take();
}

void Parser::refuse(std::string_view what) const {
  fail(ErrorCode::kModel, "the chat template, line ", current().line, ": ", what);
}

Body parse_template(std::string_view source) {
  return Parser(tokenize_template(source)).parse();
}

Body Parser::parse() {
  return parse_body({});
}

// Statements up to a tag of these names, which stays the current token; without names up to the end
// of the template.
Body Parser::parse_body(std::initializer_list<std::string_view> ends) {
  const Level level(*this);
  Body body;
  while (current().kind != TokenKind::kEnd) {
    const int line = current().line;
    if (current().kind == TokenKind::kText) {
      Statement& text = body.emplace_back(Statement{StatementKind::kText, line});
      text.text = take().text;
    } else if (current().kind == TokenKind::kOutputBegin) {
      take();
      Statement& output = body.emplace_back(Statement{StatementKind::kOutput, line});
      output.value = parse_open_tuple();
      if (current().kind != TokenKind::kOutputEnd) {
        refuse(
            concat("an expression goes on with \"", current().text, "\", which is not understood"));
      }
      take();
    } else {
      take();  // kBlockBegin: the lexer leaves no other kind outside of tags
      const std::string tag = need_name("the name of a tag");
      if (std::find(ends.begin(), ends.end(), tag) != ends.end()) {
        --at_;
        return body;
      }
      body.push_back(parse_statement(tag, line));
    }
  }
  if (ends.size() != 0) {
    refuse(concat("the tag \"", *(ends.end() - 1), "\" is missing"));
  }
  return body;
}

Statement Parser::parse_statement(const std::string& tag, int line) {
  if (tag == "if") {
    return parse_if(line);
  }
  if (tag == "for") {
    return parse_for(line);
  }
  if (tag == "set") {
    return parse_set(line);
  }
  if (tag == "macro") {
    return parse_macro(line);
  }
  if (tag == "generation") {
    need_block_end();
    Statement block{StatementKind::kBlock, line};
    block.body = parse_body({"endgeneration"});
    need_end_tag("endgeneration");
    return block;
  }
  if ((tag == "break" || tag == "continue") && loops_ > 0) {
    need_block_end();
    return Statement{tag == "break" ? StatementKind::kBreak : StatementKind::kContinue, line};
  }
  refuse(concat("the tag \"", tag, "\" is not supported here"));
}

void Parser::need_end_tag(std::string_view tag) {
  if (!take_name(tag)) {
    refuse(concat("the tag \"", tag, "\" is missing"));
  }
  need_block_end();
}

Statement Parser::parse_if(int line) {
  Statement statement{StatementKind::kIf, line};
  Branch branch{parse_or(), {}};
  while (true) {
    need_block_end();
    branch.body =
        branch.condition == nullptr ? parse_body({"endif"}) : parse_body({"elif", "else", "endif"});
    statement.branches.push_back(std::move(branch));
    branch = Branch{};
    if (take_name("elif")) {
      branch.condition = parse_or();
    } else if (!take_name("else")) {
      break;
    }
  }
  need_end_tag("endif");
  return statement;
}

std::vector<std::string> Parser::parse_targets() {
  const bool parentheses = take_operator("(");
  std::vector<std::string> targets;
  do {
    targets.push_back(need_name("the name of a variable"));
  } while (take_operator(","));
  if (parentheses) {
    need_operator(")");
  }
  return targets;
}

Statement Parser::parse_for(int line) {
  Statement statement{StatementKind::kFor, line};
  statement.names = parse_targets();
  if (!take_name("in")) {
    refuse("a for tag has no \"in\"");
  }
  statement.value = parse_or();
  if (take_name("if")) {
    statement.condition = parse_or();
  }
  if (is_name("recursive")) {
    refuse("recursive loops are not supported");
  }
  need_block_end();
  ++loops_;
  statement.body = parse_body({"else", "endfor"});
  --loops_;
  if (take_name("else")) {
    need_block_end();
    statement.otherwise = parse_body({"endfor"});
  }
  need_end_tag("endfor");
  return statement;
}

Statement Parser::parse_set(int line) {
  Statement statement{StatementKind::kSet, line};
  statement.names = parse_targets();
  if (statement.names.size() == 1 && take_operator(".")) {
    statement.text = need_name("the name of an attribute");
  }
  if (take_operator("=")) {
    statement.value = parse_open_tuple();
    need_block_end();
    return statement;
  }
  if (statement.names.size() != 1 || !statement.text.empty()) {
    refuse("a set tag has no value");
  }
  statement.kind = StatementKind::kSetBlock;
  need_block_end();
  statement.body = parse_body({"endset"});
  need_end_tag("endset");
  return statement;
}

Statement Parser::parse_macro(int line) {
  Statement statement{StatementKind::kMacro, line};
  statement.text = need_name("the name of a macro");
  need_operator("(");
  while (!take_operator(")")) {
    statement.names.push_back(need_name("the name of an argument"));
    if (take_operator("=")) {
      statement.defaults.push_back(parse_expression());
    } else if (!statement.defaults.empty()) {
      refuse("an argument without a default follows one with a default");
    }
    if (!is_operator(")")) {
      need_operator(",");
    }
  }
  need_block_end();
  const int outer_loops = std::exchange(loops_, 0);
  statement.body = parse_body({"endmacro"});
  loops_ = outer_loops;
  need_end_tag("endmacro");
  return statement;
}

}  // namespace cogent::text::jinja
