#include "tests/unit/rollout/engine_testing.hpp"

#include "rollout/kv_pages.hpp"

#include <cstdlib>
#include <numeric>

namespace cogent::rollout::testing {
namespace {

std::string fixture_path(const std::string& name) {
  const char* folder = std::getenv("COGENT_FIXTURES");
  return std::string(folder == nullptr ? "tests/fixtures" : folder) + "/models/" + name;
}

}  // namespace

TinyModel::TinyModel(const std::string& name, at::ScalarType type)
    : source(model::open_weights(fixture_path(name))),
      transformer(source->config(), model::cpu_ops(type)),
      weights(model::load_weights(*source, type)) {}

std::vector<RolloutRequest> mixed_requests(const model::ModelConfig& config, float temperature) {
  std::vector<RolloutRequest> requests;
  for (std::uint32_t i = 0; i < 6; ++i) {
    RolloutRequest request;
    request.seed = 42;
    request.step = 3;
    request.prompt_id = 10 + i;
    request.group_size = 1 + i % 4;
    for (std::uint32_t t = 0; t < 3 + 7 * i; ++t) {
      request.prompt_ids.push_back(
          static_cast<std::int32_t>((17 * i + 31 * t + 5) % config.vocab_size));
    }
    request.sampling.temperature = temperature;
    request.sampling.max_new_tokens = static_cast<std::int32_t>(5 + 3 * (i % 3));
    requests.push_back(request);
  }
  return requests;
}

std::vector<RolloutGroup> generate(TinyModel& tiny, std::span<const RolloutRequest> requests,
                                   EngineOptions options) {
  return Engine(tiny.transformer, tiny.weights, options).generate(requests);
}

at::Tensor full_logits(const TinyModel& tiny, const std::vector<std::int32_t>& ids) {
  std::vector<std::int32_t> positions(ids.size());
  std::iota(positions.begin(), positions.end(), 0);
  const auto count = static_cast<std::int64_t>(ids.size());
  const model::RowPlan plan = tiny.transformer.plan(ids, positions, {{0, count, {{0, count}}}});
  at::Tensor x = tiny.transformer.embed(tiny.weights.units.front(), plan);
  for (std::int64_t layer = 0; layer < tiny.transformer.config().num_layers; ++layer) {
    x = tiny.transformer.block(layer, tiny.weights.units[static_cast<std::size_t>(layer) + 1], plan,
                               x, nullptr, nullptr);
  }
  const std::vector<std::int64_t> last = {count - 1};
  return tiny.transformer.logits(tiny.weights.units.back(),
                                 tiny.weights.head_matrix(tiny.transformer.config()), x, last);
}

std::vector<std::pair<std::vector<std::int32_t>, std::vector<float>>> all_draws(
    std::span<const RolloutGroup> groups) {
  std::vector<std::pair<std::vector<std::int32_t>, std::vector<float>>> draws;
  for (const RolloutGroup& group : groups) {
    for (const Completion& completion : group.completions) {
      draws.emplace_back(completion.ids, completion.logprobs);
    }
  }
  return draws;
}

std::int64_t page_bytes(const model::ModelConfig& config) {
  const auto value_bytes = static_cast<std::int64_t>(sizeof(float));
  return 2 * config.num_layers * config.num_kv_heads * config.head_dim * kPageRows * value_bytes;
}

}  // namespace cogent::rollout::testing
