#include "core/base/error.hpp"
#include "distributed/backend/nccl/nccl_communicator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace cogent::distributed {
namespace {

using ::testing::HasSubstr;

// Without a driver or a device NCCL is out of reach, and that is a sentence.
TEST(Nccl, RefusesADeviceThatIsNotThere) {
  Watchdog watchdog(60, 0, [](int) {});
  const auto self = make_self_communicator("learners");
  try {
    static_cast<void>(make_nccl_communicator(*self, watchdog, {.device = nccl_device_count()}));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), ::testing::AnyOf(HasSubstr("devices"), HasSubstr("COGENT_NCCL")));
  }
}

TEST(Nccl, CountsDevicesWithoutADriver) {
  EXPECT_GE(nccl_device_count(), 0);
}

}  // namespace
}  // namespace cogent::distributed
