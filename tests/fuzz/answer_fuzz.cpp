#include "core/ner/annotate.hpp"
#include "core/ner/answer.hpp"
#include "core/ner/reward.hpp"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

void require(bool holds, const char* what) {
  if (!holds) {
    std::cerr << what << "\n";
    std::abort();
  }
}

}  // namespace

// Any bytes are a completion and a sentence: the reward is defined and bounded, and stage 1 accepts
// or rejects.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace cogent;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  Example example;
  example.sentence = text;
  example.schema = {"Location", "person", text.substr(0, 8)};
  example.entities = {{"Rome", "location"}, {text.substr(0, 16), "person"}};
  for (const MetricRules rules : {MetricRules::kReference, MetricRules::kCorrected}) {
    const ner::RewardParts parts = ner::ner_reward(example, text, rules);
    require(parts.f1 >= 0 && parts.f1 <= 1, "F1 is out of bounds");
    require(parts.schema == 0 || parts.schema == 1, "the schema reward is neither 0 nor 1");
    require(!parts.parse.empty(), "the reading has no name");
  }
  const ner::AnswerText extracted = ner::extract_answer_text(text, MetricRules::kCorrected);
  require(extracted.unclosed.empty(), "the corrected rules read every block");
  const ner::Annotation annotation = ner::annotate_with_rationale(example, {}, size);
  require(annotation.record.contains("gate") == annotation.rejection.has_value(),
          "a rejection is not in the record");
  return 0;
}
