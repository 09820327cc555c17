#include "core/base/files.hpp"
#include "core/base/json_lines.hpp"
#include "core/config/config.hpp"
#include "trainer/kl.hpp"
#include "trainer/policy_loss.hpp"
#include "trainer/train_sequences.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace cogent::trainer {
namespace {

// Every objective against the float64 oracle (tests/oracle/objectives.py): the value of a
// mini-batch and its gradient by the log-probability of each token.

constexpr double kTolerance = 1e-10;

using Rows = std::vector<std::vector<double>>;

std::vector<double> numbers_of(const json::value& list) {
  std::vector<double> numbers;
  for (const json::value& item : list.as_array()) {
    numbers.push_back(item.to_number<double>());
  }
  return numbers;
}

Rows rows_of(const json::value& lists) {
  Rows rows;
  for (const json::value& list : lists.as_array()) {
    rows.push_back(numbers_of(list));
  }
  return rows;
}

// A step: groups as a worker sends them, and the log-probabilities in float64 beside them.
struct Batch {
  explicit Batch(const json::object& from)
      : logprob(rows_of(from.at("logprob"))),
        proximal(rows_of(from.at("proximal"))),
        behavior(rows_of(from.at("behavior"))),
        reference(rows_of(from.at("reference"))),
        entropy(rows_of(from.at("entropy"))) {
    const std::vector<double> group = numbers_of(from.at("group"));
    const std::vector<double> rewards = numbers_of(from.at("rewards"));
    for (std::size_t row = 0; row < rewards.size(); ++row) {
      groups.resize(static_cast<std::size_t>(group[row]) + 1);
      Completion completion;
      completion.ids.resize(logprob[row].size());
      completion.reward = rewards[row];
      completion.finish =
          from.at("truncated").as_array()[row].as_bool() ? Finish::kLength : Finish::kStop;
      groups.back().completions.push_back(completion);
    }
  }

  std::vector<TokenTerm> terms(const GrpoSettings& settings, std::size_t row) const {
    const Rows& old = settings.old_policy == OldPolicy::kProximal ? proximal : behavior;
    std::vector<TokenTerm> out;
    for (std::size_t t = 0; t < logprob[row].size(); ++t) {
      out.push_back({.logprob = logprob[row][t],
                     .old = old[row][t],
                     .behavior = behavior[row][t],
                     .reference = reference[row][t],
                     .entropy = entropy[row][t]});
    }
    return out;
  }

  std::vector<RolloutGroup> groups;
  Rows logprob, proximal, behavior, reference, entropy;
};

GrpoSettings settings_of(const json::object& changed) {
  std::vector<std::string> overrides;
  for (const auto& [key, value] : changed) {
    const std::string text =
        value.is_string() ? std::string(value.as_string()) : json::serialize(value);
    overrides.push_back(std::string("grpo.") + std::string(key) + "=" + text);
  }
  return parse_config("", "", overrides).grpo;
}

struct Outcome {
  double loss = 0;
  std::vector<double> advantages;
  Rows gradient, entropy_gradient;
};

Outcome compute(const Batch& batch, const GrpoSettings& settings, std::int64_t max_new_tokens) {
  std::vector<TrainSequence> sequences = train_sequences(batch.groups, settings);
  if (settings.kl_in == KlPlace::kReward) {
    std::vector<double> kl(sequences.size(), 0.0);
    for (std::size_t row = 0; row < kl.size(); ++row) {
      for (const TokenTerm& term : batch.terms(settings, row)) {
        kl[row] += kl_term(settings.kl_estimator, term.old, term.reference).value;
      }
    }
    take_kl_from_rewards(batch.groups, settings, kl, sequences);
  }
  Outcome outcome;
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    outcome.advantages.push_back(sequences[row].advantage);
    outcome.gradient.emplace_back(batch.logprob[row].size(), 0.0);
    outcome.entropy_gradient.emplace_back(batch.logprob[row].size(), 0.0);
  }
  const Selection selection = select_sequences(
      sequences, settings, 0, static_cast<std::int64_t>(batch.groups.size()), max_new_tokens);
  for (const std::size_t row : selection.chosen) {
    const std::vector<TokenTerm> terms = batch.terms(settings, row);
    const double weight =
        token_weight(settings.loss, selection.normaliser, static_cast<std::int64_t>(terms.size()));
    const std::vector<TokenLoss> losses = sequence_loss(settings, sequences[row].advantage, terms);
    for (std::size_t t = 0; t < losses.size(); ++t) {
      outcome.loss += weight * losses[t].value;
      outcome.gradient[row][t] = weight * losses[t].gradient;
      outcome.entropy_gradient[row][t] = weight * losses[t].entropy_gradient;
    }
  }
  return outcome;
}

