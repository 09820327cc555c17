#pragma once

#include "core/config/config.hpp"
#include "distributed/topology.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

// What a configuration makes of a run, without starting it: the stages and `cogent plan` read it
// here.
namespace cogent::launch {

// The stages by the names that --stage takes.
const std::map<std::string, Stage>& stages_by_name();
std::string stage_name(Stage stage);

// The seats of the ranks. `roles`: what each rank asked for by --role, empty where none did. An
// Error of kUsage where the ranks do not add up.
distributed::Topology stage_topology(const RunConfig& config, Stage stage, int ranks,
                                     const std::vector<distributed::Role>& roles = {});

// Compute threads of a rank: cluster.threads, or the cores that this process may use, shared among
// the ranks of the host that compute at the same time (learners and workers take turns). Of `ranks`
// ranks `on_host` are on the host.
int rank_threads(const RunConfig& config, const distributed::Topology& topology, int ranks,
                 int on_host);

// Steps of a run over data of which an epoch has `per_epoch`: train.steps, or by train.epochs. An
// Error of kUsage where these are more than a step's 32 bits count.
std::int64_t steps_of_run(const TrainSettings& train, std::int64_t per_epoch);
// The same of GRPO over this many examples, and over recorded batches, which do not repeat.
std::int64_t grpo_steps(const RunConfig& config, std::size_t examples);
std::int64_t replayed_steps(const TrainSettings& train, std::size_t batches);

// The rows of one round of a GRPO step (data::grpo_round_rows), of this many examples.
std::vector<std::uint32_t> grpo_rows(const RunConfig& config, std::size_t examples,
                                     std::int64_t step, std::int64_t round);

}  // namespace cogent::launch
