#include "rollout/completion_text.hpp"

#include "core/text/utf8.hpp"
#include "rollout/stop_text.hpp"

#include <algorithm>

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

std::string text_before_stop(const text::Tokenizer& tokenizer, const Completion& completion,
                             const SamplingOptions& sampling) {
  std::span<const std::int32_t> ids(completion.ids);
  const std::vector<std::int32_t>& ends = sampling.stop_ids;
  if (!ids.empty() && std::find(ends.begin(), ends.end(), ids.back()) != ends.end()) {
    ids = ids.first(ids.size() - 1);
  }
  std::string bytes;
  for (const std::int32_t id : ids) {
    bytes += token_bytes(tokenizer, id);
  }
  return text::repair_utf8(before_stop_text(bytes, sampling.stop_texts));
}

}  // namespace cogent::rollout
