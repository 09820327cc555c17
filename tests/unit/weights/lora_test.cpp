#include "core/model/weights/lora.hpp"

#include "core/model/weights/merged_weights.hpp"
#include "tests/unit/weights/test_files.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace cogent::model {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

ModelConfig fixture_config() {
  return open_weights(fixture("models/llama_gqa3_tied").string())->config();
}

std::vector<float> values_of(const Adapter& adapter, const ParameterSpec& parameter) {
  std::vector<float> values(static_cast<std::size_t>(parameter.size()));
  adapter.read(parameter, values);
  return values;
}

TEST(LoraConfig, ScaleOfBothKinds) {
  EXPECT_EQ((LoraConfig{.rank = 4, .alpha = 6}.scale()), 1.5);
  EXPECT_EQ((LoraConfig{.rank = 4, .alpha = 6, .use_rslora = true}.scale()), 3);
  EXPECT_FALSE(LoraConfig().on());
}

TEST(LoraTargets, AreNamedAsPeftNamesThem) {
  const LoraConfig two{.rank = 1, .targets = lora_targets({"v_proj", "q_proj"}, "lora.targets")};
  EXPECT_THAT(target_names(two), ElementsAre("q_proj", "v_proj"));
  EXPECT_THAT(lora_targets({"q_proj", "all-linear"}, "lora.targets"), Each(true));
  expect_error(ErrorCode::kUsage, {"lora.targets", "\"query\"", "q_proj, k_proj", "all-linear"},
               [] { lora_targets({"query"}, "lora.targets"); });
  expect_error(ErrorCode::kUsage, {"lora.targets is empty"},
               [] { lora_targets({}, "lora.targets"); });
}

TEST(AdapterSpecs, StandInPeftsNamesAndShapes) {
  const ModelConfig config = fixture_config();
  const LoraConfig lora{.rank = 4, .targets = lora_targets({"k_proj", "down_proj"}, "targets")};
  const auto units = adapter_specs(config, lora);
  ASSERT_EQ(units.size(), unit_specs(config).size());
  EXPECT_TRUE(units.front().parameters.empty());
  EXPECT_TRUE(units.back().parameters.empty());
  const auto& block = units[2].parameters;
  ASSERT_EQ(block.size(), 4U);
  const std::string layer = "base_model.model.model.layers.1.";
  EXPECT_EQ(block[0].name, layer + "self_attn.k_proj.lora_A.weight");
  EXPECT_EQ(block[0].rows, 4);
  EXPECT_EQ(block[0].cols, config.hidden_size);
  EXPECT_EQ(block[1].name, layer + "self_attn.k_proj.lora_B.weight");
  EXPECT_EQ(block[1].rows, config.num_kv_heads * config.head_dim);
  EXPECT_EQ(block[1].cols, 4);
  EXPECT_EQ(block[2].name, layer + "mlp.down_proj.lora_A.weight");
  EXPECT_EQ(block[2].cols, config.intermediate_size);
  for (const UnitSpec& unit : adapter_specs(config, {})) {
    EXPECT_TRUE(unit.parameters.empty());
  }
}

// Kaiming-uniform with a = sqrt 5: bound sqrt(6 / ((1 + 5) inputs)), standard deviation bound /
// sqrt 3.
TEST(NewAdapter, IsDrawnAsPeftDoes) {
  ModelConfig config = fixture_config();
  config.hidden_size = 600;
  const LoraConfig lora{.rank = 16, .targets = lora_targets({"all-linear"}, "targets")};
  const Adapter adapter = new_adapter(config, lora, 7);
  const auto block = adapter_specs(config, lora)[1].parameters;
  const std::vector<float> a = values_of(adapter, block[0]);
  const double bound = 1 / std::sqrt(600.0);
  double squares = 0, sum = 0;
  for (const float value : a) {
    ASSERT_LE(std::abs(static_cast<double>(value)), bound);
    squares += static_cast<double>(value) * static_cast<double>(value);
    sum += static_cast<double>(value);
  }
  const auto count = static_cast<double>(a.size());
  EXPECT_NEAR(std::sqrt(squares / count), bound / std::sqrt(3.0), 0.02 * bound);
  EXPECT_NEAR(sum / count, 0, 0.02 * bound);
  EXPECT_GT(*std::ranges::max_element(a), 0.99 * bound);
  EXPECT_THAT(values_of(adapter, block[1]), Each(0.0F));
}

TEST(NewAdapter, DependsOnSeedAndParameterAlone) {
  const ModelConfig config = fixture_config();
  const LoraConfig all{.rank = 4, .targets = lora_targets({"all-linear"}, "targets")};
  LoraConfig one{.rank = 4, .targets = lora_targets({"up_proj"}, "targets")};
  const ParameterSpec up = adapter_specs(config, one)[1].parameters[0];
  const std::vector<float> values = values_of(new_adapter(config, all, 7), up);
  EXPECT_EQ(values_of(new_adapter(config, one, 7), up), values);
  EXPECT_NE(values_of(new_adapter(config, one, 8), up), values);
  std::set<float> firsts;
  std::size_t matrices = 0;
  for (const UnitSpec& unit : adapter_specs(config, all)) {
    for (std::size_t p = 0; p < unit.parameters.size(); p += 2) {
      firsts.insert(values_of(new_adapter(config, all, 7), unit.parameters[p]).front());
      ++matrices;
    }
  }
  EXPECT_EQ(firsts.size(), matrices);
}

TEST(MergedWeights, AddTheScaledProduct) {
  const std::string path = fixture("models/llama_gqa3_tied").string();
  const auto base = open_weights(path);
  const LoraConfig lora{.rank = 3, .alpha = 5, .targets = lora_targets({"o_proj"}, "targets")};
  const auto value = [](const ParameterSpec& parameter, std::size_t i) {
    return static_cast<float>(std::sin(static_cast<double>(i + parameter.name.size())));
  };
  const auto merged = merge_adapter(
      open_weights(path), {lora, [&](const ParameterSpec& parameter, std::span<float> out) {
                             for (std::size_t i = 0; i < out.size(); ++i) {
                               out[i] = value(parameter, i);
                             }
                           }});
  EXPECT_EQ(merged->config(), base->config());
  const auto block = adapter_specs(base->config(), lora)[1].parameters;
  for (const ParameterSpec& parameter : all_parameters(base->config())) {
    std::vector<float> expected = read_parameter(*base, parameter);
    if (parameter.name.ends_with("o_proj.weight")) {
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto columns = static_cast<std::size_t>(parameter.cols);
        double product = 0;
        for (std::size_t r = 0; r < 3; ++r) {
          product += static_cast<double>(value(block[1], i / columns * 3 + r)) *
                     static_cast<double>(value(block[0], r * columns + i % columns));
        }
        expected[i] = static_cast<float>(static_cast<double>(expected[i]) + 5.0 / 3.0 * product);
      }
      const std::vector<float> got = read_parameter(*merged, parameter);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 1e-7 * (1 + std::abs(expected[i]))) << parameter.name;
      }
      continue;
    }
    EXPECT_EQ(read_parameter(*merged, parameter), expected) << parameter.name;
  }
}

}  // namespace
}  // namespace cogent::model
