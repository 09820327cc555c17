#include "core/base/philox.hpp"

#include "core/base/error.hpp"

namespace cogent {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;

}  // namespace

PhiloxCounter philox4x32_10(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

PhiloxCounter draw_words(const DrawAddress& address) {
  check(address.position < (1u << 24), ErrorCode::kUsage, "token position ", address.position,
        " does not fit the random generator's 24 bits");
  check(address.completion < (1u << 20), ErrorCode::kUsage, "completion index ", address.completion,
        " does not fit the random generator's 20 bits");
  check(address.round < (1u << 12), ErrorCode::kUsage, "sampling round ", address.round,
        " does not fit the random generator's 12 bits");
  const PhiloxCounter counter = {
      address.position | static_cast<std::uint32_t>(address.stream) << 24,
      address.completion | address.round << 20, address.step, address.prompt};
  return philox4x32_10(counter, {static_cast<std::uint32_t>(address.seed),
                                 static_cast<std::uint32_t>(address.seed >> 32)});
}

double draw_uniform(const DrawAddress& address) {
  const PhiloxCounter words = draw_words(address);
  const std::uint64_t bits = std::uint64_t{words[1]} << 21 | words[0] >> 11;
  return static_cast<double>(bits) * 0x1.0p-53;
}

std::uint32_t draw_below(std::uint32_t bound, DrawAddress address) {
  check(bound > 0, ErrorCode::kUnexpected, "a draw below 0 was asked for");
  // Lemire's rejection: the low half of word * bound under 2^32 mod bound would favour small
  // results.
  const std::uint32_t threshold = (0u - bound) % bound;
  for (;; ++address.round) {
    for (const std::uint32_t word : draw_words(address)) {
      const std::uint64_t product = std::uint64_t{word} * bound;
      if (static_cast<std::uint32_t>(product) >= threshold) {
        return static_cast<std::uint32_t>(product >> 32);
      }
    }
  }
}

}  // namespace cogent
