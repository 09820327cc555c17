#include "core/config/schema.hpp"

#include "core/config/schema_fields.hpp"

#include <algorithm>
#include <iterator>

namespace cogent {
namespace {

std::vector<Key> run_keys() {
  return {
      {"seed", kArithmetic, at<&RunConfig::seed>(), kAny,
       "Key of every random draw, 64 bits without a sign."},
      {"numerics", kArithmetic, at<&RunConfig::numerics>(), kAny,
       "exact: the same weights, bit by bit, for any number of ranks (training needs a CPU with "
       "AVX2 "
       "and FMA); fast: gradients are added in float32."},
      {"run.dir", kOperational, at<&RunConfig::run, &RunFolder::dir>(), kAny,
       "Run folder: configuration, metrics, checkpoints, predictions, logs."},
  };
}

std::vector<Key> model_keys() {
  using M = ModelSettings;
  return {
      {"model.path", kArithmetic, at<&RunConfig::model, &M::path>(), kAny,
       "The model to start from: a Hugging Face directory, a GGUF file, a checkpoint or a run "
       "folder."},
      {"model.weights", kArithmetic, at<&RunConfig::model, &M::weights>(), kAny,
       "Type of the weights that sampler and learner compute with; the master copy is float32."},
      {"model.compute", kArithmetic, at<&RunConfig::model, &M::compute>(), kAny,
       "Type of activations and matrix products; bfloat16 needs numerics: fast, and takes bfloat16 "
       "weights whatever model.weights says."},
      {"prompt.template", kArithmetic, at<&RunConfig::prompt, &PromptSettings::template_file>(),
       kAny,
       "File with the wording of the prompt, fields {{schema}}, {{sentence}} and {{source}}; "
       "empty: "
       "the built-in wording."},
      {"prompt.add_source", kArithmetic, at<&RunConfig::prompt, &PromptSettings::add_source>(),
       kAny, "Name the sentence's data set in the prompt."},
      {"prompt.cot", kArithmetic, at<&RunConfig::prompt, &PromptSettings::cot>(), kAny,
       "Ask for a chain of thought before the entities."},
      {"chat.template", kArithmetic, at<&RunConfig::chat, &ChatSettings::format>(), kAny,
       "own: the model's own chat template; reasoningner: the recipe's, by model family."},
  };
}

std::vector<Key> lora_keys() {
  using L = LoraSettings;
  return {
      {"lora.rank",
       kArithmetic,
       at<&RunConfig::lora, &L::rank>(),
       {.min = 0, .max = 1 << 16},
       "Rank of the low-rank adapters that are trained beside frozen weights; 0: off, all weights "
       "are trained."},
      {"lora.alpha", kArithmetic, at<&RunConfig::lora, &L::alpha>(), kFromZero,
       "An adapter's product is scaled by lora.alpha / lora.rank."},
      {"lora.targets", kArithmetic, at<&RunConfig::lora, &L::targets>(), kAny,
       "Linear layers of every block that get an adapter: of q_proj, k_proj, v_proj, o_proj, "
       "gate_proj, up_proj and down_proj, or all-linear for all seven."},
      {"lora.use_rslora", kArithmetic, at<&RunConfig::lora, &L::use_rslora>(), kAny,
       "Scale by lora.alpha / sqrt(lora.rank) instead."},
      {"lora.adapter", kArithmetic, at<&RunConfig::lora, &L::adapter>(), kAny,
       "Adapter to start from, which gives rank, alpha and targets: a PEFT folder, or a checkpoint "
       "or run folder of a run with LoRA; empty: a new one."},
  };
}

std::vector<Key> data_keys() {
  using D = DataSettings;
  return {
      {"data.train", kArithmetic, at<&RunConfig::data, &D::train>(), kAny,
       "Training data: one file or InstructUIE folder, or a list of them."},
      {"data.dev", kOperational, at<&RunConfig::data, &D::dev>(), kAny,
       "Development data, measured in the loop every train.eval_every steps: one path or a list."},
      {"data.test", kOperational, at<&RunConfig::data, &D::test>(), kAny,
       "Test data of the command evaluate: one path or a list."},
      {"metric.rules", kArithmetic, at<&RunConfig::metric, &MetricSettings::rules>(), kAny,
       "Rules of answer parsing, metric and reward: the reference's to the letter, or corrected."},
  };
}

std::vector<Key> cluster_keys() {
  using C = ClusterSettings;
  using L = LearnerSettings;
  return {
      {"cluster.learners", kOperational, at<&RunConfig::cluster, &C::learners>(), kRanks,
       "Learner ranks of the command grpo (sft: every rank is a learner)."},
      {"cluster.workers", kOperational, at<&RunConfig::cluster, &C::workers>(), kRanks,
       "Rollout worker ranks of the command grpo."},
      {"cluster.placement", kOperational, at<&RunConfig::cluster, &C::placement>(), kAny,
       "separate: a rank is a learner or a worker; colocated: every rank is both in turn."},
      {"cluster.threads",
       kOperational,
       at<&RunConfig::cluster, &C::threads>(),
       {.min = 0, .max = 4096},
       "Compute threads of a rank; 0: the host's cores."},
      {"cluster.deadline_seconds",
       kOperational,
       at<&RunConfig::cluster, &C::deadline_seconds>(),
       {.min = 1, .max = 1e6},
       "Seconds that one collective call may take before the job is ended."},
      {"learner.shard", kOperational, at<&RunConfig::learner, &L::shard>(), kAny,
       "What is split over the learners: nothing, optimizer state, gradients too, or parameters "
       "too, frozen ones included."},
      {"learner.recompute", kOperational, at<&RunConfig::learner, &L::recompute>(), kAny,
       "full: activations are computed again in the backward pass, to save memory."},
      {"learner.prefetch",
       kOperational,
       at<&RunConfig::learner, &L::prefetch>(),
       {.min = 0, .max = 1024},
       "Units whose weights are gathered ahead of the one that computes, under learner.shard: "
       "parameters."},
      {"learner.reduce", kArithmetic, at<&RunConfig::learner, &L::reduce>(), kAny,
       "Type in which gradients travel between learners under numerics: fast: float32, or "
       "bfloat16, half the bytes, each learner's part rounded once and added in float32."},
      {"learner.micro_batch_tokens", kArithmetic, at<&RunConfig::learner, &L::micro_batch_tokens>(),
       kFromOne, "Tokens of a micro-batch at most, unless one sequence alone has more."},
  };
}

std::vector<Key> train_keys() {
  using T = TrainSettings;
  return {
      {"train.steps", kArithmetic, at<&RunConfig::train, &T::steps>(), kCountFromZero,
       "Steps of the run; 0: as many as train.epochs makes."},
      {"train.epochs",
       kArithmetic,
       at<&RunConfig::train, &T::epochs>(),
       {.min = 0, .max = 1e6},
       "Passes over the training data, where train.steps is 0."},
      {"train.eval_every", kOperational, at<&RunConfig::train, &T::eval_every>(), kFromZero,
       "Steps between evaluations on data.dev; 0: never."},
      {"train.eval", kOperational, at<&RunConfig::train, &T::eval>(), kAny,
       "What an evaluation in the loop of sft measures: the F1 of drawn answers, the loss on "
       "data.dev without drawing any, or both; grpo measures the F1 alone."},
      {"train.eval_limit", kOperational, at<&RunConfig::train, &T::eval_limit>(), kFromZero,
       "Development examples of an evaluation in the loop; 0: all."},
      {"sft.batch_size", kArithmetic, at<&RunConfig::sft, &SftSettings::batch_size>(),
       kCountFromOne, "Sequences of an update, all learners together."},
      {"sft.max_length", kArithmetic, at<&RunConfig::sft, &SftSettings::max_length>(), kTokens,
       "Tokens of a sequence; of a longer one the last are kept."},
  };
}

std::vector<Key> optimizer_keys() {
  using O = OptimizerSettings;
  return {
      {"optimizer.lr", kArithmetic, at<&RunConfig::optimizer, &O::lr>(), kFromZero,
       "Peak learning rate."},
      {"optimizer.betas", kArithmetic, at<&RunConfig::optimizer, &O::betas>(), kShare,
       "Decay of AdamW's first and second moment: two numbers below 1."},
      {"optimizer.eps", kArithmetic, at<&RunConfig::optimizer, &O::eps>(), kFromZero,
       "Added to the root of the second moment."},
      {"optimizer.weight_decay", kArithmetic, at<&RunConfig::optimizer, &O::weight_decay>(),
       kFromZero, "Decoupled weight decay, times the learning rate."},
      {"optimizer.clip_norm", kArithmetic, at<&RunConfig::optimizer, &O::clip_norm>(), kFromZero,
       "Global norm that gradients are clipped to; 0: off."},
      {"optimizer.schedule", kArithmetic, at<&RunConfig::optimizer, &O::schedule>(), kAny,
       "Course of the learning rate behind the warm-up."},
      {"optimizer.warmup_ratio", kArithmetic, at<&RunConfig::optimizer, &O::warmup_ratio>(), kShare,
       "Share of the updates in which the learning rate rises from 0."},
      {"optimizer.max_skipped", kArithmetic, at<&RunConfig::optimizer, &O::max_skipped>(), kFromOne,
       "Updates in a row that may be skipped for a value that is not finite before the run ends."},
  };
}

std::vector<Key> rollout_keys() {
  using R = RolloutSettings;
  return {
      {"rollout.prompts_per_step", kArithmetic, at<&RunConfig::rollout, &R::prompts_per_step>(),
       kCountFromOne, "Prompts of a step."},
      {"rollout.group_size", kArithmetic, at<&RunConfig::rollout, &R::group_size>(), kCompletions,
       "Completions drawn of each prompt."},
      {"rollout.temperature",
       kArithmetic,
       at<&RunConfig::rollout, &R::temperature>(),
       {.min = 0, .max = 100},
       "Temperature of the draws, above 0."},
      {"rollout.top_p", kArithmetic, at<&RunConfig::rollout, &R::top_p>(), kShare,
       "Draw from the smallest set of likeliest tokens with this mass, of what top_k leaves; 1: "
       "off."},
      {"rollout.top_k", kArithmetic, at<&RunConfig::rollout, &R::top_k>(), kCountFromZero,
       "Draw from this many likeliest tokens; 0: off."},
      {"rollout.min_p", kArithmetic, at<&RunConfig::rollout, &R::min_p>(), kShare,
       "Draw from the tokens, of what top_k and then top_p leave, of at least this share of the "
       "largest probability; 0: off."},
      {"rollout.repetition_penalty", kArithmetic, at<&RunConfig::rollout, &R::repetition_penalty>(),
       kFromZero,
       "Divides the positive logits of tokens that stand in prompt or completion, and multiplies "
       "the others, before the temperature; changes what is drawn, never the recorded "
       "log-probability; 1: off."},
      {"rollout.max_prompt_tokens", kArithmetic, at<&RunConfig::rollout, &R::max_prompt_tokens>(),
       kTokens, "Tokens of a prompt at most; a longer one is an error."},
      {"rollout.max_new_tokens", kArithmetic, at<&RunConfig::rollout, &R::max_new_tokens>(),
       kTokens, "Tokens of a completion at most."},
      {"rollout.max_policy_lag",
       kArithmetic,
       at<&RunConfig::rollout, &R::max_policy_lag>(),
       {.min = 0, .max = 1024},
       "Steps between the weights that draw and the weights that train; 0: none."},
      {"rollout.in_flight_update", kArithmetic, at<&RunConfig::rollout, &R::in_flight_update>(),
       kAny, "Workers take new weights in the middle of a completion (fast numerics only)."},
      {"rollout.draft_rows", kOperational, at<&RunConfig::rollout, &R::draft_rows>(), kFromZero,
       "Speculative decoding: rows of a forward up to which drafted tokens are verified beside the "
       "sequences' own, in sampling and evaluation; 0: none. No draw depends on it."},
      {"rollout.kv_cache_mb",
       kOperational,
       at<&RunConfig::rollout, &R::kv_cache_mb>(),
       {.min = 0, .max = 1 << 30},
       "MB (of 2^20 bytes) for the keys and values of the completions in progress, in sampling and "
       "in evaluation each; where they do not suffice, completions wait or are computed again, "
       "with the same result; 0: as much as the completions in progress can need."},
      {"rollout.record", kOperational, at<&RunConfig::rollout, &R::record>(), kAny,
       "Write every step's completions to rollouts/ in the run folder."},
      {"rollout.replay", kOperational, at<&RunConfig::rollout, &R::replay>(), kAny,
       "Recorded file or folder to train on, so that no worker runs; empty: draw."},
      {"evaluate.max_new_tokens", kOperational,
       at<&RunConfig::evaluate, &EvaluateSettings::max_new_tokens>(), kTokens,
       "Tokens of an answer at most when measuring."},
      {"evaluate.batch", kOperational, at<&RunConfig::evaluate, &EvaluateSettings::batch>(),
       kFromOne, "Sequences decoded at a time when measuring."},
      {"evaluate.temperature", kOperational,
       at<&RunConfig::evaluate, &EvaluateSettings::temperature>(), kFromZero,
       "Temperature of the answers when measuring; 0: the likeliest token each time."},
      {"evaluate.samples",
       kOperational,
       at<&RunConfig::evaluate, &EvaluateSettings::samples>(),
       {.min = 1, .max = 1 << 20},
       "Answers drawn to each example when measuring, with the same random numbers each time; all "
       "of them count."},
  };
}

std::vector<Key> last_keys() {
  using A = AnnotateSettings;
  using C = CheckpointSettings;
  return {
      {"annotate.teacher", kArithmetic, at<&RunConfig::annotate, &A::teacher>(), kAny,
       "Who writes the chains of thought: fixed rules over gold entities, an HTTP service, or a "
       "model."},
      {"annotate.input", kOperational, at<&RunConfig::annotate, &A::input>(), kAny,
       "JSON lines to annotate; empty: standard input."},
      {"annotate.output", kOperational, at<&RunConfig::annotate, &A::output>(), kAny,
       "Where accepted lines go; empty: standard output."},
      {"annotate.rejected", kOperational, at<&RunConfig::annotate, &A::rejected>(), kAny,
       "Where rejected lines go, with gate and reason; empty: they are only counted."},
      {"annotate.labels", kOperational, at<&RunConfig::annotate, &A::labels>(), kAny,
       "JSON file of one description a label; empty: none."},
      {"checkpoint.every_steps", kOperational, at<&RunConfig::checkpoint, &C::every_steps>(),
       kFromZero, "Steps between checkpoints; 0: at the end only."},
      {"checkpoint.every_minutes", kOperational, at<&RunConfig::checkpoint, &C::every_minutes>(),
       kFromZero, "Minutes between checkpoints; 0: off."},
      {"checkpoint.keep_last", kOperational, at<&RunConfig::checkpoint, &C::keep_last>(), kFromOne,
       "Newest checkpoints that are kept."},
      {"checkpoint.keep_best", kOperational, at<&RunConfig::checkpoint, &C::keep_best>(), kFromZero,
       "Checkpoints that are kept beside the newest because their evaluations in the loop are the "
       "best, by mean F1, or by loss where train.eval is loss; every evaluated version is then "
       "saved; 0: none."},
  };
}

std::vector<Key> all_keys() {
  std::vector<Key> keys;
  for (const auto part : {run_keys, model_keys, lora_keys, data_keys, cluster_keys, train_keys,
                          optimizer_keys, rollout_keys, grpo_keys, reward_keys, last_keys}) {
    std::ranges::copy(part(), std::back_inserter(keys));
  }
  return keys;
}

}  // namespace

std::string_view Key::section() const {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

std::string_view Key::last_word() const {
  return name.substr(name.rfind('.') + 1);
}

std::span<const Key> schema() {
  static const std::vector<Key> keys = all_keys();
  return keys;
}

const Key* find_key(std::string_view name) {
  const auto found = std::ranges::find(schema(), name, &Key::name);
  return found == schema().end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
  return !name.empty() && std::ranges::find(schema(), name, &Key::section) != schema().end();
}

}  // namespace cogent
