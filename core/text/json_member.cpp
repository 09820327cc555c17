#include "core/text/json_member.hpp"

#include "core/base/error.hpp"

#include <boost/json/parse.hpp>

namespace cogent::text {

json::value parse_json(std::string_view text, const std::string& where) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  check(!error, ErrorCode::kModel, where, " is not JSON: ", error.message());
  return value;
}

const json::object& as_object(const json::value& value, const std::string& where) {
  check(value.is_object(), ErrorCode::kModel, where, " is not a JSON object");
  return value.get_object();
}

const json::value* find_member(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const json::value& need_member(const json::object& object, std::string_view key,
                               const std::string& where) {
  const json::value* value = find_member(object, key);
  check(value != nullptr, ErrorCode::kModel, where, " has no \"", key, "\"");
  return *value;
}

std::optional<std::string> find_text(const json::object& object, std::string_view key,
                                     const std::string& where) {
  const json::value* value = find_member(object, key);
  if (value == nullptr) {
    return std::nullopt;
  }
  check(value->is_string(), ErrorCode::kModel, where, ": \"", key, "\" is not a string");
  return std::string(value->get_string());
}

std::string need_text(const json::object& object, std::string_view key, const std::string& where) {
  need_member(object, key, where);
  return *find_text(object, key, where);
}

bool flag_or(const json::object& object, std::string_view key, bool fallback,
             const std::string& where) {
  const json::value* value = find_member(object, key);
  if (value == nullptr) {
    return fallback;
  }
  check(value->is_bool(), ErrorCode::kModel, where, ": \"", key, "\" is neither true nor false");
  return value->get_bool();
}

}  // namespace cogent::text
