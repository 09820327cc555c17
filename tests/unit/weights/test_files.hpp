#pragma once

#include "core/base/error.hpp"
#include "core/model/weights/weight_source.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cogent::model {

// A file or folder under tests/fixtures.
std::filesystem::path fixture(const std::string& name);

// A folder of this test's own, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void write_text(const std::filesystem::path& path, const std::string& text);

// Expects an Error of this code whose message holds each part.
void expect_error(ErrorCode code, const std::vector<std::string>& parts,
                  const std::function<void()>& action);

std::vector<ParameterSpec> all_parameters(const ModelConfig& config);
std::vector<float> read_parameter(const WeightSource& source, const ParameterSpec& parameter);
// Expects the same configuration and the same values, bit for bit.
void expect_same_weights(const WeightSource& left, const WeightSource& right);

}  // namespace cogent::model
