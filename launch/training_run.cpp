#include "launch/training_run.hpp"

#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "core/base/stop_flag.hpp"
#include "core/model/weights/hf_config.hpp"
#include "core/model/weights/peft_config.hpp"
#include "core/model/weights/random_weights.hpp"
#include "distributed/checkpoint/counters.hpp"
#include "launch/report/best_checkpoint.hpp"
#include "launch/version.hpp"
#include "trainer/weights_hash.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace cogent::launch {
namespace {

using Clock = std::chrono::steady_clock;

// Counters of a checkpoint's state that hold hashes; checkpoints of earlier builds lack them.
constexpr const char* kReferenceCounter = "reference_xxh3";
constexpr const char* kPromptsCounter = "prompts_xxh3";

void agree_on_stop(StageContext& context, std::int64_t done) {
  // Saving may take longer than a collective's deadline.
  wait_for_all(context.session);
  agree(context.session, [&] {
    fail(ErrorCode::kStopped, "stopped on request behind step ", done,
         " after saving: the same command continues");
  });
}

// What an adapter's files name as its base: good from any folder.
std::string base_path(const std::string& path) {
  return path.starts_with(model::kRandomPrefix) ? path : std::filesystem::absolute(path).string();
}

}  // namespace

std::map<std::string, std::string> model_files(const LoadedModel& source) {
  return {{"config.json",
           model::write_model_config_json(source.weights->config(), model::ExportType::kFloat32)},
          {"generation_config.json", model::write_generation_config_json(source.weights->config())},
          {"tokenizer.json", text::write_tokenizer_json(source.tokenizer.spec())},
          {"tokenizer_config.json", text::write_tokenizer_config_json(source.tokenizer.spec())}};
}

TrainingRun::TrainingRun(StageContext& context, const LoadedModel& source,
                         const model::LoraConfig& lora, std::string stage, const DataDigests& data,
                         std::optional<LearnerParts> parts)
    : context_(context),
      folder_(context.config),
      stage_(std::move(stage)),
      data_(data),
      parts_(parts),
      last_save_(Clock::now()) {
  if (lora.on()) {
    base_xxh3_ = trainer::weights_xxh3(*source.weights);
    compare_hashes(context.session, *base_xxh3_,
                   "weights to train an adapter over: does model.path lead to the same model on "
                   "every host?");
  } else if (parts_ && context.config.grpo.beta > 0 && stage_ == "grpo") {
    reference_xxh3_ = parts_->policy.weights_xxh3();  // the source's: nothing is trained yet
  }
  if (parts_) {
    store_ = std::make_unique<distributed::CheckpointStore>(folder_.checkpoints(), parts_->learners,
                                                            context.config.checkpoint.keep_last);
    if (parts_->learners.rank() == 0) {
      model_files_ = model_files(source);
      if (lora.on()) {
        model_files_[model::kPeftConfigName] =
            model::write_peft_config(lora, base_path(source.path));
      }
    }
  }
}

// The weights that an adapter is trained over, and those of the reference policy, are not in the
// checkpoint, and must not change.
void TrainingRun::check_base(const distributed::CheckpointState& state) const {
  const auto text = [](const std::optional<std::uint64_t>& hash) {
    return hash ? "frozen weights with hash " + hex64(*hash) : "no frozen weights";
  };
  check(state.base_xxh3 == base_xxh3_, ErrorCode::kCheckpoint, "the checkpoint of step ",
        state.step, " was trained over ", text(state.base_xxh3), ", model.path now gives ",
        text(base_xxh3_), ": restore the model, or name another run.dir");
  const auto same = [&](const char* counter, std::uint64_t now, const char* then_was,
                        const char* now_is, const char* restore) {
    const auto then = state.counters.find(counter);
    if (then == state.counters.end()) {
      return;
    }
    check(then->second == hex64(now), ErrorCode::kCheckpoint, "the checkpoint of step ", state.step,
          " was trained ", then_was, then->second, now_is, hex64(now), ": restore ", restore,
          ", or name another run.dir");
  };
  if (reference_xxh3_) {
    same(kReferenceCounter, *reference_xxh3_, "beside a reference policy with hash ",
         ", model.path now gives ", "the model");
  }
  if (data_.prompts) {
    same(kPromptsCounter, *data_.prompts, "on tokens with digest ", ", they now have ",
         "prompt.template and the tokenizer of model.path");
  }
}

