#include "core/model/adapted_weights.hpp"
#include "rollout/engine.hpp"
#include "rollout/kv_pages.hpp"
#include "trainer/packing.hpp"
#include "trainer/scoring.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

// Sampler and learner are one policy: what the engine records for a drawn token are the bits that
// the learner's packed forward computes for it, so the first ratio of a step is exactly 1.
namespace cogent {
namespace {

// Its inverse in float32 differs from that of the float32 temperature.
constexpr double kTemperature = 0.85;

struct Case {
  const char* name;
  const char* model;
  std::int64_t lora_rank = 0;
  at::ScalarType weights = at::kFloat;
};

// An adapter over the case's model whose B is not zero, so that it has a say.
model::Adapter adapter_of(const Case& tested) {
  if (tested.lora_rank == 0) {
    return {};
  }
  return {{.rank = tested.lora_rank, .targets = model::lora_targets({"all-linear"}, "targets")},
          [](const model::ParameterSpec&, std::span<float> out) {
            for (std::size_t i = 0; i < out.size(); ++i) {
              out[i] = 0.1F * std::sin(static_cast<float>(i));
            }
          }};
}

class PolicyIdentity : public ::testing::TestWithParam<Case> {
 protected:
  PolicyIdentity()
      : source_(model::open_weights(GetParam().model)),
        adapter_(adapter_of(GetParam())),
        model_(source_->config(), model::cpu_ops(), adapter_.lora),
        weights_(adapter_.lora.on()
                     ? model::load_adapted(model_, *source_, adapter_, GetParam().weights)
                     : model::load_weights(*source_, GetParam().weights)) {}

  // Groups of different sizes over prompts of different lengths, some past a block of keys.
  std::vector<RolloutRequest> requests() const {
    std::vector<RolloutRequest> list;
    for (std::uint32_t i = 0; i < 5; ++i) {
      RolloutRequest request;
      request.seed = 11;
      request.prompt_id = i;
      request.group_size = 1 + 2 * i;
      for (std::uint32_t t = 0; t < 5 + 27 * i; ++t) {
        request.prompt_ids.push_back(
            static_cast<std::int32_t>((19 * i + 37 * t + 3) % source_->config().vocab_size));
      }
      request.sampling.temperature = kTemperature;
      request.sampling.max_new_tokens = static_cast<std::int32_t>(9 + 20 * (i % 3));
      for (std::int32_t id = 0; id < 8; ++id) {  // some end early
        request.sampling.stop_ids.push_back(id);
      }
      list.push_back(request);
    }
    return list;
  }

  // Drawn again with so few pages of KV cache that completions are preempted.
  void expect_preemption_changes_nothing(const std::vector<RolloutRequest>& asked,
                                         const std::vector<RolloutGroup>& groups) {
    constexpr std::int64_t kPages = 11;
    const model::ModelConfig& config = model_.config();
    const std::int64_t row_values = 2 * config.num_layers * config.num_kv_heads * config.head_dim;
    const auto row_bytes = row_values * static_cast<std::int64_t>(sizeof(float));
    rollout::Engine engine(model_, weights_,
                           {.max_sequences = 7,
                            .max_batch_rows = 48,
                            .kv_cache_bytes = kPages * rollout::kPageRows * row_bytes});
    const auto again = engine.generate(asked);
    EXPECT_GT(engine.statistics().preemptions, 0);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t i = 0; i < groups[g].completions.size(); ++i) {
        ASSERT_EQ(again[g].completions[i].ids, groups[g].completions[i].ids);
        ASSERT_EQ(again[g].completions[i].logprobs, groups[g].completions[i].logprobs);
      }
    }
  }

  std::unique_ptr<model::WeightSource> source_;
  model::Adapter adapter_;
  model::Transformer model_;
  model::ModelWeights weights_;
};

