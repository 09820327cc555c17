#include "tests/unit/weights/test_files.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <unistd.h>

namespace cogent::model {

namespace fs = std::filesystem;

fs::path fixture(const std::string& name) {
  const char* root = std::getenv("COGENT_FIXTURES");
  return fs::path(root == nullptr ? "tests/fixtures" : root) / name;
}

ScratchFolder::ScratchFolder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  path_ = fs::temp_directory_path() /
          concat("cogent-weights-", ::getpid(), "-", info->test_suite_name(), ".", info->name());
  fs::remove_all(path_);
  fs::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << text;
  ASSERT_TRUE(stream.good()) << path;
}

void expect_error(ErrorCode code, const std::vector<std::string>& parts,
                  const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "no error, but one with \"" << parts.front() << "\" was expected";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << error.what();
    }
  }
}

std::vector<ParameterSpec> all_parameters(const ModelConfig& config) {
  std::vector<ParameterSpec> parameters;
  for (const UnitSpec& unit : unit_specs(config)) {
    parameters.insert(parameters.end(), unit.parameters.begin(), unit.parameters.end());
  }
  return parameters;
}

std::vector<float> read_parameter(const WeightSource& source, const ParameterSpec& parameter) {
  std::vector<float> values(static_cast<std::size_t>(parameter.size()), -12345.0F);
  source.read(parameter, values);
  return values;
}

void expect_same_weights(const WeightSource& left, const WeightSource& right) {
  ASSERT_EQ(left.config(), right.config());
  for (const ParameterSpec& parameter : all_parameters(left.config())) {
    const auto expected = read_parameter(left, parameter);
    const auto actual = read_parameter(right, parameter);
    EXPECT_EQ(0, std::memcmp(expected.data(), actual.data(), expected.size() * sizeof(float)))
        << parameter.name;
  }
}

}  // namespace cogent::model
