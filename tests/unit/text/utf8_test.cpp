#include "core/text/utf8.hpp"

#include "core/text/byte_level.hpp"

#include <gtest/gtest.h>

namespace cogent::text {
namespace {

TEST(Utf8, ReplacesMaximalInvalidParts) {
  const std::string mark = "\uFFFD";
  EXPECT_EQ(repair_utf8("plain \u00e9 \U0001F600"), "plain \u00e9 \U0001F600");
  EXPECT_EQ(repair_utf8("\x80z"), mark + "z");
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), mark);  // cut off
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98z"), mark + "z");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), mark + mark + mark);             // a surrogate
  EXPECT_EQ(repair_utf8("\xC0\xAF"), mark + mark);                        // overlong
  EXPECT_EQ(repair_utf8("\xF4\x90\x80\x80"), mark + mark + mark + mark);  // past U+10FFFF
}

TEST(Utf8, CodePointsComeBackFromTheirBytes) {
  for (const std::uint32_t point :
       {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text = "a";
    append_utf8(text, point);
    EXPECT_EQ(code_point_at(text, 1).value, point);
    EXPECT_EQ(code_point_at(text, 1).end, text.size());
    EXPECT_EQ(previous_code_point(text, text.size()), 1u);
  }
}

TEST(ByteLevel, SpellsEveryByte) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes += static_cast<char>(byte);
  }
  EXPECT_EQ(from_byte_level(to_byte_level(bytes)), bytes);
  EXPECT_EQ(to_byte_level(" \n"), "\u0120\u010a");
  EXPECT_EQ(from_byte_level("\u0120\u6771"), "\u0120\u6771");
}

}  // namespace
}  // namespace cogent::text
