#include "core/base/log.hpp"
#include "core/base/progress.hpp"
#include "core/data/prompt_builder.hpp"
#include "core/data/reader.hpp"
#include "launch/in_loop_evaluation.hpp"
#include "launch/kv_cache_check.hpp"
#include "launch/lora.hpp"
#include "launch/run_prompts.hpp"
#include "launch/sft_batches.hpp"
#include "launch/stages.hpp"
#include "launch/step_log.hpp"
#include "launch/training_run.hpp"
#include "launch/weight_type.hpp"

#include <optional>

namespace cogent::launch {

void run_sft(StageContext& context) {
  const RunConfig& config = context.config;
  const RunFolder folder(config);
  std::vector<Example> examples;
  std::optional<LoadedModel> source;
  model::Adapter adapter;
  agree(context.session, [&] {
    source = open_model(config.model.path);
    adapter = run_adapter(config, source->weights->config());
    trainer::check_numerics(config.numerics,
                            {source->weights->config(), compute_ops(config.model)});
    examples = data::read_examples(config.data.train, data::Split::kTrain);
    check_kv_cache(config, Stage::kSft, *source);
    if (context.session.rank() == 0) {
      RunFolder::prepare(config, context.fresh ? ExistingRun::kRefuse : ExistingRun::kContinue);
    }
  });
  log_to_file(folder.log(context.session.rank()).string());
  compare_parameter_counts(context.session, model::parameter_count(source->weights->config()));
  const model::Transformer model(source->weights->config(), compute_ops(config.model),
                                 adapter.lora);
  const data::PromptBuilder prompts(config, source->tokenizer, model.config().eos_ids);
  std::vector<TrainSequence> sequences;
  agree(context.session,
        [&] { sequences = sft_sequences(examples, prompts, config.sft.max_length, "data.train"); });
  const TrainingRun::DataDigests digests{data::data_digest(examples), tokens_digest(sequences)};
  compare_hashes(context.session, *digests.prompts, kSamePrompts);

  distributed::Communicator& learners = context.session.world();
  trainer::ShardedModel policy(model, learners, config.learner, config.numerics,
                               weight_type(config.model));
  policy.load(*source->weights, adapter.lora.on() ? &adapter : nullptr);
  const SftBatches batches(config, sequences.size());
  trainer::Learner learner(config, model, learners, policy, nullptr, batches.total());
  TrainingRun run(context, *source, adapter.lora, "sft", digests,
                  TrainingRun::LearnerParts{learners, policy, learner});
  std::optional<InLoopEvaluation> evaluation;
  agree(context.session, [&] {
    evaluation.emplace(context, Stage::kSft, model, policy.weights(), source->tokenizer, prompts,
                       learners);
  });
  const std::int64_t first = run.resume();
  StepLog log(folder, "sft", first, batches.total(), learners.rank() == 0);
  for (std::int64_t step = first; step < batches.total(); ++step) {
    if (evaluation->due(step)) {
      const trainer::WholeWeights whole(policy);
      evaluation->measure(step);
    }
    log.begin();
    std::vector<TrainSequence> batch;
    for (const std::uint32_t row : batches.rows(step)) {
      batch.push_back(sequences[row]);
    }
    const trainer::StepMetrics metrics = learner.sft_step(batch);
    log.end(step + 1, metrics, policy.weights_xxh3());
    run.finish_step(step + 1, batches.total());
  }
  if (evaluation->due_last()) {
    const trainer::WholeWeights whole(policy);
    evaluation->measure(batches.total());
  }
}

}  // namespace cogent::launch
