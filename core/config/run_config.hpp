#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cogent {

// Everything a run depends on. Keys, defaults and meaning: the table in schema*.cpp (`cogent config
// explain --all`, docs/config.md).

enum class Numerics { kExact, kFast };
enum class WeightType { kFloat32, kBFloat16 };
enum class ChatTemplate { kOwn, kReasoningNer };
enum class MetricRules { kReference, kCorrected };
enum class Placement { kSeparate, kColocated };
enum class ShardMode { kNone, kOptimizer, kGradients, kParameters };
enum class Recompute { kNone, kFull };
enum class EvaluationMeasure { kF1, kLoss, kBoth };
enum class Schedule { kCosine, kLinear, kConstant };
enum class LossType { kGrpo, kDapo, kDrGrpo, kBnpo, kTokenSumNorm };
enum class Baseline { kGroupMean, kLeaveOneOut };
enum class ScaleRewards { kGroup, kBatch, kNone };
enum class Surrogate { kClip, kCispo };
enum class RatioLevel { kToken, kSequence };
enum class KlEstimator { kK1, kK2, kK3 };
enum class KlPlace { kLoss, kReward };
enum class OldPolicy { kBehavior, kProximal };
enum class Importance { kNone, kTruncate, kMask };
enum class Teacher { kRationale, kHttp, kModel };

struct RunFolder {
  std::string dir;

  friend bool operator==(const RunFolder&, const RunFolder&) = default;
};
struct ModelSettings {
  std::string
      path;  // Hugging Face directory, GGUF file, checkpoint or run folder; "random:..." for tests
  WeightType weights = WeightType::kFloat32;
  WeightType compute = WeightType::kFloat32;

  friend bool operator==(const ModelSettings&, const ModelSettings&) = default;
};
struct PromptSettings {
  std::string template_file;  // key prompt.template; empty: the built-in wording
  bool add_source = false;
  bool cot = true;

  friend bool operator==(const PromptSettings&, const PromptSettings&) = default;
};
struct ChatSettings {
  ChatTemplate format = ChatTemplate::kReasoningNer;  // key chat.template

  friend bool operator==(const ChatSettings&, const ChatSettings&) = default;
};
// Low-rank adapters in PEFT's terms (docs/lora.md).
struct LoraSettings {
  std::int64_t rank = 0;  // 0: off, all weights are trained
  double alpha = 16;
  std::vector<std::string> targets = {"all-linear"};
  bool use_rslora = false;
  std::string adapter;  // PEFT folder or LoRA checkpoint to start from; empty: a new one

  friend bool operator==(const LoraSettings&, const LoraSettings&) = default;
};
struct DataSettings {
  std::vector<std::string> train, dev, test;

  friend bool operator==(const DataSettings&, const DataSettings&) = default;
};
struct MetricSettings {
  MetricRules rules = MetricRules::kCorrected;

  friend bool operator==(const MetricSettings&, const MetricSettings&) = default;
};
struct ClusterSettings {
  int learners = 1;
  int workers = 1;
  Placement placement = Placement::kSeparate;
  int threads = 0;                // a rank's compute threads; 0: the host's cores
  double deadline_seconds = 600;  // of one collective

  friend bool operator==(const ClusterSettings&, const ClusterSettings&) = default;
};
struct LearnerSettings {
  ShardMode shard = ShardMode::kOptimizer;
  Recompute recompute = Recompute::kNone;
  std::int64_t prefetch = 1;                 // units gathered ahead, where parameters are sharded
  WeightType reduce = WeightType::kFloat32;  // gradients on the wire, under numerics: fast
  std::int64_t micro_batch_tokens = 2048;

  friend bool operator==(const LearnerSettings&, const LearnerSettings&) = default;
};
struct TrainSettings {
  std::int64_t steps = 0;  // 0: by train.epochs
  double epochs = 1;
  std::int64_t eval_every = 0;  // 0: never
  // Of sft; grpo measures F1 alone.
  EvaluationMeasure eval = EvaluationMeasure::kBoth;
  std::int64_t eval_limit = 0;  // development examples used in the loop; 0: all

  friend bool operator==(const TrainSettings&, const TrainSettings&) = default;
};
struct SftSettings {
  std::int64_t batch_size = 16;    // sequences an update, all learners together
  std::int64_t max_length = 2048;  // tokens of a sequence; the last ones are kept

  friend bool operator==(const SftSettings&, const SftSettings&) = default;
};
struct OptimizerSettings {
  double lr = 2e-5;
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  double clip_norm = 1.0;  // 0: off
  Schedule schedule = Schedule::kCosine;
  double warmup_ratio = 0.03;
  int max_skipped =
      5;  // updates skipped in a row for a value that is not finite, before the run ends

