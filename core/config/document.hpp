#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>

namespace cogent {

// The YAML of outside text as one document; a null node where the text is empty. Errors of kUsage
// begin with the source and the line. What yaml-cpp would take without a word is refused here:
// control bytes (one of them is its end mark), broken UTF-8, an unclosed quote at the end, a second
// document. Its own limit of 500 nested levels bounds the recursion.
YAML::Node parse_yaml_document(std::string_view text, const std::string& source);

// Where the first byte stands that is not part of a UTF-8 character; npos where there is none.
std::size_t find_broken_utf8(std::string_view text);

}  // namespace cogent
