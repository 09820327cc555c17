#include "rollout/draft.hpp"

#include <algorithm>

namespace cogent::rollout {
namespace {

constexpr std::size_t kLongestSuffix = 8;

// How many tokens before `end` in `text` are those at the end of `suffix`, up to kLongestSuffix.
std::size_t common_suffix(std::span<const std::int32_t> text, std::size_t end,
                          std::span<const std::int32_t> suffix) {
  const std::size_t most = std::min({kLongestSuffix, end, suffix.size()});
  std::size_t count = 0;
  while (count < most && text[end - 1 - count] == suffix[suffix.size() - 1 - count]) {
    ++count;
  }
  return count;
}

// The best place so far: what follows it, and how long a suffix stands before it.
struct Match {
  std::size_t suffix = 0;
  std::span<const std::int32_t> next;
};

void find_match(std::span<const std::int32_t> text, std::span<const std::int32_t> suffix,
                Match& best) {
  for (std::size_t end = text.size(); end-- > 1;) {
    const std::size_t count = common_suffix(text, end, suffix);
    if (count > best.suffix) {
      best = {count, text.subspan(end)};
    }
  }
}

}  // namespace

std::vector<std::int32_t> draft_tokens(std::span<const std::int32_t> prompt,
                                       std::span<const std::int32_t> completion,
                                       std::span<const std::span<const std::int32_t>> others,
                                       std::size_t length) {
  std::vector<std::int32_t> text(prompt.begin(), prompt.end());
  text.insert(text.end(), completion.begin(), completion.end());
  Match best;
  find_match(text, text, best);
  for (const std::span<const std::int32_t> other : others) {
    find_match(other, text, best);
  }
  const auto next = best.next.first(std::min(length, best.next.size()));
  return {next.begin(), next.end()};
}

void DraftLength::record(std::int64_t drafted, std::int64_t accepted) {
  if (accepted == drafted) {
    tokens_ = std::min(kLongest, 2 * tokens_);
  } else if (accepted == 0) {
    tokens_ = std::max<std::int64_t>(1, tokens_ / 2);
  }
}

}  // namespace cogent::rollout
