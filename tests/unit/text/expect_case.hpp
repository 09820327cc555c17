#pragma once

#include "tests/unit/text/text_fixtures.hpp"

#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cogent::text {

using Ids = std::vector<std::int32_t>;

inline Ids ids_member(const boost::json::value& object, const char* key) {
  return boost::json::value_to<Ids>(object.at(key));
}

// One case of a fixture: a text, its ids both ways, and what they decode to.
inline void expect_case(const Tokenizer& tokenizer, const boost::json::value& expected) {
  const std::string input = text_member(expected, "text");
  const Ids parsed = ids_member(expected, "parsed");
  EXPECT_EQ(tokenizer.encode(input), ids_member(expected, "plain")) << input;
  EXPECT_EQ(tokenizer.encode(input, SpecialText::kParse), parsed) << input;
  EXPECT_EQ(tokenizer.decode(parsed), text_member(expected, "decoded"));
  EXPECT_EQ(tokenizer.decode(parsed, SpecialTokens::kSkip), text_member(expected, "skipped"));
}

}  // namespace cogent::text
