#include "core/ner/metric.hpp"

#include "core/ner/normalise.hpp"
#include "core/ner/schema.hpp"

#include <cstdio>
#include <cstdlib>

namespace cogent::ner {
namespace {

double ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : 0;
}

// round(value, 2) of Python: the nearest decimal of the exact value, half to even. The C library
// prints doubles exactly.
double round_to_cents(double value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  return std::strtod(digits, nullptr);
}

MentionSet set_of(const std::vector<Mention>& cleaned) {
  MentionSet set;
  for (const Mention& mention : cleaned) {
    set.emplace(normalise_mention(mention.text), mention.label);
  }
  return set;
}

}  // namespace

MentionSet predicted_set(std::span<const Mention> mentions) {
  return set_of(clean_mentions(mentions));
}

MentionSet gold_set(std::span<const Mention> entities) {
  return set_of(clean_gold(entities));
}

double Counts::precision() const {
  return ratio(static_cast<double>(tp), static_cast<double>(tp + fp));
}
double Counts::recall() const {
  return ratio(static_cast<double>(tp), static_cast<double>(tp + fn));
}
double Counts::f1() const {
  return ratio(2 * precision() * recall(), precision() + recall());
}
Counts& Counts::operator+=(const Counts& other) {
  tp += other.tp;
  fp += other.fp;
  fn += other.fn;
  return *this;
}

Counts count_matches(const MentionSet& gold, const MentionSet& predicted) {
  Counts counts;
  for (const auto& mention : predicted) {
    ++(gold.contains(mention) ? counts.tp : counts.fp);
  }
  counts.fn = static_cast<std::int64_t>(gold.size()) - counts.tp;
  return counts;
}

double completion_f1(const MentionSet& gold, const Answer& answer, MetricRules rules) {
  if (gold.empty() && answer.mentions.empty()) {
    return rules == MetricRules::kCorrected && answer.entities_is_object ? 1 : 0;
  }
  return count_matches(gold, predicted_set(answer.mentions)).f1();
}

double percent(double share) {
  return round_to_cents(share * 100);
}

double headline(std::span<const double> percents) {
  double sum = 0;
  for (const double value : percents) {
    sum += value;
  }
  return percents.empty() ? 0 : round_to_cents(sum / static_cast<double>(percents.size()));
}

void Score::add(const Example& example, const Answer& answer) {
  const MentionSet gold = gold_set(example.entities);
  const MentionSet predicted = predicted_set(answer.mentions);
  const Counts counts = count_matches(gold, predicted);
  total_ += counts;
  by_dataset_[example.dataset] += counts;
  for (const auto& mention : predicted) {
    Counts& label = by_label_[mention.second];
    ++(gold.contains(mention) ? label.tp : label.fp);
  }
  for (const auto& mention : gold) {
    by_label_[mention.second].fn += predicted.contains(mention) ? 0 : 1;
  }
  ++by_parse_[answer.parse];
  ++examples_;
}

double Score::mean_f1() const {
  std::vector<double> values;
  for (const auto& [name, counts] : by_dataset_) {
    values.push_back(percent(counts.f1()));
  }
  return headline(values);
}

}  // namespace cogent::ner
