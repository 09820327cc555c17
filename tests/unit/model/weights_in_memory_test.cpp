#include "core/base/error.hpp"
#include "core/model/transformer.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace cogent::model {
namespace {

TEST(UnitViews, FollowEachOtherWithoutGaps) {
  for (const ModelConfig& config :
       {testing::llama_like({}), testing::llama_with_all_biases({}), testing::qwen3_like({})}) {
    const ModelWeights weights = allocate_weights(unit_specs(config));
    std::int64_t total = 0;
    for (std::size_t u = 0; u < weights.units.size(); ++u) {
      const float* next = weights.flat[u].const_data_ptr<float>();
      for (const at::Tensor& parameter : weights.units[u]) {
        EXPECT_TRUE(parameter.is_contiguous());
        EXPECT_EQ(parameter.const_data_ptr<float>(), next);
        next += parameter.numel();
      }
      EXPECT_EQ(next - weights.flat[u].const_data_ptr<float>(), weights.flat[u].numel());
      total += weights.flat[u].numel();
    }
    EXPECT_EQ(total, parameter_count(config));
  }
}

TEST(UnitViews, APaddedBufferServesAndAShortOneIsRefused) {
  const UnitSpec unit{"head", {{"norm", 4, 0, false}, {"matrix", 3, 4, true}}};
  const auto views_of = [&](std::int64_t size) {
    return unit_views(unit, at::zeros({size}, at::TensorOptions().dtype(at::kFloat)));
  };
  EXPECT_EQ(views_of(18)[1].sizes(), (std::vector<std::int64_t>{3, 4}));
  EXPECT_THROW(views_of(15), Error);
}

TEST(SequenceLogprobs, OfLessThanTwoTokensAreNone) {
  const ModelConfig config = testing::llama_like({});
  const Transformer model(config, cpu_ops());
  const ModelWeights weights = testing::random_weights(config, 1, at::kFloat);
  EXPECT_TRUE(sequence_logprobs(model, weights, {}).empty());
  EXPECT_TRUE(sequence_logprobs(model, weights, std::vector<std::int32_t>{3}).empty());
  EXPECT_EQ(sequence_logprobs(model, weights, std::vector<std::int32_t>{3, 4, 5}).size(), 2u);
}

}  // namespace
}  // namespace cogent::model
