#pragma once

#include "core/records/records.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cogent::ner {

// Why a gate of stage 1 turned an annotation down.
struct Rejection {
  std::string gate;    // "structure" or "coverage"
  std::string reason;  // one sentence
};

// Structure: the answer parses (corrected rules, each label's value a list), and every entity is
// not empty, has a label of the schema and stands in the sentence as it is written.
std::optional<Rejection> structure_gate(const Example& example, std::string_view completion);

// Coverage: there is a chain, and it mentions each entity, in any case.
std::optional<Rejection> coverage_gate(std::string_view cot, std::span<const Mention> entities);

// What a completion that passed both gates holds, or why it did not pass.
struct GateResult {
  std::optional<Rejection> rejection;
  std::string cot;
  std::vector<Mention> entities;  // labels normalised
};
GateResult pass_gates(const Example& example, std::string_view completion);

}  // namespace cogent::ner
