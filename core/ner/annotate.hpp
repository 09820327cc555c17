#pragma once

#include "core/base/json_lines.hpp"
#include "core/ner/gates.hpp"
#include "core/ner/rationale.hpp"
#include "core/records/records.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace cogent::ner {

// One line of stage 1: an NER-CoT record (docs/formats/dataset.md), or, where a gate rejected it,
// the same record with "gate" and "reason".
struct Annotation {
  json::object record;
  std::optional<Rejection> rejection;
};

// A teacher's completion for this example, put through both gates.
Annotation annotate_with_completion(const Example& example, std::string_view completion);

// The deterministic teacher: a chain from the example's gold entities, put through both gates. A
// function of its arguments alone. Gold entities with a dropped label are left out.
Annotation annotate_with_rationale(const Example& example, const LabelDescriptions& descriptions,
                                   std::uint64_t seed);

// An example as an NER-CoT record; "cot" is left out where there is none.
json::object example_record(const Example& example);

}  // namespace cogent::ner
