#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/model/weights/weight_source.hpp"
#include "tests/checkpoint/small_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace cogent::distributed {
namespace {

using namespace testing;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

fs::path fixture() {
  return fs::path(std::getenv("COGENT_FIXTURES")) / "models" / "qwen3_qknorm";
}

std::vector<model::ParameterSpec> parameters_of(const model::ModelConfig& config) {
  std::vector<model::ParameterSpec> parameters;
  for (const model::UnitSpec& unit : unit_specs(config)) {
    parameters.insert(parameters.end(), unit.parameters.begin(), unit.parameters.end());
  }
  return parameters;
}

std::vector<float> read_values(const model::WeightSource& source,
                               const model::ParameterSpec& parameter) {
  std::vector<float> values(static_cast<std::size_t>(parameter.size()));
  source.read(parameter, values);
  return values;
}

// Saves the fixture's weights as a checkpoint; the folder of it.
fs::path save_fixture(const fs::path& dir) {
  const auto source = model::open_weights(fixture().string());
  std::vector<std::vector<float>> values;
  std::map<ShardKind, std::vector<ShardView>> shards;
  for (const model::ParameterSpec& parameter : parameters_of(source->config())) {
    values.push_back(read_values(*source, parameter));
    std::vector<std::int64_t> shape = {parameter.rows};
    if (parameter.is_matrix()) {
      shape.push_back(parameter.cols);
    }
    shards[ShardKind::kWeight].push_back({{parameter.name, shape, 0}, values.back()});
  }
  std::map<std::string, std::string> files;
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json"}) {
    files[name] = read_file(fixture() / name, ErrorCode::kUnexpected);
  }
  const auto self = make_self_communicator("self");
  CheckpointStore(dir, *self, 1).save(small_state(1), shards, files);
  return dir / "step-00000001";
}

TEST(CheckpointWeights, AreTheModelsThatWasSaved) {
  const ScratchFolder scratch;
  const fs::path dir = save_fixture(scratch.path());
  const auto saved = model::open_weights(fixture().string());
  const auto found = open_checkpoint_weights(dir);
  EXPECT_EQ(found->config(), saved->config());
  for (const model::ParameterSpec& parameter : parameters_of(saved->config())) {
    EXPECT_EQ(read_values(*found, parameter), read_values(*saved, parameter)) << parameter.name;
  }
  EXPECT_NO_THROW(model::open_tokenizer(dir.string()));
}

TEST(CheckpointWeights, NameWhatIsWrong) {
  const ScratchFolder scratch;
  const fs::path dir = save_fixture(scratch.path());
  const auto source = open_checkpoint_weights(dir);
  std::vector<float> values(6);
  const auto error = [&](const model::ParameterSpec& parameter) -> std::string {
    try {
      source->read(parameter, values);
    } catch (const Error& thrown) {
      return thrown.what();
    }
    return "";
  };
  EXPECT_THAT(error({"model.norm.weight", 6, 0, false}), HasSubstr("the model has 6"));
  EXPECT_THAT(error({"model.norm.weight", 7, 0, false}), HasSubstr("room is given for 6"));
  EXPECT_THAT(error({"other", 6, 0, false}), HasSubstr("does not hold the parameter other"));
  fs::resize_file(dir / "config.json", 3);
  EXPECT_THROW(open_checkpoint_weights(dir), Error);
  EXPECT_THROW(open_checkpoint_weights(scratch.path()), Error);
}

}  // namespace
}  // namespace cogent::distributed
