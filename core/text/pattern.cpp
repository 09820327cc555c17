#include "core/text/pattern.hpp"

#include "core/base/error.hpp"

namespace cogent::text {

Regex read_pattern(const json::object& step, const std::string& where) {
  const json::value& pattern = need_member(step, "pattern", where);
  const json::object& object = as_object(pattern, where + ": \"pattern\"");
  if (const auto text = find_text(object, "String", where)) {
    return Regex::literal(*text);
  }
  if (const auto expression = find_text(object, "Regex", where)) {
    return Regex(*expression);
  }
  fail(ErrorCode::kModel, where, ": \"pattern\" has neither \"String\" nor \"Regex\"");
}

}  // namespace cogent::text