  friend bool operator==(const OptimizerSettings&, const OptimizerSettings&) = default;
};
struct RolloutSettings {
  std::int64_t prompts_per_step = 8;
  std::int64_t group_size = 8;
  double temperature = 0.9;
  double top_p = 1;
  std::int64_t top_k = 0;
  double min_p = 0;
  double repetition_penalty = 1;
  std::int64_t max_prompt_tokens = 2048;  // longer prompts are an error
  std::int64_t max_new_tokens = 192;
  int max_policy_lag = 0;
  bool in_flight_update = false;
  std::int64_t draft_rows = 16;  // rows of a forward up to which drafted tokens are verified
  std::int64_t kv_cache_mb = 0;  // MB of 2^20 bytes for keys and values; 0: what the slots can need
  bool record = false;
  std::string replay;  // a recorded file or folder; empty: draw

  friend bool operator==(const RolloutSettings&, const RolloutSettings&) = default;
};
struct EvaluateSettings {
  std::int64_t max_new_tokens = 256;
  std::int64_t batch = 32;   // sequences at a time
  double temperature = 0;    // 0: greedy
  std::int64_t samples = 1;  // completions an example

  friend bool operator==(const EvaluateSettings&, const EvaluateSettings&) = default;
};
struct GrpoSettings {
  LossType loss = LossType::kDrGrpo;
  Baseline baseline = Baseline::kGroupMean;
  ScaleRewards scale_rewards = ScaleRewards::kGroup;
  double scale_eps = 1e-4;  // added to the standard deviation
  Surrogate surrogate = Surrogate::kClip;
  RatioLevel ratio = RatioLevel::kToken;
  double clip_low = 0.2;
  double clip_high = 0.28;
  double delta = 0;  // upper bound of the ratio for negative advantages (dual clip); 0: off
  double beta = 0.04;
  KlEstimator kl_estimator = KlEstimator::kK3;
  KlPlace kl_in = KlPlace::kLoss;
  double entropy_coef = 0;
  OldPolicy old_policy = OldPolicy::kBehavior;
  // Correction behaviour -> proximal; read only where old_policy is proximal.
  Importance importance = Importance::kTruncate;
  RatioLevel importance_level = RatioLevel::kToken;
  double importance_floor = 0;
  double importance_cap = 2;
  std::int64_t num_iterations = 1;
  std::int64_t mini_batch_prompts = 0;  // prompts of a mini-batch; 0: the whole step
  bool mask_truncated = false;
  bool dynamic_sampling = false;    // train on groups alone whose rewards differ, drawn in rounds
  std::int64_t max_rounds = 10;     // of a step, the first one included
  std::int64_t refill_prompts = 0;  // candidates of each further round; 0: prompts_per_step

  friend bool operator==(const GrpoSettings&, const GrpoSettings&) = default;
};
struct RewardSettings {
  double f1 = 10;
  double schema = 1;
  double length = 0;    // of the text, in eight bytes a token of the budget: for tests of the loop
  double overlong = 0;  // weight of DAPO's soft overlong penalty
  std::int64_t overlong_buffer = 0;       // tokens in front of the budget over which it rises
  std::vector<std::string> command = {};  // program and arguments; empty: none
  double command_weight = 1;
  double command_deadline_seconds = 60;  // of one batch of completions

  friend bool operator==(const RewardSettings&, const RewardSettings&) = default;
};
struct AnnotateSettings {
  Teacher teacher = Teacher::kRationale;
  std::string input, output, rejected;
  std::string labels;  // JSON file: label -> one-line description

  friend bool operator==(const AnnotateSettings&, const AnnotateSettings&) = default;
};
struct CheckpointSettings {
  std::int64_t every_steps = 0;  // 0: at the end only
  double every_minutes = 0;      // 0: off
  std::int64_t keep_last = 2;
  std::int64_t keep_best = 0;  // beside the newest, the best by their evaluations in the loop

  friend bool operator==(const CheckpointSettings&, const CheckpointSettings&) = default;
};

struct RunConfig {
  std::uint64_t seed = 0;
  Numerics numerics = Numerics::kExact;
  RunFolder run;
  ModelSettings model;
  PromptSettings prompt;
  ChatSettings chat;
  LoraSettings lora;
  DataSettings data;
  MetricSettings metric;
  ClusterSettings cluster;
  LearnerSettings learner;
  TrainSettings train;
  SftSettings sft;
  OptimizerSettings optimizer;
  RolloutSettings rollout;
  EvaluateSettings evaluate;
  GrpoSettings grpo;
  RewardSettings reward;
  AnnotateSettings annotate;
  CheckpointSettings checkpoint;

  friend bool operator==(const RunConfig&, const RunConfig&) = default;
};

}  // namespace cogent
