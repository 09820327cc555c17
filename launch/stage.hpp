#pragma once

#include "core/config/config.hpp"
#include "distributed/session.hpp"
#include "distributed/topology.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cogent::rollout {
class LineProcess;
}

namespace cogent::launch {

// The command line of a stage: cogent sft CONFIG.yaml [key=value ...].
struct StageOptions {
  std::string config_file;
  std::vector<std::string> overrides;
  bool fresh = false;
  std::string role = "auto";
};
void add_stage_options(CLI::App& command, StageOptions& options);

// What every rank of a stage has.
struct StageContext {
  distributed::Session& session;
  const RunConfig& config;
  distributed::Topology topology;
  bool fresh = false;
  rollout::LineProcess* reward_process = nullptr;  // of reward.command, where this rank draws
  distributed::Seat seat() const { return topology.seat(session.rank()); }
};

// Starts the world, reads the configuration, checks that all ranks agree (configuration, build),
// seats the ranks, then runs the body. Returns the exit status. An error that all ranks share is
// told once; an error of one rank is told by it, and ends the job.
int run_stage(Stage stage, const StageOptions& options,
              const std::function<void(StageContext&)>& body);

// Runs `part` on every rank; an Error on any of them becomes the same Error on all (the lowest
// rank's), so that the job ends with one sentence and one status. `part` may not call collectives.
// Collective over the world.
void agree(distributed::Session& session, const std::function<void()>& part);

// The same number of parameters on all ranks, or an Error of kModel that names both: model.path may
// lead elsewhere on another host. Collective over the world.
void compare_parameter_counts(distributed::Session& session, std::int64_t parameters);

// The same hash of what every rank reads for itself, or an Error of kModel: "the ranks read
// different " + what. Collective over the world.
void compare_hashes(distributed::Session& session, std::uint64_t hash, const std::string& what);

// Compute threads of this rank: cluster.threads, or its host's cores shared among the ranks that
// compute at the same time (learners and workers take turns).
int compute_threads(const RunConfig& config, const distributed::Session& session,
                    const distributed::Topology& topology);

// A meeting of these world ranks without a deadline: what may come late is another rank's own work.
// Collective over the ranks.
void wait_for_all(distributed::Session& session, const std::vector<int>& world_ranks);
// All ranks of the world.
void wait_for_all(distributed::Session& session);

}  // namespace cogent::launch
