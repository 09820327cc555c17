#include "core/base/error.hpp"
#include "core/model/transformer.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <gtest/gtest.h>

namespace cogent::model {
namespace {

using namespace testing;

constexpr std::int64_t kPage = 4;

// A sequence in a paged cache: the rows that it sees, in order of position.
struct CachedSequence {
  std::vector<RowSpan> spans;
  std::int32_t length = 0;
  bool owns_last = false;  // whether the last page is its own to write

  // Another sequence that goes on from here: it sees the same rows and writes to pages of its own.
  CachedSequence fork() const { return {spans, length, false}; }
};

// Hands out pages from the back, so that a sequence's spans are never in the order of the cache.
class Pages {
 public:
  explicit Pages(std::int64_t count) : next_(count * kPage) {}
  // The cache row of the sequence's next token.
  std::int64_t append(CachedSequence& sequence) {
    if (!sequence.owns_last || sequence.spans.back().end - sequence.spans.back().begin == kPage) {
      next_ -= kPage;
      sequence.spans.push_back({next_, next_});
      sequence.owns_last = true;
    }
    ++sequence.length;
    return sequence.spans.back().end++;
  }

 private:
  std::int64_t next_;
};

// Rows of one forward through the cache.
struct Step {
  std::vector<std::int32_t> ids, positions;
  std::vector<std::int64_t> cache_rows;
  std::vector<AttentionSegment> segments;

  void add(CachedSequence& sequence, std::span<const std::int32_t> tokens, Pages& pages) {
    const auto begin = static_cast<std::int64_t>(ids.size());
    for (const std::int32_t token : tokens) {
      ids.push_back(token);
      positions.push_back(sequence.length);
      cache_rows.push_back(pages.append(sequence));
    }
    segments.push_back({begin, static_cast<std::int64_t>(ids.size()), sequence.spans});
  }
  at::Tensor run(const Transformer& model, const ModelWeights& weights, KvCache& cache) const {
    return forward(model, weights, model.plan(ids, positions, segments, cache_rows), &cache);
  }
};

class IncrementalDecoding : public ::testing::TestWithParam<std::string> {};

// A prompt in chunks, then three completions over its pages, token by token, at unequal lengths.
TEST_P(IncrementalDecoding, EqualsTheFullForward) {
  const bool biases = GetParam() == "biases";
  const ModelConfig config = biases ? llama_with_all_biases({6, 2, 16}) : qwen3_like({4, 2, 32});
  const Transformer model(config, cpu_ops());
  const ModelWeights weights = random_weights(config, 7, at::kFloat);
  const std::vector<std::int32_t> prompt = random_ids(13, config.vocab_size, 1);
  KvCache cache = make_kv_cache(config, 30 * kPage);
  Pages pages(30);
  CachedSequence shared;
  std::vector<at::Tensor> prompt_rows;
  for (const auto& [begin, count] : {std::pair{0, 5}, {5, 1}, {6, 7}}) {
    Step step;
    step.add(
        shared,
        std::span(prompt).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
        pages);
    const at::Tensor x = step.run(model, weights, cache);
    for (std::int64_t i = 0; i < count; ++i) {
      prompt_rows.push_back(x[i]);
    }
  }

  std::vector<CachedSequence> sequences(3, shared.fork());
  std::vector<std::vector<std::int32_t>> completions;
  std::vector<std::vector<at::Tensor>> rows(3);
  for (const std::int64_t length : {9, 2, 6}) {
    completions.push_back(
        random_ids(length, config.vocab_size, static_cast<std::uint64_t>(length)));
  }
  for (std::size_t t = 0; t < 9; ++t) {
    Step step;
    std::vector<std::size_t> active;
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      if (t < completions[s].size()) {
        step.add(sequences[s], std::span(completions[s]).subspan(t, 1), pages);
        active.push_back(s);
      }
    }
    const at::Tensor x = step.run(model, weights, cache);
    for (std::size_t i = 0; i < active.size(); ++i) {
      rows[active[i]].push_back(x[static_cast<std::int64_t>(i)]);
    }
  }

  for (std::size_t s = 0; s < sequences.size(); ++s) {
    std::vector<std::int32_t> ids = prompt;
    ids.insert(ids.end(), completions[s].begin(), completions[s].end());
    Packed whole;
    pack(whole, ids);
    const at::Tensor x =
        forward(model, weights, model.plan(whole.ids, whole.positions, whole.segments));
    std::vector<at::Tensor> got = prompt_rows;
    got.insert(got.end(), rows[s].begin(), rows[s].end());
    ASSERT_EQ(static_cast<std::int64_t>(got.size()), x.size(0));
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_LT(difference(got[i], x[static_cast<std::int64_t>(i)]), 1e-5)
          << "sequence " << s << ", position " << i;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Families, IncrementalDecoding, ::testing::Values("biases", "qk_norm"));

TEST(RowPlan, RefusesWhatDoesNotFit) {
  const ModelConfig config = llama_like({});
  const Transformer model(config, cpu_ops());
  const std::vector<std::int32_t> ids = {1, 2, 3};
  const std::vector<std::int32_t> positions = {0, 1, 2};
  const auto plan = [&](std::vector<std::int32_t> some_ids, std::vector<std::int32_t> places,
                        AttentionSegment segment, std::vector<std::int64_t> cache_rows = {}) {
    return model.plan(some_ids, places, {segment}, cache_rows);
  };
  EXPECT_NO_THROW(plan(ids, positions, {0, 3, {{0, 3}}}));
  EXPECT_THROW(plan({1, 2, 97}, positions, {0, 3, {{0, 3}}}), Error);
  EXPECT_THROW(plan({1, -1, 3}, positions, {0, 3, {{0, 3}}}), Error);
  EXPECT_THROW(plan(ids, {0, 1}, {0, 3, {{0, 3}}}), Error);
  EXPECT_THROW(plan(ids, {0, 1, -2}, {0, 3, {{0, 3}}}), Error);
  EXPECT_THROW(plan(ids, positions, {0, 4, {{0, 4}}}), Error);
  EXPECT_THROW(plan(ids, positions, {0, 3, {{0, 2}}}), Error);
  EXPECT_THROW(plan(ids, positions, {0, 3, {{1, 4}}}), Error);
  EXPECT_THROW(plan(ids, positions, {0, 3, {{0, 3}}}, {0, 1}), Error);
}

TEST(RowPlan, RefusesRowsOutsideTheCache) {
  const ModelConfig config = llama_like({});
  const Transformer model(config, cpu_ops());
  const ModelWeights weights = random_weights(config, 1, at::kFloat);
  KvCache cache = make_kv_cache(config, 8);
  const std::vector<std::int32_t> one = {0};
  const auto run = [&](AttentionSegment segment, std::int64_t row) {
    return forward(model, weights, model.plan(one, one, {segment}, std::vector<std::int64_t>{row}),
                   &cache);
  };
  EXPECT_NO_THROW(run({0, 1, {{7, 8}}}, 7));
  EXPECT_THROW(run({0, 1, {{8, 9}}}, 7), Error);
  EXPECT_THROW(run({0, 1, {{7, 8}}}, 8), Error);
  EXPECT_THROW(run({0, 1, {{7, 8}}}, -1), Error);
}

}  // namespace
}  // namespace cogent::model
