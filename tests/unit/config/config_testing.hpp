#pragma once

#include "core/base/error.hpp"
#include "core/config/config.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cogent::testing {

inline RunConfig parse(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  return parse_config(yaml, "run.yaml", overrides);
}

// The message of the usage Error that the action must throw.
template <typename Action>
std::string usage_error(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

inline std::string parse_error(const std::string& yaml,
                               const std::vector<std::string>& overrides = {}) {
  return usage_error([&] { parse(yaml, overrides); });
}

}  // namespace cogent::testing
