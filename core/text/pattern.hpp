#pragma once

#include "core/text/json_member.hpp"
#include "core/text/regex.hpp"

#include <string>

namespace cogent::text {

// The `pattern` member of a Split or Replace step: {"String": text} or {"Regex": expression}.
Regex read_pattern(const json::object& step, const std::string& where);

}  // namespace cogent::text
