#include "distributed/checkpoint/counters.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>

#include <string>

namespace cogent::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

CheckpointState state_with(const std::string& value) {
  CheckpointState state;
  state.step = 12;
  state.counters = {{"skipped", value}};
  return state;
}

std::string counter_error(const std::string& value, const std::string& name) {
  try {
    read_counter(state_with(value), name);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheckpoint);
    return error.what();
  }
  return "";
}

TEST(Counters, AreWholeNumbers) {
  EXPECT_EQ(read_counter(state_with("0"), "skipped"), 0);
  EXPECT_EQ(read_counter(state_with("9223372036854775807"), "skipped"), 9223372036854775807);
  for (const char* value : {"", "x", "3 ", "-1", "1.5", "9223372036854775808"}) {
    EXPECT_THAT(counter_error(value, "skipped"),
                AllOf(HasSubstr("step-00000012/manifest.yaml: counters: skipped"),
                      HasSubstr(std::string("\"") + value + "\"")));
  }
}

TEST(Counters, OneThatIsMissingIsNamed) {
  EXPECT_THAT(
      counter_error("1", "schedule_position"),
      AllOf(HasSubstr("step-00000012/manifest.yaml"), HasSubstr("schedule_position is missing")));
}

}  // namespace
}  // namespace cogent::distributed
