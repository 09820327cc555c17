#include "rollout/engine_statistics.hpp"

#include "core/base/error.hpp"
#include "rollout/engine.hpp"
#include "rollout/schedule.hpp"
#include "tests/unit/rollout/engine_testing.hpp"
#include "tests/unit/rollout/schedule_testing.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace cogent::rollout {
namespace {

using namespace testing;

EngineStatistics one_call() {
  return {.prompt_tokens = 10,
          .completion_tokens = 200,
          .drafted_tokens = 40,
          .accepted_tokens = 30,
          .steps = 50,
          .preemptions = 2,
          .recomputed_rows = 64,
          .kv_pages = 100,
          .kv_pages_peak = 70,
          .seconds = 4};
}

TEST(EngineStatistics, RatesAreOfWhatWasDrawn) {
  EXPECT_EQ(one_call().tokens_per_second(), 50);
  EXPECT_EQ(one_call().draft_acceptance(), 0.75);
  EXPECT_EQ(EngineStatistics().tokens_per_second(), 0);
  EXPECT_TRUE(std::isnan(EngineStatistics().draft_acceptance()));
}

TEST(EngineStatistics, CallsAddUpAndPagesHaveALargest) {
  EngineStatistics sum = one_call();
  EngineStatistics second = one_call();
  second.kv_pages_peak = 90;
  second.kv_pages = 95;
  add_call(sum, second);
  EXPECT_EQ(sum.prompt_tokens, 20);
  EXPECT_EQ(sum.completion_tokens, 400);
  EXPECT_EQ(sum.drafted_tokens, 80);
  EXPECT_EQ(sum.accepted_tokens, 60);
  EXPECT_EQ(sum.steps, 100);
  EXPECT_EQ(sum.preemptions, 4);
  EXPECT_EQ(sum.recomputed_rows, 128);
  EXPECT_EQ(sum.kv_pages, 100);
  EXPECT_EQ(sum.kv_pages_peak, 90);
  EXPECT_EQ(sum.seconds, 8);
}

TEST(EngineStatistics, EnginesThatDrawTogetherTakeTheTimeOfTheSlowest) {
  std::vector<EngineStatistics> engines = {one_call(), one_call()};
  engines.back().seconds = 5;
  const EngineStatistics all = together(engines);
  EXPECT_EQ(all.completion_tokens, 400);
  EXPECT_EQ(all.tokens_per_second(), 80);
  EXPECT_EQ(all.kv_pages, 200);
  EXPECT_EQ(all.kv_pages_peak, 140);
  EXPECT_EQ(together({}).completion_tokens, 0);
}

TEST(EngineStatistics, TravelAsBytes) {
  const std::vector<std::byte> bytes = encode(one_call());
  EXPECT_EQ(encode(decode_statistics(bytes)), bytes);
  EXPECT_EQ(to_json(decode_statistics(bytes)), to_json(one_call()));
  for (const std::size_t size : {bytes.size() - 1, bytes.size() + 1, std::size_t{0}}) {
    std::vector<std::byte> wrong = bytes;
    wrong.resize(size);
    try {
      decode_statistics(wrong);
      ADD_FAILURE() << size << " bytes were decoded";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCommunication);
    }
  }
}

TEST(EngineStatistics, JsonHasNoAcceptanceWhereNothingWasDrafted) {
  EXPECT_EQ(to_json_line(to_json(one_call())),
            R"({"sampled_tokens":200,"sampling_tokens_per_second":50,"drafted_tokens":40,)"
            R"("draft_acceptance":0.75,"preemptions":2,"recomputed_rows":64,"kv_pages_peak":70,)"
            R"("kv_pages":100})");
  EXPECT_NE(to_json_line(to_json(EngineStatistics())).find(R"("draft_acceptance":null)"),
            std::string::npos);
}

TEST(EngineStatistics, TheLogSaysWhatWasDrafted) {
  EXPECT_EQ(one_line(one_call()),
            "200 tokens drawn in 4.0 s, 50.0 tokens/s; 75.0% of 40 drafted tokens accepted; 2 "
            "preemptions, 64 rows computed again; at most 70 of 100 KV pages in use");
  EXPECT_NE(one_line(EngineStatistics()).find("no drafts"), std::string::npos);
}

// One sequence at a time holds its own pages alone; with as many slots as completions, all of them.
TEST(EngineStatistics, AnEngineCountsThePagesThatItsCompletionsHold) {
  TinyModel tiny("llama_gqa3_tied");
  std::vector<RolloutRequest> requests(3);
  for (RolloutRequest& request : requests) {
    request.prompt_ids.assign(20, 3);
    request.sampling.max_new_tokens = 20;  // 19 rows: its last token has none
  }
  Engine one(tiny.transformer, tiny.weights, {.max_sequences = 1, .draft_rows = 0});
  one.generate(requests);
  EXPECT_EQ(one.statistics().kv_pages, 4);
  EXPECT_EQ(one.statistics().kv_pages_peak, 4);
  Engine all(tiny.transformer, tiny.weights, {.draft_rows = 0});
  all.generate(requests);
  EXPECT_EQ(all.statistics().kv_pages, 12);
  EXPECT_EQ(all.statistics().kv_pages_peak, 12);
  EXPECT_EQ(all.statistics().completion_tokens, 60);
  EXPECT_EQ(all.statistics().prompt_tokens, 60);
  EXPECT_EQ(all.statistics().steps, 20);

  EXPECT_EQ(all.take_statistics().completion_tokens, 60);
  EXPECT_EQ(all.statistics().completion_tokens, 0);
  all.generate(std::span(requests).first(1));
  EXPECT_EQ(all.statistics().completion_tokens, 20);
  EXPECT_EQ(all.statistics().kv_pages_peak, 4) << "of the calls since they were taken";
}

TEST(EngineStatistics, ABoundedCacheIsFilledAndNoMore) {
  TinyModel tiny("llama_gqa3_tied");
  const auto requests = mixed_requests(tiny.transformer.config(), 0.9F);
  const std::int64_t pages = least_pages(requests) + 2;
  Engine engine(tiny.transformer, tiny.weights,
                {.kv_cache_bytes = pages * page_bytes(tiny.transformer.config())});
  engine.generate(requests);
  EXPECT_EQ(engine.statistics().kv_pages, pages);
  EXPECT_LE(engine.statistics().kv_pages_peak, pages);
  EXPECT_GT(engine.statistics().kv_pages_peak, least_pages(requests) / 2);
}

}  // namespace
}  // namespace cogent::rollout
