#pragma once

#include "core/text/jinja_value.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cogent::text::jinja {

struct Expression;
using ExpressionPointer = std::unique_ptr<const Expression>;

enum class ExpressionKind {
  kConstant,     // constant
  kName,         // text
  kList,         // children
  kTuple,        // children
  kDict,         // children: key, value, key, value ...
  kAttribute,    // children[0] . text
  kItem,         // children[0] [ children[1] ]
  kSlice,        // children[0] [ 1 : 2 : 3 ], null where left out
  kCall,         // children[0] ( children[1..], named )
  kFilter,       // children[0] | text ( children[1..], named )
  kTest,         // children[0] is text ( children[1..] )
  kNot,          // children[0]
  kNegate,       // children[0]
  kAnd,          // children[0], children[1]
  kOr,           // children[0], children[1]
  kBinary,       // children[0] text children[1]; text is an arithmetic operator or ~
  kComparison,   // children[0] names[0] children[1] names[1] children[2] ...
  kConditional,  // children[1] if children[0] else children[2], which may be null
};

struct Expression {
  ExpressionKind kind;
  int line;
  int depth = 1;  // of the tree below
  std::string text = {};
  Value constant = {};
  std::vector<ExpressionPointer> children = {};
  std::vector<std::string> names = {};
  std::vector<std::pair<std::string, ExpressionPointer>> named = {};  // keyword arguments
};

struct Statement;
using Body = std::vector<Statement>;

enum class StatementKind {
  kText,      // text
  kOutput,    // value
  kIf,        // branches: the condition is null in the else branch
  kFor,       // names in value if condition: body, else otherwise
  kSet,       // names = value; text is an attribute of the namespace names[0]
  kSetBlock,  // names[0] = rendered body
  kMacro,     // text(names, the last ones with defaults): body
  kBlock,     // body
  kBreak,
  kContinue,
};

struct Branch;

struct Statement {
  StatementKind kind;
  int line;
  std::string text = {};
  std::vector<std::string> names = {};
  ExpressionPointer value = {};
  ExpressionPointer condition = {};
  std::vector<ExpressionPointer> defaults = {};
  std::vector<Branch> branches = {};
  Body body = {};
  Body otherwise = {};
};

struct Branch {
  ExpressionPointer condition;
  Body body;
};

// The statements of a template. Nesting is bounded, so that the tree can be walked by recursion.
// Throws kModel that names the line and what is not understood.
Body parse_template(std::string_view source);

}  // namespace cogent::text::jinja
