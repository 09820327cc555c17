#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cogent::text::jinja {

enum class TokenKind {
  kText,  // outside of tags
  kOutputBegin,
  kOutputEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,  // unescaped
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  std::string text;
  int line;  // from 1
};

// The tokens of a template under trim_blocks and lstrip_blocks, with the white space that "-" and
// "+" signs in tags remove or keep. Comments are dropped. Throws kModel that names the line.
std::vector<Token> tokenize_template(std::string_view source);

}  // namespace cogent::text::jinja