// Infinite where it is no number, which std::max and a comparison would let through.
double error_of(double ours, double theirs) {
  const double error = std::abs(ours - theirs) / std::max(1.0, std::abs(theirs));
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

double largest_error(const Rows& ours, const Rows& theirs) {
  double largest = 0;
  for (std::size_t row = 0; row < theirs.size(); ++row) {
    for (std::size_t t = 0; t < theirs[row].size(); ++t) {
      largest = std::max(largest, error_of(ours[row][t], theirs[row][t]));
    }
  }
  return largest;
}

struct Errors {
  double value = 0;
  double gradient = 0;
  int cases = 0;
};

TEST(Objectives, WhatIsNoNumberIsTheLargestError) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(error_of(kNaN, 1), kInfinity);
  EXPECT_EQ(error_of(1, kNaN), kInfinity);
  EXPECT_EQ(error_of(kInfinity, kInfinity), kInfinity);
  EXPECT_EQ(largest_error({{1, kNaN, 1}}, {{1, 1, 1}}), kInfinity);
}

TEST(Objectives, ValueAndGradientAreTheOracles) {
  const std::filesystem::path file =
      std::filesystem::path(std::getenv("COGENT_FIXTURES")) / "trainer" / "objectives.json";
  const json::object fixture = parse_json_object(read_file(file, ErrorCode::kData), file.string());
  const std::int64_t max_new_tokens = fixture.at("max_new_tokens").as_int64();
  std::vector<Batch> batches;
  for (const json::value& batch : fixture.at("batches").as_array()) {
    batches.emplace_back(batch.as_object());
  }
  std::vector<std::string> order;
  std::map<std::string, Errors> table;
  for (const json::value& item : fixture.at("cases").as_array()) {
    const json::object& expected = item.as_object();
    const std::string name(expected.at("objective").as_string());
    const auto index = static_cast<std::size_t>(expected.at("batch").as_int64());
    const Outcome ours = compute(batches.at(index),
                                 settings_of(expected.at("settings").as_object()), max_new_tokens);
    if (!table.contains(name)) {
      order.push_back(name);
    }
    Errors& errors = table[name];
    ++errors.cases;
    errors.value =
        std::max({errors.value, error_of(ours.loss, expected.at("loss").to_number<double>()),
                  largest_error({ours.advantages}, {numbers_of(expected.at("advantages"))})});
    if (const json::value* of_entropy = expected.if_contains("entropy_gradient")) {
      errors.gradient =
          std::max(errors.gradient, largest_error(ours.entropy_gradient, rows_of(*of_entropy)));
    }
    errors.gradient =
        std::max(errors.gradient, largest_error(ours.gradient, rows_of(expected.at("gradient"))));
  }
  std::cout << "objective                          value   gradient  cases\n";
  for (const std::string& name : order) {
    const Errors& errors = table[name];
    char line[96];
    std::snprintf(line, sizeof line, "%-32s %8.1e  %8.1e  %d\n", name.c_str(), errors.value,
                  errors.gradient, errors.cases);
    std::cout << line;
    EXPECT_LT(errors.value, kTolerance) << name;
    EXPECT_LT(errors.gradient, kTolerance) << name;
  }
  EXPECT_GE(order.size(), 41u);
}

// Without its gradient a sequence is not computed, and still counts in what the sum is divided by.
TEST(Objectives, WhatIsLeftOutStillCounts) {
  GrpoSettings settings;
  settings.beta = 0;
  settings.mask_truncated = true;
  std::vector<RolloutGroup> groups(3);
  const auto add = [&](std::size_t g, std::size_t length, double reward, Finish finish) {
    Completion completion;
    completion.ids.resize(length);
    completion.reward = reward;
    completion.finish = finish;
    groups[g].completions.push_back(completion);
  };
  add(0, 4, 1, Finish::kStop);
  add(0, 2, 1, Finish::kStop);
  add(1, 3, 0, Finish::kStop);
  add(1, 5, 1, Finish::kLength);
  add(2, 1, 7, Finish::kStop);  // another mini-batch
  const std::vector<TrainSequence> all = train_sequences(groups, settings);
  const Selection selection = select_sequences(all, settings, 0, 2, 8);
  EXPECT_EQ(selection.chosen, (std::vector<std::size_t>{2}));
  EXPECT_EQ(selection.without_gradient, 2);
  EXPECT_EQ(selection.normaliser.sequences, 4);
  EXPECT_EQ(selection.normaliser.tokens, 9);
  EXPECT_EQ(selection.normaliser.max_new_tokens, 8);
  settings.entropy_coef = 0.1;
  EXPECT_EQ(select_sequences(all, settings, 0, 2, 8).chosen, (std::vector<std::size_t>{0, 1, 2}));
  settings.entropy_coef = 0;
  settings.beta = 0.1;
  EXPECT_EQ(select_sequences(all, settings, 0, 2, 8).chosen, (std::vector<std::size_t>{0, 1, 2}));
}

}  // namespace
}  // namespace cogent::trainer
