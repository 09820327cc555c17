#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace cogent::rollout {

// What followed each run of one to kLongestContext tokens in the texts that were added, and how
// often.
class NgramCounts {
 public:
  static constexpr std::size_t kLongestContext = 4;

  struct Next {
    std::int32_t id = 0;
    std::int32_t count = 0;
  };
  // Hashes of the last 1, 2, ... tokens of a text; `count` of them, fewer where it is shorter. Two
  // contexts with one hash are counted as one, which spoils a guess and nothing else.
  struct Contexts {
    explicit Contexts(std::span<const std::int32_t> text);
    std::array<std::uint64_t, kLongestContext> hashes = {};
    std::size_t count = 0;
  };

  // Counts text[first], text[first + 1], ... behind the tokens before each of them.
  void add(std::span<const std::int32_t> text, std::size_t first);
  // Takes back what add() of the same arguments counted.
  void remove(std::span<const std::int32_t> text, std::size_t first);
  // What followed a context, the one counted last at the end; empty where nothing did.
  std::span<const Next> find(std::uint64_t context) const;

 private:
  std::unordered_map<std::uint64_t, std::vector<Next>> by_context_;
};

}  // namespace cogent::rollout
