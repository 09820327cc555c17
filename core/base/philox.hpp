#pragma once

#include <array>
#include <cstdint>

namespace cogent {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): a pure
// function, so that a draw depends on what is drawn and never on who draws it or when.
PhiloxCounter philox4x32_10(PhiloxCounter counter, PhiloxKey key);

// What a draw is for. The numbers are part of the arithmetic of a run: never renumber.
enum class RandomStream : std::uint8_t {
  kSampling = 0,    // tokens of a completion
  kDataOrder = 1,   // order of the training rows
  kRationale = 2,   // wording of deterministic chains of thought
  kInitialise = 3,  // random weights
  kEvaluation = 4,  // sampled evaluation
  kRefill = 5,      // rows that dynamic sampling fills a step up with
  kAdapter = 6,     // a new adapter's matrices A
};

// The address of one draw. Layout of the counter: c0 = position (low 24 bits) | stream << 24, c1 =
// completion (low 20 bits) | round << 20, c2 = step, c3 = prompt. The key is the run's 64-bit seed,
// low word first.
struct DrawAddress {
  std::uint64_t seed = 0;
  RandomStream stream = RandomStream::kSampling;
  std::uint32_t position = 0;    // index in the completion, below 2^24
  std::uint32_t completion = 0;  // index in the group, below 2^20
  std::uint32_t round = 0;       // sampling round of the step, below 2^12
  std::uint32_t step = 0;        // the step that trains on the sample
  std::uint32_t prompt = 0;      // row of the data file
};

// Four 32-bit words at this address. Throws kUsage where a value is past its field.
PhiloxCounter draw_words(const DrawAddress& address);
// A double in [0, 1) from 53 bits of the first two words: (w1 << 21 | w0 >> 11) * 2^-53.
double draw_uniform(const DrawAddress& address);

// The numbers 0..count-1 in an order that depends on seed, stream and epoch alone (Fisher-Yates
// from the back, unbiased by rejection). Used for data order: step = epoch, position = index of the
// exchange.
template <typename Index>
void shuffle_rows(Index* rows, std::uint32_t count, std::uint64_t seed, RandomStream stream,
                  std::uint32_t epoch);

// An integer in [0, bound), unbiased; `attempt` words are consumed by raising `round`.
std::uint32_t draw_below(std::uint32_t bound, DrawAddress address);

template <typename Index>
void shuffle_rows(Index* rows, std::uint32_t count, std::uint64_t seed, RandomStream stream,
                  std::uint32_t epoch) {
  for (std::uint32_t i = count; i > 1; --i) {
    const std::uint32_t j =
        draw_below(i, {.seed = seed, .stream = stream, .step = epoch, .prompt = i - 1});
    const Index swapped = rows[i - 1];
    rows[i - 1] = rows[j];
    rows[j] = swapped;
  }
}

}  // namespace cogent
