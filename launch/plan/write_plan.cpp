#include "launch/plan/run_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cogent::launch {
namespace {

std::string megabytes(std::int64_t bytes) {
  return fmt::format("{:>10}", std::llround(static_cast<double>(bytes) / 1e6));
}

std::string row(const std::string& name, std::int64_t bytes) {
  return fmt::format("  {:<34}{}\n", name, megabytes(bytes));
}

std::string role_text(const PlannedRole& role) {
  const PlannedPhase& peak = role.peak();
  std::string text = fmt::format(
      "{} ({}), largest while: {}\n", role.name,
      role.ranks == 1 ? "1 rank" : fmt::format("each of {} ranks", role.ranks), peak.name);
  for (const trainer::MemoryPart& part : peak.parts) {
    text += row(part.name, part.bytes);
  }
  text += row("peak", peak.bytes());
  for (const PlannedPhase& phase : role.phases) {
    if (&phase != &peak) {
      text += row(phase.name, phase.bytes());
    }
  }
  return text;
}

}  // namespace

std::string plan_text(const RunPlan& plan) {
  std::string text =
      fmt::format("{} on {}: {} model of {} parameters\nmemory in MB of 10^6 bytes\n\n", plan.stage,
                  plan.ranks == 1 ? "1 rank" : fmt::format("{} ranks", plan.ranks), plan.model_type,
                  plan.parameters);
  for (const PlannedRole& role : plan.roles) {
    text += role_text(role) + "\n";
  }
  if (plan.steps == 0) {
    return text;
  }
  text += fmt::format("steps {}, updates {}, trained parameters {}\n", plan.steps, plan.updates,
                      plan.trained_parameters);
  text += fmt::format("trained tokens of a step, at most {}\n", plan.tokens_per_step);
  text += fmt::format("rows of a micro-batch, at most {}\n", plan.micro_batch_rows);
  text += "MB a step, disk and wire\n";
  text += row("sent by a learner to the others", plan.reduction_bytes);
  text += row("weights received by a worker", plan.publication_bytes);
  text += row("one checkpoint", plan.checkpoint_bytes);
  text += row("checkpoints at a time, at most", plan.checkpoints_bytes);
  return text;
}

json::object plan_json(const RunPlan& plan) {
  json::array roles;
  for (const PlannedRole& role : plan.roles) {
    json::array phases;
    for (const PlannedPhase& phase : role.phases) {
      json::object parts;
      for (const trainer::MemoryPart& part : phase.parts) {
        parts[part.name] = part.bytes;
      }
      phases.push_back(json::object{
          {"phase", phase.name}, {"bytes", phase.bytes()}, {"parts", std::move(parts)}});
    }
    roles.push_back(json::object{{"role", role.name},
                                 {"ranks", role.ranks},
                                 {"peak_bytes", role.peak().bytes()},
                                 {"peak_phase", role.peak().name},
                                 {"phases", std::move(phases)}});
  }
  return {{"stage", plan.stage},
          {"ranks", plan.ranks},
          {"model_type", plan.model_type},
          {"parameters", plan.parameters},
          {"trained_parameters", plan.trained_parameters},
          {"roles", std::move(roles)},
          {"steps", plan.steps},
          {"updates", plan.updates},
          {"tokens_per_step", plan.tokens_per_step},
          {"micro_batch_rows", plan.micro_batch_rows},
          {"reduction_bytes", plan.reduction_bytes},
          {"publication_bytes", plan.publication_bytes},
          {"checkpoint_bytes", plan.checkpoint_bytes},
          {"checkpoints_bytes", plan.checkpoints_bytes}};
}

}  // namespace cogent::launch
