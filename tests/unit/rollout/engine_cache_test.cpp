// The engine with fewer pages of KV cache than its completions would like to have.
#include "core/base/error.hpp"
#include "rollout/engine.hpp"
#include "rollout/schedule.hpp"
#include "tests/unit/rollout/engine_testing.hpp"
#include "tests/unit/rollout/schedule_testing.hpp"

#include <gtest/gtest.h>

namespace cogent::rollout {
namespace {

using namespace testing;

class BoundedEngine : public ::testing::TestWithParam<const char*> {};

// Preempted completions are computed again, prompts too, in chunks, and go on with the same bits.
TEST_P(BoundedEngine, PreemptionChangesNoDraw) {
  TinyModel tiny(GetParam());
  if (!tiny.transformer.rows_are_independent()) {
    GTEST_SKIP() << "this CPU lacks AVX2 and FMA: the reference ops promise no bits";
  }
  std::int64_t preemptions = 0;
  std::int64_t recomputed = 0;
  for (const float temperature : {0.0F, 0.9F}) {
    auto requests = mixed_requests(tiny.transformer.config(), temperature);
    for (RolloutRequest& request : requests) {
      request.sampling.max_new_tokens += 40;
    }
    const auto expected = generate(tiny, requests);
    for (const std::int64_t more : {0, 3, 8}) {
      const std::int64_t bytes =
          (least_pages(requests) + more) * page_bytes(tiny.transformer.config());
      for (const EngineOptions options :
           {EngineOptions{.draft_rows = 0, .kv_cache_bytes = bytes},
            EngineOptions{.draft_rows = 24, .kv_cache_bytes = bytes},
            EngineOptions{.max_sequences = 5, .max_batch_rows = 4, .kv_cache_bytes = bytes},
            EngineOptions{.kv_cache_bytes = bytes, .page_rows = 5}}) {
        Engine engine(tiny.transformer, tiny.weights, options);
        EXPECT_EQ(all_draws(engine.generate(requests)), all_draws(expected))
            << more << " pages more than the longest completion takes, T " << temperature;
        preemptions += engine.statistics().preemptions;
        recomputed += engine.statistics().recomputed_rows;
      }
    }
  }
  EXPECT_GT(preemptions, 20);
  EXPECT_GT(recomputed, 20 * kPageRows);
}

INSTANTIATE_TEST_SUITE_P(Families, BoundedEngine,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                           "qwen3_qknorm"));

TEST(BoundedEngineOptions, WithoutABoundNothingIsPreempted) {
  TinyModel tiny("llama_gqa3_tied");
  const auto requests = mixed_requests(tiny.transformer.config(), 0.9F);
  for (const std::int64_t slots : {1, 3, 64}) {
    Engine engine(tiny.transformer, tiny.weights, {.max_sequences = slots});
    engine.generate(requests);
    EXPECT_EQ(engine.statistics().preemptions, 0);
    EXPECT_EQ(engine.statistics().recomputed_rows, 0);
  }
}

TEST(BoundedEngineOptions, RefusesACompletionThatTheCacheCannotHold) {
  TinyModel tiny("llama_gqa3_tied");
  const RolloutRequest request = mixed_requests(tiny.transformer.config(), 1).back();
  const std::int64_t needed =
      pages_of_completion(request, kPageRows) * page_bytes(tiny.transformer.config());
  Engine fits(tiny.transformer, tiny.weights, {.kv_cache_bytes = needed});
  EXPECT_EQ(fits.generate(std::span(&request, 1)).size(), 1U);
  Engine small(tiny.transformer, tiny.weights, {.kv_cache_bytes = needed - 1});
  try {
    small.generate(std::span(&request, 1));
    FAIL() << "a completion was drawn that does not fit the bound";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    const std::string message = error.what();
    EXPECT_NE(message.find("prompt 15 has 38 tokens, with 11 more to draw"), std::string::npos)
        << message;
    EXPECT_NE(message.find("rollout.kv_cache_mb allows"), std::string::npos) << message;
  }
  EXPECT_THROW(Engine(tiny.transformer, tiny.weights, {.kv_cache_bytes = -1}), Error);
}

}  // namespace
}  // namespace cogent::rollout
