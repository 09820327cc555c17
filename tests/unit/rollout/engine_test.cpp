#include "rollout/engine.hpp"

#include "core/base/error.hpp"
#include "tests/unit/rollout/engine_testing.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace cogent::rollout {
namespace {

using namespace testing;

std::vector<std::vector<std::int32_t>> all_ids(std::span<const RolloutGroup> groups) {
  std::vector<std::vector<std::int32_t>> ids;
  for (const RolloutGroup& group : groups) {
    for (const Completion& completion : group.completions) {
      ids.push_back(completion.ids);
    }
  }
  return ids;
}

class EngineOnFamilies : public ::testing::TestWithParam<const char*> {};

TEST_P(EngineOnFamilies, GreedyEqualsAFullForwardATokenAtATime) {
  TinyModel tiny(GetParam());
  const auto requests = mixed_requests(tiny.transformer.config(), 0);
  const auto groups = generate(tiny, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::vector<std::int32_t> ids = requests[i].prompt_ids;
    for (const std::int32_t drawn : groups[i].completions.front().ids) {
      const at::Tensor logits = full_logits(tiny, ids);
      const float* values = logits.const_data_ptr<float>();
      const auto best = std::max_element(values, values + logits.numel()) - values;
      ASSERT_EQ(drawn, best);
      ids.push_back(drawn);
    }
  }
}

// Bit by bit where own kernels run: the sampler and a forward without a cache run the same
// arithmetic a row.
TEST_P(EngineOnFamilies, RecordedLogprobsAreThoseOfTheFullForward) {
  TinyModel tiny(GetParam());
  const double tolerance = tiny.transformer.rows_are_independent() ? 0 : 1e-4;
  const auto requests = mixed_requests(tiny.transformer.config(), 1);
  for (const RolloutGroup& group : generate(tiny, requests)) {
    for (const Completion& completion : group.completions) {
      std::vector<std::int32_t> ids = group.prompt_ids;
      ids.insert(ids.end(), completion.ids.begin(), completion.ids.end());
      const auto expected = model::sequence_logprobs(tiny.transformer, tiny.weights, ids);
      ASSERT_EQ(completion.logprobs.size(), completion.ids.size());
      for (std::size_t i = 0; i < completion.ids.size(); ++i) {
        EXPECT_NEAR(completion.logprobs[i], expected[group.prompt_ids.size() - 1 + i], tolerance);
      }
    }
  }
}

TEST_P(EngineOnFamilies, DrawsDoNotDependOnSlotsChunksOrderOrThreads) {
  TinyModel tiny(GetParam());
  if (!tiny.transformer.rows_are_independent()) {
    GTEST_SKIP() << "this CPU lacks AVX2 and FMA: the reference ops promise no bits";
  }
  std::vector<RolloutRequest> requests = mixed_requests(tiny.transformer.config(), 0.9F);
  const auto expected = generate(tiny, requests);
  for (const EngineOptions options :
       {EngineOptions{.max_sequences = 1}, EngineOptions{.max_sequences = 3},
        EngineOptions{.max_sequences = 3, .max_batch_rows = 2},
        EngineOptions{.max_sequences = 64, .max_batch_rows = 1},
        EngineOptions{.max_sequences = 7, .page_rows = 1}, EngineOptions{.page_rows = 64}}) {
    EXPECT_EQ(all_draws(generate(tiny, requests, options)), all_draws(expected))
        << options.max_sequences << " sequences, pages of " << options.page_rows << " rows";
  }
  at::set_num_threads(2);
  EXPECT_EQ(all_draws(generate(tiny, requests)), all_draws(expected));
  at::set_num_threads(1);
  std::reverse(requests.begin(), requests.end());
  std::vector<RolloutGroup> reversed = generate(tiny, requests, {.max_sequences = 5});
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(all_draws(reversed), all_draws(expected));
}

// Speculation: some drafts must be right and some wrong, or the test shows nothing.
TEST_P(EngineOnFamilies, DraftsChangeNoDraw) {
  TinyModel tiny(GetParam());
  if (!tiny.transformer.rows_are_independent()) {
    GTEST_SKIP() << "no own kernels for this CPU: the engine drafts nothing";
  }
  std::int64_t drafted = 0;
  std::int64_t accepted = 0;
  for (const float temperature : {0.0F, 0.3F, 1.0F}) {
    auto requests = mixed_requests(tiny.transformer.config(), temperature);
    for (RolloutRequest& request : requests) {
      request.sampling.max_new_tokens += 40;
      request.sampling.stop_ids = {7, 8};
    }
    const auto plain = generate(tiny, requests, {.max_sequences = 3, .draft_rows = 0});
    for (const std::int64_t slots : {1, 3, 64}) {
      Engine engine(tiny.transformer, tiny.weights, {.max_sequences = slots, .draft_rows = 24});
      const auto groups = engine.generate(requests);
      EXPECT_EQ(all_draws(groups), all_draws(plain)) << slots << " slots, T " << temperature;
      for (std::size_t i = 0; i < groups.size(); ++i) {
        for (std::size_t j = 0; j < groups[i].completions.size(); ++j) {
          EXPECT_EQ(groups[i].completions[j].finish, plain[i].completions[j].finish);
        }
      }
      drafted += engine.statistics().drafted_tokens;
      accepted += engine.statistics().accepted_tokens;
    }
  }
  EXPECT_GT(accepted, 20);
  EXPECT_GT(drafted, accepted + 20);
}

INSTANTIATE_TEST_SUITE_P(Families, EngineOnFamilies,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                           "qwen3_qknorm"));

