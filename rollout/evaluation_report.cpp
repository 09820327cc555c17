#include "core/ner/metric_json.hpp"
#include "rollout/evaluate.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace cogent::rollout {
namespace {

json::object counts_by_name(const std::map<std::string, ner::Counts>& by_name) {
  json::object object;
  for (const auto& [name, counts] : by_name) {
    object[name] = ner::to_json(counts);
  }
  return object;
}

void add_rows(std::ostream& out, const std::string& title,
              const std::map<std::string, ner::Counts>& by_name) {
  std::size_t width = 24;
  for (const auto& [name, counts] : by_name) {
    width = std::max(width, name.size() + 2);
  }
  const auto column = [&](const std::string& name) -> std::ostream& {
    return out << std::left << std::setw(static_cast<int>(width)) << name << std::right;
  };
  column(title) << std::setw(10) << "precision" << std::setw(10) << "recall" << std::setw(10)
                << "F1" << std::setw(10) << "entities" << '\n';
  for (const auto& [name, counts] : by_name) {
    column(name.empty() ? "(unnamed)" : name)
        << std::setw(10) << ner::percent(counts.precision()) << std::setw(10)
        << ner::percent(counts.recall()) << std::setw(10) << ner::percent(counts.f1())
        << std::setw(10) << counts.tp + counts.fn << '\n';
  }
}

}  // namespace

json::object to_json(const EvaluationSummary& summary) {
  const auto rules_json = [](const RuleScores& scores) {
    return json::object{{"f1", scores.f1}, {"mean_f1", scores.mean_f1}};
  };
  json::object parse;
  for (const auto& [reason, count] : summary.score.by_parse()) {
    parse[reason] = count;
  }
  const ner::Counts& total = summary.score.total();
  return {{"examples", summary.score.examples()},
          {"precision", ner::percent(total.precision())},
          {"recall", ner::percent(total.recall())},
          {"f1", ner::percent(total.f1())},
          {"mean_f1", summary.score.mean_f1()},
          {"reference", rules_json(summary.reference)},
          {"corrected", rules_json(summary.corrected)},
          {"format_rate", summary.format_rate},
          {"truncated_rate", summary.truncated_rate},
          {"reward", summary.reward},
          {"completion_length", summary.completion_length},
          {"datasets", counts_by_name(summary.score.by_dataset())},
          {"labels", counts_by_name(summary.score.by_label())},
          {"parse", std::move(parse)}};
}

std::string table(const EvaluationSummary& summary) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2);
  add_rows(out, "data set", summary.score.by_dataset());
  out << '\n';
  add_rows(out, "label", summary.score.by_label());
  out << '\n' << one_line(summary) << '\n';
  return std::move(out).str();
}

std::string one_line(const EvaluationSummary& summary) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2) << summary.score.examples() << " examples, F1 "
      << ner::percent(summary.score.total().f1()) << ", mean F1 " << summary.score.mean_f1()
      << " (rules: reference " << summary.reference.mean_f1 << ", corrected "
      << summary.corrected.mean_f1 << "), well-formed " << summary.format_rate << "%, reward "
      << summary.reward << ", " << std::setprecision(1) << summary.completion_length
      << " tokens a completion";
  return std::move(out).str();
}

}  // namespace cogent::rollout
