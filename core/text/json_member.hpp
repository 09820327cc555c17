#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace cogent::text {

namespace json = boost::json;

// Typed members of a tokenizer file. Errors are of kModel and begin with `where`.

// Parses the text of one JSON value.
json::value parse_json(std::string_view text, const std::string& where);
const json::object& as_object(const json::value& value, const std::string& where);
// The member, or a null pointer where it is absent or null.
const json::value* find_member(const json::object& object, std::string_view key);
const json::value& need_member(const json::object& object, std::string_view key,
                               const std::string& where);
std::string need_text(const json::object& object, std::string_view key, const std::string& where);
std::optional<std::string> find_text(const json::object& object, std::string_view key,
                                     const std::string& where);
bool flag_or(const json::object& object, std::string_view key, bool fallback,
             const std::string& where);

}  // namespace cogent::text