// Whether this run is the one that the checkpoint is of.
void TrainingRun::check_continues(const distributed::CheckpointState& state) const {
  check(state.stage == stage_, ErrorCode::kCheckpoint, "the checkpoint of step ", state.step,
        " is of stage ", state.stage, ", this is ", stage_, ": name another run.dir");
  // The folder's config.yaml is compared before, where it is there. Another build may have other
  // keys, and so another digest of the same settings.
  const std::uint64_t settings = arithmetic_digest(context_.config);
  check(state.fingerprint != build_fingerprint() || state.arithmetic_digest == settings,
        ErrorCode::kCheckpoint, "the checkpoint of step ", state.step,
        " was trained with settings of digest ", hex64(state.arithmetic_digest), ", these have ",
        hex64(settings), ": give the settings of its run, or name another run.dir");
  check(state.data_digest == data_.examples, ErrorCode::kCheckpoint, "the checkpoint of step ",
        state.step, " was trained on data with digest ", hex64(state.data_digest),
        ", data.train now has ", hex64(data_.examples),
        ": restore the file, or name another run.dir");
  check_base(state);
}

std::int64_t TrainingRun::resume() {
  std::int64_t done = 0;
  const auto state = parts_ ? store_->find_latest() : std::nullopt;
  // Looking through checkpoints may take longer than a collective's deadline.
  wait_for_all(context_.session);
  std::int64_t schedule_position = 0;
  std::int64_t skipped_in_a_row = 0;
  agree(context_.session, [&] {
    if (state) {
      check_continues(*state);
      schedule_position = distributed::read_counter(*state, "schedule_position");
      skipped_in_a_row = distributed::read_counter(*state, "skipped_in_a_row");
    }
  });
  if (parts_) {
    if (state) {
      if (state->fingerprint != build_fingerprint()) {
        log_warning("the checkpoint was written by \"", state->fingerprint, "\", this is \"",
                    build_fingerprint(), "\": the bits from here on may differ");
      }
      parts_->policy.restore(*store_, *state);
      parts_->learner.set_schedule_position(schedule_position);
      parts_->learner.set_skipped_in_a_row(skipped_in_a_row);
      done = state->step;
      if (parts_->learners.rank() == 0) {
        log_info("continues behind step ", done, " (weights ", hex64(state->weights_xxh3), ")");
      }
    }
    if (parts_->learners.rank() == 0) {
      folder_.cut_back(done);
    }
  }
  // Loading may take longer than a collective's deadline.
  wait_for_all(context_.session);
  context_.session.world()
      .broadcast(distributed::Buffer(std::span<std::int64_t>(&done, 1)),
                 context_.topology.learner_rank(0), "step to continue at")
      .wait();
  return done;
}

void TrainingRun::finish_step(std::int64_t done, std::int64_t total) {
  const CheckpointSettings& settings = context_.config.checkpoint;
  // The clock of one rank decides, so that all agree.
  std::vector<std::int64_t> flags = {stop_requested() ? 1 : 0, 0};
  if (context_.seat().learner == 0 && settings.every_minutes > 0) {
    flags[1] = std::chrono::duration<double, std::ratio<60>>(Clock::now() - last_save_).count() >=
                       settings.every_minutes
                   ? 1
                   : 0;
  }
  context_.session.world()
      .all_reduce(distributed::Buffer(std::span(flags)), distributed::ReduceOp::kMax,
                  "stop and save requests")
      .wait();
  const bool stop = flags[0] != 0 && done < total;
  const auto falls_on = [&](std::int64_t every) { return every > 0 && done % every == 0; };
  const bool due = falls_on(settings.every_steps) ||
                   (settings.keep_best > 0 && falls_on(context_.config.train.eval_every));
  if (stop || due || flags[1] != 0 || done == total) {
    save(done);
  }
  if (stop) {
    agree_on_stop(context_, done);
  }
}

void TrainingRun::save(std::int64_t done) {
  last_save_ = Clock::now();
  if (!parts_) {
    return;
  }
  distributed::CheckpointState state;
  state.step = done;
  state.updates = parts_->policy.updates();
  state.stage = stage_;
  state.weights_xxh3 = parts_->policy.weights_xxh3();
  state.base_xxh3 = base_xxh3_;
  state.arithmetic_digest = arithmetic_digest(context_.config);
  state.data_digest = data_.examples;
  state.fingerprint = build_fingerprint();
  state.counters = {{"schedule_position", std::to_string(parts_->learner.schedule_position())},
                    {"skipped_in_a_row", std::to_string(parts_->learner.skipped_in_a_row())}};
  if (reference_xxh3_) {
    state.counters[kReferenceCounter] = hex64(*reference_xxh3_);
  }
  if (data_.prompts) {
    state.counters[kPromptsCounter] = hex64(*data_.prompts);
  }
  store_->save(state, parts_->policy.checkpoint_shards(), model_files_, best_before(done));
}

// Every evaluation of an earlier version is written by now: in grpo the workers write it before
// they draw what this step was trained on.
std::vector<std::int64_t> TrainingRun::best_before(std::int64_t done) const {
  const auto most = static_cast<std::size_t>(context_.config.checkpoint.keep_best);
  if (most == 0 || parts_->learners.rank() != 0) {
    return {};
  }
  std::vector<std::int64_t> best = evaluated_checkpoints(folder_.dir(), done);
  best.resize(std::min(best.size(), most));
  return best;
}

}  // namespace cogent::launch