TEST(Engine, TheSameCallGivesTheSameBits) {
  at::set_num_threads(2);
  TinyModel tiny("llama_gqa3_tied");
  const auto requests = mixed_requests(tiny.transformer.config(), 0.9F);
  Engine engine(tiny.transformer, tiny.weights, {.max_sequences = 4});
  const auto first = engine.generate(requests);
  const auto second = engine.generate(requests);  // over a cache that holds old rows
  for (std::size_t i = 0; i < first.size(); ++i) {
    for (std::size_t j = 0; j < first[i].completions.size(); ++j) {
      EXPECT_EQ(first[i].completions[j].ids, second[i].completions[j].ids);
      EXPECT_EQ(first[i].completions[j].logprobs, second[i].completions[j].logprobs);
    }
  }
  at::set_num_threads(1);
}

TEST(Engine, ResultsCarryTheirRequests) {
  TinyModel tiny("llama_gqa3_tied");
  const auto requests = mixed_requests(tiny.transformer.config(), 1);
  EngineProgress last;
  Engine engine(tiny.transformer, tiny.weights, {.max_sequences = 3});
  const auto groups = engine.generate(requests, [&](const EngineProgress& progress) {
    EXPECT_GE(progress.completion_tokens, last.completion_tokens);
    last = progress;
  });
  std::int64_t tokens = 0;
  ASSERT_EQ(groups.size(), requests.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i].prompt_id, requests[i].prompt_id);
    EXPECT_EQ(groups[i].step, requests[i].step);
    EXPECT_EQ(groups[i].prompt_ids, requests[i].prompt_ids);
    ASSERT_EQ(groups[i].completions.size(), requests[i].group_size);
    for (const Completion& completion : groups[i].completions) {
      EXPECT_EQ(completion.finish, Finish::kLength);
      EXPECT_EQ(static_cast<std::int32_t>(completion.ids.size()),
                requests[i].sampling.max_new_tokens);
      tokens += static_cast<std::int64_t>(completion.ids.size());
    }
  }
  EXPECT_EQ(last.finished, last.completions);
  EXPECT_EQ(last.completion_tokens, tokens);
  EXPECT_EQ(engine.statistics().completion_tokens, tokens);
}

TEST(Engine, CompletionsOfAGroupDiffer) {
  TinyModel tiny("llama_gqa3_tied");
  RolloutRequest request = mixed_requests(tiny.transformer.config(), 1).back();
  request.group_size = 12;
  request.sampling.max_new_tokens = 8;
  const auto ids = all_ids(generate(tiny, std::span(&request, 1)));
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 12U);
}

