#include "rollout/draft.hpp"

#include <algorithm>

namespace cogent::rollout {
namespace {

// Tokens of finished completions that are copied from, at most: about 25 MB of counts.
constexpr std::size_t kMostTokens = 1 << 16;
constexpr std::int32_t kGroupWeight = 2;
// A share is of the votes and this much for every token that has some: what came in a few places,
// or in many ways, may come in another one.
constexpr double kDoubt = 0.7;
constexpr double kLeastChance = 0.05;

struct Vote {
  std::int32_t id = 0;
  double share = 0;
  std::size_t context = 0;  // its length; 0: no place is known
};

Vote vote(std::span<const NgramCounts::Next> finished, std::span<const NgramCounts::Next> group,
          std::size_t context) {
  std::vector<NgramCounts::Next> all(finished.begin(), finished.end());
  std::int32_t total = 0;
  for (const NgramCounts::Next& next : group) {
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const auto& other) { return other.id == next.id; });
    const std::int32_t before = same == all.end() ? 0 : same->count;
    if (same != all.end()) {
      all.erase(same);
    }
    all.push_back({next.id, before + kGroupWeight * next.count});
  }
  NgramCounts::Next best;
  for (const NgramCounts::Next& next : all) {
    total += next.count;
    best = next.count >= best.count ? next : best;
  }
  return {best.id, best.count / (total + kDoubt * static_cast<double>(all.size())), context};
}

// By the longest context that is known.
Vote vote(const NgramCounts& finished, const NgramCounts& group,
          std::span<const std::int32_t> text) {
  const NgramCounts::Contexts contexts(text);
  for (std::size_t length = contexts.count; length > 0; --length) {
    const auto from_finished = finished.find(contexts.hashes[length - 1]);
    const auto from_group = group.find(contexts.hashes[length - 1]);
    if (!from_finished.empty() || !from_group.empty()) {
      return vote(from_finished, from_group, length);
    }
  }
  return {};
}

// The completion from `first` on, behind as many tokens of it and its prompt as a context has.
std::vector<std::int32_t> tail(std::span<const std::int32_t> prompt,
                               std::span<const std::int32_t> completion, std::size_t first) {
  constexpr std::size_t kContext = NgramCounts::kLongestContext;
  const std::size_t of_completion = std::min(first, kContext);
  const std::size_t of_prompt = std::min(prompt.size(), kContext - of_completion);
  const auto before = prompt.last(of_prompt);
  std::vector<std::int32_t> text(before.begin(), before.end());
  const auto rest = completion.subspan(first - of_completion);
  text.insert(text.end(), rest.begin(), rest.end());
  return text;
}

}  // namespace

DraftChances::DraftChances() {
  constexpr double kTrials = 3;
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    const double share = (static_cast<double>(i % kShares) + 0.5) / static_cast<double>(kShares);
    tallies_[i] = {kTrials * share, kTrials};
  }
}

std::size_t DraftChances::kind_of(double share, std::size_t context, bool is_first) {
  const auto of_share = std::min(kShares - 1, static_cast<std::size_t>(share * kShares));
  return of_share + kShares * (2 * (context - 1) + (is_first ? 0 : 1));
}

double DraftChances::chance(std::size_t kind) const {
  return tallies_[kind].right / tallies_[kind].tried;
}

void DraftChances::record(std::size_t kind, bool right) {
  constexpr double kMemory = 200;
  Tally& tally = tallies_[kind];
  tally.right += right ? 1 : 0;
  tally.tried += 1;
  if (tally.tried > kMemory) {
    tally.right /= 2;
    tally.tried /= 2;
  }
}

Drafter::Drafter(std::span<const RolloutRequest> requests, std::span<const RolloutGroup> groups)
    : requests_(requests), groups_(groups), groups_of_(requests.size()) {}

std::vector<Guess> Drafter::guess(std::size_t request, std::uint32_t index, std::int64_t length) {
  count_finished();
  count_group(request);
  const std::vector<std::int32_t>& ids = groups_[request].completions[index].ids;
  std::vector<std::int32_t> text = tail(requests_[request].prompt_ids, ids, ids.size());
  std::vector<Guess> guesses;
  double chance = 1;
  while (static_cast<std::int64_t>(guesses.size()) < length) {
    const Vote next = vote(finished_, groups_of_[request].counts, text);
    if (next.context == 0) {
      break;
    }
    const std::size_t kind = DraftChances::kind_of(next.share, next.context, guesses.empty());
    chance *= chances_.chance(kind);
    if (chance < kLeastChance) {
      break;
    }
    guesses.push_back({next.id, chance, kind});
    text.push_back(next.id);
  }
  return guesses;
}

void Drafter::record(std::span<const Guess> verified, std::int64_t right, bool ended) {
  const auto count = static_cast<std::int64_t>(verified.size());
  const std::int64_t judged = std::min(count, ended ? right : right + 1);
  for (std::int64_t i = 0; i < judged; ++i) {
    chances_.record(verified[static_cast<std::size_t>(i)].kind, i < right);
  }
}

void Drafter::finish(std::size_t request, std::uint32_t index) {
  waiting_.push_back({request, index});
  waiting_tokens_ += ids_of(waiting_.back()).size();
  // No more than would be kept.
  while (waiting_tokens_ - ids_of(waiting_.front()).size() >= kMostTokens) {
    waiting_tokens_ -= ids_of(waiting_.front()).size();
    waiting_.pop_front();
  }
}

void Drafter::count_finished() {
  for (const Name& name : waiting_) {
    finished_.add(ids_of(name), 0);
    counted_tokens_ += ids_of(name).size();
    counted_.push_back(name);
  }
  waiting_.clear();
  waiting_tokens_ = 0;
  while (counted_tokens_ > kMostTokens && counted_.size() > 1) {
    finished_.remove(ids_of(counted_.front()), 0);
    counted_tokens_ -= ids_of(counted_.front()).size();
    counted_.pop_front();
  }
}

void Drafter::count_group(std::size_t request) {
  GroupCounts& group = groups_of_[request];
  const std::vector<std::int32_t>& prompt = requests_[request].prompt_ids;
  const std::vector<Completion>& completions = groups_[request].completions;
  if (group.counted.empty()) {
    group.counted.resize(completions.size());
    group.counts.add(prompt, 0);
  }
  for (std::size_t i = 0; i < completions.size(); ++i) {
    const std::vector<std::int32_t>& ids = completions[i].ids;
    if (group.counted[i] < ids.size()) {
      const std::vector<std::int32_t> text = tail(prompt, ids, group.counted[i]);
      group.counts.add(text, text.size() - (ids.size() - group.counted[i]));
      group.counted[i] = ids.size();
    }
  }
}

}  // namespace cogent::rollout
