// The engine over bfloat16 computation: close to the full forward, never speculating, with half the
// memory for keys and values.
#include "core/base/error.hpp"
#include "rollout/engine.hpp"
#include "rollout/kv_pages.hpp"
#include "rollout/schedule.hpp"
#include "tests/unit/rollout/engine_testing.hpp"
#include "tests/unit/rollout/schedule_testing.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace cogent::rollout {
namespace {

using namespace testing;

class EngineInBfloat16 : public ::testing::TestWithParam<const char*> {
 protected:
  EngineInBfloat16() : tiny_(GetParam(), at::kBFloat16) {}
  TinyModel tiny_;
};

// Log-probabilities of a forward whose products meet other rows. They are float32 sums over values
// that were rounded some dozens of times.
TEST_P(EngineInBfloat16, RecordedLogprobsAreNearThoseOfTheFullForward) {
  double square = 0;
  std::int64_t tokens = 0;
  for (const RolloutGroup& group : generate(tiny_, mixed_requests(tiny_.transformer.config(), 1))) {
    for (const Completion& completion : group.completions) {
      std::vector<std::int32_t> ids = group.prompt_ids;
      ids.insert(ids.end(), completion.ids.begin(), completion.ids.end());
      const auto expected = model::sequence_logprobs(tiny_.transformer, tiny_.weights, ids);
      for (std::size_t i = 0; i < completion.ids.size(); ++i, ++tokens) {
        const double error =
            static_cast<double>(completion.logprobs[i] - expected[group.prompt_ids.size() - 1 + i]);
        EXPECT_LT(std::abs(error), 0.05);
        square += error * error;
      }
    }
  }
  EXPECT_LT(std::sqrt(square / static_cast<double>(tokens)), 0.01);
}

TEST_P(EngineInBfloat16, DrawsNoDraftsAndTheSameAgain) {
  const auto requests = mixed_requests(tiny_.transformer.config(), 0.9F);
  Engine engine(tiny_.transformer, tiny_.weights, {.max_sequences = 3, .draft_rows = 24});
  const auto groups = engine.generate(requests);
  EXPECT_EQ(engine.statistics().drafted_tokens, 0);
  EXPECT_EQ(all_draws(engine.generate(requests)), all_draws(groups));
}

// Pages of half the bytes: as many as the longest completion needs hold it, and preempt others.
TEST_P(EngineInBfloat16, PagesTakeHalfTheBytes) {
  auto requests = mixed_requests(tiny_.transformer.config(), 0.9F);
  for (RolloutRequest& request : requests) {
    request.sampling.max_new_tokens += 40;
  }
  const std::int64_t bytes = least_pages(requests) * page_bytes(tiny_.transformer.config()) / 2;
  Engine engine(tiny_.transformer, tiny_.weights, {.kv_cache_bytes = bytes});
  for (const RolloutGroup& group : engine.generate(requests)) {
    for (const Completion& completion : group.completions) {
      EXPECT_FALSE(completion.ids.empty());
    }
  }
  EXPECT_GT(engine.statistics().preemptions, 0);
  EXPECT_THROW(
      Engine(tiny_.transformer, tiny_.weights, {.kv_cache_bytes = bytes - 1}).generate(requests),
      Error);
}

INSTANTIATE_TEST_SUITE_P(Families, EngineInBfloat16,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                           "qwen3_qknorm"));

}  // namespace
}  // namespace cogent::rollout
