#include "core/base/files.hpp"
#include "core/model/transformer.hpp"
#include "tests/unit/model/model_testing.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

namespace cogent::model {
namespace {

using namespace testing;

// What transformers computes in float32 (tests/oracle); ours agrees to this.
constexpr double kTolerance = 1e-4;

std::filesystem::path fixtures() {
  const char* folder = std::getenv("COGENT_FIXTURES");
  return std::filesystem::path(folder == nullptr ? "tests/fixtures" : folder) / "models";
}

boost::json::array cases_of(const std::filesystem::path& path) {
  return boost::json::parse(read_file(path, ErrorCode::kData)).at("cases").as_array();
}

void expect_logprobs(const boost::json::value& expected, const std::vector<float>& got) {
  const auto values = boost::json::value_to<std::vector<double>>(expected.at("logprobs"));
  ASSERT_EQ(got.size(), values.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], values[i], kTolerance) << "token " << i + 1 << " of " << got.size();
  }
}

class TransformersParity : public ::testing::TestWithParam<const char*> {};

TEST_P(TransformersParity, LogprobsAndLogits) {
  const std::filesystem::path folder = fixtures() / GetParam();
  const auto source = open_weights(folder.string());
  const ModelWeights weights = load_weights(*source);
  for (const OpTable* ops : {&reference_ops(), &cpu_ops()}) {
    const Transformer model(source->config(), *ops);
    for (const boost::json::value& expected : cases_of(folder / "cases.json")) {
      const auto ids = boost::json::value_to<std::vector<std::int32_t>>(expected.at("tokens"));
      expect_logprobs(expected, sequence_logprobs(model, weights, ids));
      Packed packed;
      pack(packed, ids);
      const at::Tensor x =
          forward(model, weights, model.plan(packed.ids, packed.positions, packed.segments));
      const at::Tensor logits =
          model.logits(weights.units.back(), weights.head_matrix(model.config()), x,
                       std::vector<std::int64_t>{static_cast<std::int64_t>(ids.size()) - 1});
      const auto last = boost::json::value_to<std::vector<double>>(expected.at("last_logits"));
      ASSERT_EQ(logits.size(1), static_cast<std::int64_t>(last.size()));
      for (std::size_t i = 0; i < last.size(); ++i) {
        EXPECT_NEAR(logits[0][static_cast<std::int64_t>(i)].item<float>(), last[i], kTolerance);
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Models, TransformersParity,
                         ::testing::Values("llama_gqa3_tied", "llama_untied_rope3", "qwen2_bias",
                                           "qwen3_qknorm"),
                         [](const auto& model) { return std::string(model.param); });

TEST(TransformersParity, SmolLm2) {
  const char* path = std::getenv("COGENT_MODEL");
  if (path == nullptr || !std::filesystem::exists(path)) {
    GTEST_SKIP() << "the SmolLM2 model is absent: run launch/setup.sh, or set COGENT_MODEL";
  }
  const auto source = open_weights(path);
  const ModelWeights weights = load_weights(*source);
  const Transformer model(source->config(), cpu_ops());
  for (const boost::json::value& expected : cases_of(fixtures() / "smollm2_cases.json")) {
    const auto ids = boost::json::value_to<std::vector<std::int32_t>>(expected.at("tokens"));
    expect_logprobs(expected, sequence_logprobs(model, weights, ids));
  }
}

}  // namespace
}  // namespace cogent::model
