#include "launch/stage.hpp"

#include "core/base/bytes.hpp"
#include "core/base/fault.hpp"
#include "core/base/hash.hpp"
#include "core/base/log.hpp"
#include "core/base/stop_flag.hpp"
#include "launch/run_shape.hpp"
#include "launch/version.hpp"
#include "launch/weight_type.hpp"
#include "rollout/reward/line_process.hpp"

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <bit>
#include <exception>
#include <memory>
#include <numeric>
#include <optional>

namespace cogent::launch {
namespace {

using distributed::Role;
using distributed::Session;
using distributed::Topology;

constexpr int kMeetingTag = 1;

// An Error that every rank has: told by rank 0 alone, and no reason to abort.
class SharedError : public Error {
 public:
  using Error::Error;
};

Role parse_role(const std::string& name) {
  if (name == "learner") {
    return Role::kLearner;
  }
  return name == "worker" ? Role::kWorker : Role::kAuto;
}

std::vector<Role> gather_roles(Session& session, Role own) {
  std::vector<Role> roles;
  const std::byte byte{static_cast<std::uint8_t>(own)};
  for (const auto& bytes : distributed::all_gather_bytes(session.world(), {&byte, 1}, "roles")) {
    roles.push_back(static_cast<Role>(bytes.at(0)));
  }
  return roles;
}

// The same configuration and the same build everywhere, or a sentence instead of a hang.
void compare_ranks(Session& session, const RunConfig& config) {
  ByteWriter own;
  own.write(arithmetic_digest(config));
  own.write_string(build_fingerprint());
  const auto facts =
      distributed::all_gather_bytes(session.world(), own.take(), "configuration digests");
  for (std::size_t rank = 1; rank < facts.size(); ++rank) {
    ByteReader first(facts[0], "rank 0's digest", ErrorCode::kCommunication);
    ByteReader other(facts[rank], concat("rank ", rank, "'s digest"), ErrorCode::kCommunication);
    const auto first_digest = first.read<std::uint64_t>();
    const auto other_digest = other.read<std::uint64_t>();
    if (first_digest != other_digest) {
      throw SharedError(ErrorCode::kUsage,
                        concat("rank ", rank, " reads another configuration than rank 0 (digests ",
                               hex64(other_digest), " and ", hex64(first_digest),
                               "): is the file the same on every host?"));
    }
    const std::string first_build = first.read_string();
    const std::string other_build = other.read_string();
    if (first_build != other_build) {
      throw SharedError(ErrorCode::kUsage,
                        concat("rank ", rank, " runs \"", other_build, "\", rank 0 runs \"",
                               first_build, "\": all ranks need the same build and kind of CPU"));
    }
  }
}

std::string tag_of(const StageContext& context) {
  const distributed::Seat seat = context.seat();
  if (seat.learner >= 0 && seat.worker >= 0) {
    return concat("rank ", context.session.rank());
  }
  return seat.learner >= 0 ? concat("learner ", seat.learner) : concat("worker ", seat.worker);
}

// What a rank has before the world starts.
struct RankStart {
  RunConfig config;
  std::unique_ptr<rollout::LineProcess> reward_process;
  std::optional<Error> failure;  // why there is no more
};

// The program of reward.command is started here, since a process is best forked before MPI has
// threads and memory of its own; which ranks draw is not known yet.
RankStart start_rank(Stage stage, const StageOptions& options) {
  RankStart start;
  try {
    start.config = load_config(options.config_file, options.overrides);
    const RunConfig& config = start.config;
    if (stage == Stage::kGrpo && !config.reward.command.empty() && config.rollout.replay.empty()) {
      start.reward_process = std::make_unique<rollout::LineProcess>(config.reward.command);
    }
  } catch (const Error& error) {
    start.failure = error;
  }
  return start;
}

int run_in_session(Session& session, Stage stage, const StageOptions& options, RankStart& start,
                   const std::function<void(StageContext&)>& body) {
  const RunConfig& config = start.config;
  agree(session, [&] {
    if (start.failure) {
      throw Error(*start.failure);
    }
    validate_config(config, stage, session.size());
  });
  compare_ranks(session, config);
  const std::vector<Role> roles = gather_roles(session, parse_role(options.role));
  std::optional<Topology> topology;
  agree(session, [&] { topology = stage_topology(config, stage, session.size(), roles); });
  StageContext context{session, config, std::move(*topology), options.fresh, nullptr};
  if (context.seat().worker < 0) {
    start.reward_process.reset();
  }
  context.reward_process = start.reward_process.get();
  set_log_tag(session.size() == 1 ? "" : tag_of(context));
  at::set_num_threads(compute_threads(config, session, context.topology));
  give_back_temporaries(config.model);
  if (session.rank() == 0) {
    warn_of_slow_compute(config.model);
  }
  install_stop_signals();
  body(context);
  return 0;
}

}  // namespace

void add_stage_options(CLI::App& command, StageOptions& options) {
  command
      .add_option("config", options.config_file,
                  "YAML file of the run's keys (cogent config explain --all)")
      ->required();
  command.add_option("overrides", options.overrides, "key=value, applied in order over the file");
  command.add_flag("--fresh", options.fresh,
                   "refuse to continue: an existing run folder is an error");
  command
      .add_option("--role", options.role,
                  "this rank's role in an MPMD start: learner, worker or auto")
      ->check(CLI::IsMember({"auto", "learner", "worker"}));
}

void agree(distributed::Session& session, const std::function<void()>& part) {
  ByteWriter own;
  try {
    part();
    own.write<std::int32_t>(0);
  } catch (const Error& error) {
    own.write<std::int32_t>(exit_status(error.code()));
    own.write_string(error.what());
  }
  const auto outcomes = distributed::all_gather_bytes(session.world(), own.take(), "agreement");
  std::vector<std::size_t> failed;
  std::string message;
  std::int32_t status = 0;
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    ByteReader outcome(outcomes[rank], concat("rank ", rank, "'s outcome"),
                       ErrorCode::kCommunication);
    const auto code = outcome.read<std::int32_t>();
    if (code == 0) {
      continue;
    }
    if (failed.empty()) {
      status = code;
      message = outcome.read_string();
    }
    failed.push_back(rank);
  }
  if (failed.empty()) {
    return;
  }
  const bool everywhere = failed.size() == outcomes.size();
  throw SharedError(static_cast<ErrorCode>(status),
                    everywhere ? message : concat("rank ", failed.front(), ": ", message));
}

