// Sums of gradients over micro-batches and learners, against sums in float64.
#include "trainer/gradient_sum.hpp"

#include "core/base/philox.hpp"
#include "distributed/reduce.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace cogent::trainer {
namespace {

constexpr std::int64_t kMicroBatches = 3;  // of a learner
constexpr double kFloat = 0x1p-24;         // relative rounding of one operation
constexpr double kBFloat16 = 0x1p-8;

std::vector<model::UnitSpec> example_units() {
  return {{"embedding", {{"e", 100, 6, true}}},
          {"block.0", {{"norm", 5000, 0, false}, {"w", 33, 7, true}}},
          {"head", {{"n", 6, 0, false}}}};
}

// What a learner's micro-batch adds to a value: of either sign and several magnitudes.
float gradient_value(int learner, std::int64_t batch, std::size_t unit, std::int64_t index) {
  const double uniform = draw_uniform({.seed = 11,
                                       .position = static_cast<std::uint32_t>(index),
                                       .completion = static_cast<std::uint32_t>(batch),
                                       .step = static_cast<std::uint32_t>(learner),
                                       .prompt = static_cast<std::uint32_t>(unit)});
  return static_cast<float>(std::ldexp(uniform - 0.5, static_cast<int>(index % 7) - 12));
}

// The sum's own shard behind one update, a vector a unit.
std::vector<std::vector<float>> sum_shards(const ShardLayout& layout,
                                           distributed::Communicator& learners,
                                           const LearnerSettings& settings) {
  GradientSum sum(layout, learners, Numerics::kFast, settings);
  std::vector<std::vector<float>> shards;
  for (int update = 0; update < 2; ++update) {  // nothing of the first is left in the second
    sum.begin_update(kMicroBatches * learners.size());
    for (std::int64_t batch = 0; batch < kMicroBatches; ++batch) {
      for (std::size_t unit = layout.units().size(); unit-- > 0;) {
        std::int64_t index = 0;
        for (const at::Tensor& parameter : sum.gradient_of(unit)) {
          for (std::int64_t i = 0; i < parameter.numel(); ++i) {
            parameter.mutable_data_ptr<float>()[i] +=
                gradient_value(learners.rank(), batch, unit, index++);
          }
        }
        sum.add(unit, batch + 1 == kMicroBatches);
      }
    }
    EXPECT_TRUE(sum.finish());
    shards.clear();
    for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
      const std::int64_t count = layout.counts(unit)[static_cast<std::size_t>(learners.rank())];
      const std::span<const float> values = sum.values(unit, 0, count, {});
      shards.emplace_back(values.begin(), values.end());
    }
  }
  return shards;
}

struct Oracle {
  double sum = 0;         // of all parts
  double magnitudes = 0;  // of their absolute values
  double rounded = 0;     // sum of what travels, each rounded to bfloat16
};

Oracle oracle(int learners, bool at_once, std::size_t unit, std::int64_t index) {
  Oracle result;
  const auto rounded = [](float value) {
    return static_cast<double>(distributed::to_float(distributed::round_to_bfloat16(value)));
  };
  for (int learner = 0; learner < learners; ++learner) {
    float local = 0;
    for (std::int64_t batch = 0; batch < kMicroBatches; ++batch) {
      const float value = gradient_value(learner, batch, unit, index);
      result.sum += static_cast<double>(value);
      result.magnitudes += std::abs(static_cast<double>(value));
      result.rounded += at_once ? rounded(value) : 0;
      local += value;
    }
    result.rounded += at_once ? 0 : rounded(local);
  }
  return result;
}

class GradientSums : public ::testing::TestWithParam<ShardMode> {
 protected:
  GradientSums() : layout(example_units(), world().size()) {}
  distributed::Communicator& world() { return tests::mpi_session().world(); }
  std::vector<std::vector<float>> sums(WeightType reduce) {
    return sum_shards(layout, world(), {.shard = GetParam(), .reduce = reduce});
  }
  // Calls `use(value, oracle)` for every value of this learner's shards.
  template <typename Use>
  void for_each(const std::vector<std::vector<float>>& shards, const Use& use) {
    const bool at_once =
        GetParam() == ShardMode::kGradients || GetParam() == ShardMode::kParameters;
    for (std::size_t unit = 0; unit < shards.size(); ++unit) {
      const std::int64_t begin = layout.bounds(unit)[static_cast<std::size_t>(world().rank())];
      for (std::size_t i = 0; i < shards[unit].size(); ++i) {
        use(static_cast<double>(shards[unit][i]),
            oracle(world().size(), at_once, unit, begin + static_cast<std::int64_t>(i)));
      }
    }
  }
  double additions() { return static_cast<double>(kMicroBatches * world().size()); }

  const ShardLayout layout;
};

TEST_P(GradientSums, InFloat32AreCloseToThoseInFloat64) {
  for_each(sums(WeightType::kFloat32), [&](double value, const Oracle& expected) {
    ASSERT_NEAR(value, expected.sum, additions() * kFloat * expected.magnitudes);
  });
}

// Each part is rounded once, and nothing else is lost: not in the additions of what travelled.
TEST_P(GradientSums, InBfloat16LoseOneRoundingOfEachPart) {
  std::int64_t unlike = 0;  // values that the rounding changes
  for_each(sums(WeightType::kBFloat16), [&](double value, const Oracle& expected) {
    const double float32 = additions() * kFloat * expected.magnitudes;
    ASSERT_NEAR(value, expected.sum, kBFloat16 * expected.magnitudes + float32);
    if (world().size() > 1) {
      ASSERT_NEAR(value, expected.rounded, float32);
      unlike += std::abs(value - expected.sum) > 4 * float32 ? 1 : 0;
    } else {
      ASSERT_NEAR(value, expected.sum, float32) << "nothing travels";
    }
  });
  EXPECT_EQ(unlike > 0, world().size() > 1);
}

TEST_P(GradientSums, InBfloat16HaveTheSameBitsInEveryRun) {
  EXPECT_EQ(sums(WeightType::kBFloat16), sums(WeightType::kBFloat16));
}

TEST_P(GradientSums, InBfloat16AreRefusedUnderExactNumerics) {
  const LearnerSettings settings{.shard = GetParam(), .reduce = WeightType::kBFloat16};
  EXPECT_THROW(GradientSum(layout, world(), Numerics::kExact, settings), Error);
}

INSTANTIATE_TEST_SUITE_P(Modes, GradientSums,
                         ::testing::Values(ShardMode::kOptimizer, ShardMode::kGradients));

}  // namespace
}  // namespace cogent::trainer
