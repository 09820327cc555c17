#include "rollout/ngram_counts.hpp"

#include <algorithm>

namespace cogent::rollout {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

auto find_id(std::vector<NgramCounts::Next>& all, std::int32_t id) {
  return std::find_if(all.begin(), all.end(),
                      [id](const NgramCounts::Next& next) { return next.id == id; });
}

}  // namespace

NgramCounts::Contexts::Contexts(std::span<const std::int32_t> text)
    : count(std::min(text.size(), kLongestContext)) {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < count; ++i) {
    hash = mix(hash ^ static_cast<std::uint32_t>(text[text.size() - 1 - i]));
    hashes[i] = hash;
  }
}

void NgramCounts::add(std::span<const std::int32_t> text, std::size_t first) {
  for (std::size_t at = first; at < text.size(); ++at) {
    const Contexts contexts(text.first(at));
    for (std::size_t i = 0; i < contexts.count; ++i) {
      std::vector<Next>& all = by_context_[contexts.hashes[i]];
      const auto found = find_id(all, text[at]);
      if (found == all.end()) {
        all.push_back({text[at], 1});
      } else {
        ++found->count;
        std::rotate(found, found + 1, all.end());
      }
    }
  }
}

void NgramCounts::remove(std::span<const std::int32_t> text, std::size_t first) {
  for (std::size_t at = first; at < text.size(); ++at) {
    const Contexts contexts(text.first(at));
    for (std::size_t i = 0; i < contexts.count; ++i) {
      const auto entry = by_context_.find(contexts.hashes[i]);
      const auto found = find_id(entry->second, text[at]);
      if (--found->count == 0) {
        entry->second.erase(found);
      }
      if (entry->second.empty()) {
        by_context_.erase(entry);
      }
    }
  }
}

std::span<const NgramCounts::Next> NgramCounts::find(std::uint64_t context) const {
  const auto entry = by_context_.find(context);
  return entry == by_context_.end() ? std::span<const Next>() : entry->second;
}

}  // namespace cogent::rollout
