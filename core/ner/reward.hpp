#pragma once

#include "core/config/run_config.hpp"
#include "core/records/records.hpp"

#include <string>
#include <string_view>

namespace cogent::ner {

// What one completion earns, unweighted.
struct RewardParts {
  double f1 = 0;      // micro F1 of this completion, from 0 to 1
  double schema = 0;  // 1 or 0
  std::string parse;  // how the answer read (core/ner/answer.hpp)
};

// Total: defined for every byte string and every example.
RewardParts ner_reward(const Example& example, std::string_view completion, MetricRules rules);

}  // namespace cogent::ner
