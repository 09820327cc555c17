#include "launch/report/best_checkpoint.hpp"

#include "distributed/checkpoint/checkpoint_store.hpp"
#include "distributed/checkpoint/layout.hpp"
#include "launch/report/run_record.hpp"

#include <algorithm>
#include <utility>

namespace cogent::launch {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::vector<std::int64_t> versions_by_score(std::span<const json::object> evaluations) {
  if (evaluations.empty()) {
    return {};
  }
  const bool by_f1 = find_number(evaluations.back(), "mean_f1").has_value();
  std::vector<std::pair<double, std::int64_t>> ranked;  // a lower number is the better one
  for (const json::object& line : evaluations) {
    const auto step = find_number(line, "step");
    const auto score = find_number(line, by_f1 ? "mean_f1" : "loss");
    if (step && score) {
      ranked.emplace_back(by_f1 ? -*score : *score, static_cast<std::int64_t>(*step));
    }
  }
  std::ranges::sort(ranked);
  std::vector<std::int64_t> versions;
  for (const auto& [score, version] : ranked) {
    versions.push_back(version);
  }
  return versions;
}

std::vector<std::int64_t> evaluated_checkpoints(const fs::path& run, std::int64_t before) {
  std::size_t ignored = 0;
  std::vector<json::object> evaluations =
      read_finished_lines(run / "evaluations.jsonl", kEveryLine, ignored);
  std::erase_if(evaluations, [&](const json::object& line) {
    const auto step = find_number(line, "step");
    return !step || *step >= static_cast<double>(before);
  });
  const std::vector<std::int64_t> saved = distributed::list_steps(run / "checkpoints");
  std::vector<std::int64_t> versions = versions_by_score(evaluations);
  std::erase_if(versions, [&](std::int64_t version) {
    return std::ranges::find(saved, version) == saved.end();
  });
  return versions;
}

std::optional<fs::path> best_checkpoint(const fs::path& run) {
  return distributed::first_valid_checkpoint(run / "checkpoints", evaluated_checkpoints(run));
}

}  // namespace cogent::launch
