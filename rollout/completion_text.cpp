#include "rollout/completion_text.hpp"

namespace cogent::rollout {

std::string completion_text(const text::Tokenizer& tokenizer, const Completion& completion) {
  const std::size_t ended = completion.finish == Finish::kStop && !completion.ids.empty() ? 1 : 0;
  // A model may have more logits than the tokenizer has tokens (a padded vocabulary): such ids are
  // no text.
  std::vector<std::int32_t> ids;
  for (const std::int32_t id : std::span(completion.ids).first(completion.ids.size() - ended)) {
    if (id < tokenizer.vocab_size()) {
      ids.push_back(id);
    }
  }
  return tokenizer.decode(ids, text::SpecialTokens::kSkip);
}

}  // namespace cogent::rollout
