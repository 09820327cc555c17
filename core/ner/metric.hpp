#pragma once

#include "core/config/run_config.hpp"
#include "core/ner/answer.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cogent::ner {

// Mentions of one sentence as they are compared: (normalised text, label), each once.
using MentionSet = std::set<std::pair<std::string, std::string>>;

MentionSet predicted_set(std::span<const Mention> mentions);
// Gold entities; those with a dropped label are left out.
MentionSet gold_set(std::span<const Mention> entities);

// True positives, false positives and false negatives. The rates are shares of 1, and 0 where their
// denominator is 0.
struct Counts {
  std::int64_t tp = 0;
  std::int64_t fp = 0;
  std::int64_t fn = 0;

  double precision() const;
  double recall() const;
  double f1() const;
  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};

Counts count_matches(const MentionSet& gold, const MentionSet& predicted);

// F1 of one completion. Gold and prediction both empty: 0 under the reference rules; under the
// corrected ones 1 where the answer's `entities` is an object, else 0.
double completion_f1(const MentionSet& gold, const Answer& answer, MetricRules rules);

// A share of 1 in percent, rounded to 2 decimals as Python's round does.
double percent(double share);
// The mean of values in percent, rounded again; 0 of none.
double headline(std::span<const double> percents);

// Counts over examples: overall, by label, by data set and by how the answers read.
class Score {
 public:
  void add(const Example& example, const Answer& answer);

  const Counts& total() const { return total_; }
  const std::map<std::string, Counts>& by_label() const { return by_label_; }
  const std::map<std::string, Counts>& by_dataset() const { return by_dataset_; }
  const std::map<std::string, std::int64_t>& by_parse() const { return by_parse_; }
  std::int64_t examples() const { return examples_; }
  // Mean of the data sets' rounded F1, in percent.
  double mean_f1() const;

 private:
  Counts total_;
  std::map<std::string, Counts> by_label_;
  std::map<std::string, Counts> by_dataset_;
  std::map<std::string, std::int64_t> by_parse_;
  std::int64_t examples_ = 0;
};

}  // namespace cogent::ner