TEST_P(PolicyIdentity, TheLearnerComputesTheRecordedBits) {
  if (!model::cpu_ops().reads_panels) {
    GTEST_SKIP() << "this CPU lacks AVX2 and FMA: the reference ops promise no bits";
  }
  const std::vector<RolloutRequest> asked = requests();
  // Slots for some completions at a time, so that groups wait and slots are refilled.
  const auto groups =
      rollout::Engine(model_, weights_, {.max_sequences = 7, .max_batch_rows = 48}).generate(asked);
  expect_preemption_changes_nothing(asked, groups);
  std::vector<TrainSequence> sequences;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    for (const Completion& completion : groups[g].completions) {
      sequences.push_back({groups[g].prompt_ids, completion.ids, completion.logprobs, g, 0, false});
    }
  }
  std::vector<std::size_t> all(sequences.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = i;
  }
  std::int64_t compared = 0;
  at::set_num_threads(2);
  for (const std::int64_t budget : {64, 300, 4096}) {
    for (const auto& chosen : trainer::cut_micro_batches(sequences, all, budget)) {
      const trainer::PackedBatch batch = trainer::pack(sequences, chosen);
      const model::TokenLogprobs scored = trainer::score(model_, weights_, batch, kTemperature);
      const float* values = scored.logprob.const_data_ptr<float>();
      for (const trainer::PackedSequence& sequence : batch.sequences) {
        for (std::int64_t t = 0; t < sequence.count; ++t, ++compared) {
          ASSERT_EQ(values[sequence.first + t],
                    sequences[sequence.sequence].old_logprobs[static_cast<std::size_t>(t)])
              << "budget " << budget << ", sequence " << sequence.sequence << ", token " << t;
        }
      }
    }
  }
  at::set_num_threads(1);
  EXPECT_GT(compared, 500);
}

// Grouped queries of 1, 3 and 8 heads, head sizes from 12 to 128, the families' biases and norms,
// matrices whose rows are no multiple of a panel.
INSTANTIATE_TEST_SUITE_P(
    Models, PolicyIdentity,
    ::testing::Values(Case{"plain",
                           "random:hidden=64,layers=2,heads=4,kv_heads=4,head_dim=16,intermediate="
                           "96,vocab=300,seed=1"},
                      Case{"ratio3",
                           "random:hidden=96,layers=3,heads=3,kv_heads=1,head_dim=32,intermediate="
                           "176,vocab=512,seed=2"},
                      Case{"ratio8",
                           "random:hidden=80,layers=2,heads=8,kv_heads=1,head_dim=64,intermediate="
                           "96,vocab=300,seed=3"},
                      Case{"narrow",
                           "random:hidden=72,layers=2,heads=6,kv_heads=2,head_dim=12,intermediate="
                           "96,vocab=300,seed=7"},
                      Case{"odd",
                           "random:family=qwen3,hidden=60,layers=2,heads=3,kv_heads=3,head_dim=20,"
                           "intermediate=96,vocab=300,seed=8"},
                      Case{"wide",
                           "random:hidden=128,layers=2,heads=2,kv_heads=1,head_dim=128,"
                           "intermediate=200,vocab=301,seed=4"},
                      Case{"biases",
                           "random:family=qwen2,hidden=64,layers=2,heads=6,kv_heads=2,head_dim=32,"
                           "intermediate=100,vocab=300,seed=5"},
                      Case{"norms",
                           "random:family=qwen3,hidden=64,layers=2,heads=4,kv_heads=2,head_dim=40,"
                           "intermediate=96,vocab=300,seed=6"},
                      Case{"adapter",
                           "random:family=qwen2,hidden=64,layers=2,heads=6,kv_heads=2,head_dim=32,"
                           "intermediate=100,vocab=300,seed=5",
                           5},
                      Case{"wide_adapter",
                           "random:hidden=64,layers=2,heads=4,kv_heads=4,head_dim=16,intermediate="
                           "96,vocab=300,seed=3",
                           40},
                      Case{"bfloat16",
                           "random:hidden=96,layers=3,heads=3,kv_heads=1,head_dim=32,intermediate="
                           "176,vocab=512,seed=2",
                           0, at::kBFloat16},
                      Case{"bfloat16_adapter",
                           "random:family=qwen2,hidden=64,layers=2,heads=6,kv_heads=2,head_dim=32,"
                           "intermediate=100,vocab=301,seed=5",
                           5, at::kBFloat16}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace cogent
