#include "core/base/json_lines.hpp"
#include "core/data/reader.hpp"
#include "core/ner/answer.hpp"
#include "core/ner/metric_json.hpp"
#include "launch/cli.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iostream>
#include <memory>

namespace cogent::launch {
namespace {

struct Options {
  std::string gold;
  std::string predictions;
  std::string rules = "corrected";
  bool json = false;
};

// A line of predictions: a completion to parse, or the entities themselves.
ner::Answer read_prediction(const json::object& line, const Example& example, MetricRules rules,
                            const std::string& where) {
  if (line.contains("completion")) {
    return ner::parse_answer(require_string(line, "completion", where), example.schema, rules);
  }
  std::vector<Mention> mentions;
  for (const json::value& entity : require_array(line, "entities", where)) {
    check(entity.is_object(), ErrorCode::kData, where,
          ": \"entities\" holds something that is not an object");
    mentions.push_back({require_string(entity.get_object(), "text", where),
                        require_string(entity.get_object(), "label", where)});
  }
  return ner::answer_of_mentions(mentions, example.schema);
}

void print_table(const ner::Score& score) {
  std::cout << fmt::format("{:<28} {:>9} {:>9} {:>9}\n", "data set", "precision", "recall", "F1");
  for (const auto& [name, counts] : score.by_dataset()) {
    std::cout << fmt::format("{:<28} {:>9.2f} {:>9.2f} {:>9.2f}\n", name,
                             ner::percent(counts.precision()), ner::percent(counts.recall()),
                             ner::percent(counts.f1()));
  }
  std::cout << fmt::format("{:<28} {:>29.2f}\n", "mean", score.mean_f1());
}

void run(const Options& options) {
  const MetricRules rules =
      options.rules == "reference" ? MetricRules::kReference : MetricRules::kCorrected;
  const std::vector<Example> gold = data::read_examples(options.gold);
  const std::vector<JsonLine> predictions = read_json_lines(options.predictions);
  check(gold.size() == predictions.size(), ErrorCode::kData, options.predictions, " has ",
        predictions.size(), " lines, ", options.gold, " has ", gold.size(),
        " examples: one line for each is needed");
  ner::Score score;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    score.add(gold[i],
              read_prediction(predictions[i].object, gold[i], rules,
                              concat(options.predictions, " line ", predictions[i].number)));
  }
  if (!options.json) {
    print_table(score);
    return;
  }
  json::object datasets;
  for (const auto& [name, counts] : score.by_dataset()) {
    datasets[name] = ner::to_json(counts);
  }
  json::object parse;
  for (const auto& [reason, count] : score.by_parse()) {
    parse[reason] = count;
  }
  std::cout << to_json_line(json::object{{"datasets", std::move(datasets)},
                                         {"mean_f1", score.mean_f1()},
                                         {"parse", std::move(parse)}})
            << '\n';
}

}  // namespace

void add_score(CLI::App& program) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("score", "Micro precision, recall and F1 of predictions against gold");
  command->footer(
      "Example:\n  cogent score --gold test.jsonl --predictions predictions.jsonl --json");
  command->add_option("--gold", options->gold, "gold examples: any data file")->required();
  command->add_option("--predictions", options->predictions, "JSON lines, one for each example")
      ->required();
  command->add_option("--rules", options->rules, "metric.rules: reference or corrected")
      ->check(CLI::IsMember({"reference", "corrected"}));
  command->add_flag("--json", options->json, "one JSON object in place of a table");
  command->callback([options] { run(*options); });
}

}  // namespace cogent::launch