void compare_parameter_counts(distributed::Session& session, std::int64_t parameters) {
  std::vector<std::int64_t> extremes = {parameters, -parameters};
  session.world()
      .all_reduce(distributed::Buffer(std::span(extremes)), distributed::ReduceOp::kMax,
                  "parameter counts")
      .wait();
  if (extremes[0] != -extremes[1]) {
    throw SharedError(ErrorCode::kModel,
                      concat("the ranks read models of ", -extremes[1], " to ", extremes[0],
                             " parameters: does model.path lead to the same model on every host?"));
  }
}

void compare_hashes(distributed::Session& session, std::uint64_t hash, const std::string& what) {
  const auto own = std::bit_cast<std::int64_t>(hash);
  std::vector<std::int64_t> extremes = {own, ~own};
  session.world()
      .all_reduce(distributed::Buffer(std::span(extremes)), distributed::ReduceOp::kMax,
                  "hashes of " + what)
      .wait();
  if (extremes[0] != ~extremes[1]) {
    throw SharedError(ErrorCode::kModel, concat("the ranks read different ", what));
  }
}

int run_stage(Stage stage, const StageOptions& options,
              const std::function<void(StageContext&)>& body) {
  RankStart start = start_rank(stage, options);
  Session session({.deadline_seconds = start.config.cluster.deadline_seconds});
  set_fault_rank(session.rank());
  const auto give_up = [&](ErrorCode code, const std::string& message) {
    log_error(message);
    flush_log();
    if (session.size() > 1) {
      session.abort(exit_status(code));
    }
    return exit_status(code);
  };
  try {
    return run_in_session(session, stage, options, start, body);
  } catch (const SharedError& error) {
    if (session.rank() == 0) {
      log_line(error.code() == ErrorCode::kStopped ? LogLevel::kInfo : LogLevel::kError,
               error.what());
    }
    return exit_status(error.code());
  } catch (const Error& error) {
    return give_up(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return give_up(
        ErrorCode::kUnexpected,
        "memory is used up: lower learner.micro_batch_tokens, or a step's prompts and completions");
  } catch (const std::exception& error) {
    return give_up(ErrorCode::kUnexpected, concat("unexpected: ", error.what()));
  }
}

int compute_threads(const RunConfig& config, const distributed::Session& session,
                    const distributed::Topology& topology) {
  return rank_threads(config, topology, session.size(), session.local_size());
}

void wait_for_all(distributed::Session& session, const std::vector<int>& world_ranks) {
  const int first = world_ranks.front();
  if (session.rank() == first) {
    for (std::size_t i = 1; i < world_ranks.size(); ++i) {
      session.receive(world_ranks[i], kMeetingTag);
    }
    for (std::size_t i = 1; i < world_ranks.size(); ++i) {
      session.send(world_ranks[i], kMeetingTag, {});
    }
  } else {
    session.send(first, kMeetingTag, {});
    session.receive(first, kMeetingTag);
  }
}

void wait_for_all(distributed::Session& session) {
  std::vector<int> world(static_cast<std::size_t>(session.size()));
  std::iota(world.begin(), world.end(), 0);
  wait_for_all(session, world);
}

}  // namespace cogent::launch