TEST(Engine, StopsAtAStopTokenAndKeepsIt) {
  TinyModel tiny("llama_gqa3_tied");
  RolloutRequest request = mixed_requests(tiny.transformer.config(), 1)[1];
  request.group_size = 20;
  request.sampling.max_new_tokens = 30;
  const auto free = generate(tiny, std::span(&request, 1), {.max_sequences = 3});
  for (std::int32_t id = 0; id < 40; ++id) {
    request.sampling.stop_ids.push_back(id);
  }
  const auto& stops = request.sampling.stop_ids;
  const auto is_stop = [&](std::int32_t id) {
    return std::find(stops.begin(), stops.end(), id) != stops.end();
  };
  const auto stopped = generate(tiny, std::span(&request, 1), {.max_sequences = 3});
  int ended = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    const auto& longer = free.front().completions[i].ids;
    const Completion& completion = stopped.front().completions[i];
    const auto end = std::find_if(longer.begin(), longer.end(), is_stop);
    const auto kept = end == longer.end() ? end : end + 1;
    EXPECT_EQ(completion.ids, std::vector(longer.begin(), kept));
    EXPECT_EQ(completion.finish, end == longer.end() ? Finish::kLength : Finish::kStop);
    ended += end == longer.end() ? 0 : 1;
  }
  EXPECT_GT(ended, 10) << "the stop tokens hardly occur: the test shows nothing";
}

TEST(Engine, FollowsTheOwnersWeights) {
  TinyModel tiny("llama_gqa3_tied");
  const auto requests = mixed_requests(tiny.transformer.config(), 1);
  Engine engine(tiny.transformer, tiny.weights);
  const auto before = engine.generate(requests);
  tiny.weights.flat[1].mul_(1.5);
  const auto after = engine.generate(requests);
  EXPECT_NE(before.back().completions.front().logprobs, after.back().completions.front().logprobs);
}

// Who publishes, hashes or saves the weights behind a draw finds them as they were.
TEST(Engine, LeavesTheWeightsInTheirOrder) {
  TinyModel tiny("llama_gqa3_tied");
  const model::ModelWeights before = model::load_weights(*tiny.source);
  auto requests = mixed_requests(tiny.transformer.config(), 1);
  const auto expect_unchanged = [&](const char* what) {
    for (std::size_t unit = 0; unit < before.flat.size(); ++unit) {
      EXPECT_TRUE(tiny.weights.flat[unit].equal(before.flat[unit])) << what;
      EXPECT_EQ(tiny.weights.units[unit].front().sizes(), before.units[unit].front().sizes());
    }
  };
  generate(tiny, requests);
  expect_unchanged("behind a draw");
  EXPECT_THROW(
      Engine(tiny.transformer, tiny.weights)
          .generate(requests, [](const EngineProgress&) { throw Error(ErrorCode::kData, "stop"); }),
      Error);
  expect_unchanged("where progress threw");
  requests.back().prompt_ids.clear();
  EXPECT_THROW(generate(tiny, requests), Error);
  expect_unchanged("where a request was refused");
}

TEST(Engine, RefusesWhatTheModelCannotHold) {
  TinyModel tiny("llama_gqa3_tied");
  RolloutRequest request = mixed_requests(tiny.transformer.config(), 1).front();
  const std::int64_t positions = tiny.transformer.config().max_positions;
  request.sampling.max_new_tokens = static_cast<std::int32_t>(positions) - 2;
  try {
    generate(tiny, std::span(&request, 1));
    FAIL() << "a completion past the model's positions was drawn";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find(std::to_string(positions + 1)), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(std::to_string(positions)), std::string::npos);
  }
  request.sampling.max_new_tokens = 4;
  request.prompt_ids.front() = 100'000;
  EXPECT_THROW(generate(tiny, std::span(&request, 1)), Error);
  request.prompt_ids.clear();
  EXPECT_THROW(generate(tiny, std::span(&request, 1)), Error);
  EXPECT_THROW(Engine(tiny.transformer, tiny.weights, {.max_sequences = 0}), Error);
  EXPECT_TRUE(generate(tiny, {}).empty());
}

}  // namespace
}  // namespace cogent::rollout
