// One contract for every backend: each operation over types, sizes and uneven shards against naive
// sums, with the same bits on all ranks and in a second run.
#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "distributed/communicator.hpp"
#include "distributed/reduce.hpp"
#include "tests/contract/staged_communicator.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

namespace cogent::distributed {
namespace {

using ::testing::HasSubstr;

// make() gives null and the reason where the backend cannot run here.
struct Backend {
  std::string name;
  std::function<std::unique_ptr<Communicator>(std::string& absent)> make;
};

void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

std::vector<Backend> backends() {
  return {{"self", [](std::string&) { return make_self_communicator("contract"); }},
          {"mpi",
           [](std::string&) {
             auto& session = tests::mpi_session();
             std::vector<int> ranks(static_cast<std::size_t>(session.size()));
             std::iota(ranks.begin(), ranks.end(), 0);
             return session.communicator(ranks, "contract");
           }},
          {"nccl", tests::make_staged_nccl_communicator}};
}

// Around the limits at which buffers are split: the session's where it is small, else the ring's
// segment of a megabyte, which only two types go to, since large buffers take time.
template <typename T>
std::vector<std::int64_t> sizes() {
  const std::int64_t limit = tests::mpi_session_options().max_count;
  constexpr bool kLarge = std::is_same_v<T, float> || std::is_same_v<T, std::int64_t>;
  const std::int64_t segment = kLarge ? (std::int64_t{1} << 20) / sizeof(T) : 4096 / sizeof(T);
  const std::int64_t chunk = std::min(limit, segment);
  return {0, 1, 17, chunk - 1, chunk, chunk + 1, 2 * chunk + 3};
}

// Values that no sum of few of them rounds in a type wider than bfloat16, different on every rank.
template <typename T>
T value_of(int rank, std::int64_t index) {
  const auto small = static_cast<int>((index * 7 + rank * 13) % 101) - (rank == 0 ? 50 : 0);
  if constexpr (std::is_same_v<T, BFloat16Bits>) {
    return round_to_bfloat16(static_cast<float>(small) / 8);
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(small) / 8;
  } else {
    return static_cast<T>(small);
  }
}

template <typename T>
double number(T value) {
  if constexpr (std::is_same_v<T, BFloat16Bits>) {
    return to_float(value);
  } else {
    return static_cast<double>(value);
  }
}

template <typename T>
std::vector<T> values_of(int rank, std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = value_of<T>(rank, i);
  }
  return values;
}

// The naive oracle: one accumulator per value, in double (exact for these values).
template <typename T>
double reduced(int ranks, std::int64_t index, ReduceOp op) {
  double result = number(value_of<T>(0, index));
  for (int rank = 1; rank < ranks; ++rank) {
    const double next = number(value_of<T>(rank, index));
    result = op == ReduceOp::kSum   ? result + next
             : op == ReduceOp::kMin ? std::min(result, next)
                                    : std::max(result, next);
  }
  // uint8 wraps around.
  return std::is_same_v<T, std::uint8_t>
             ? number(static_cast<std::uint8_t>(static_cast<int>(result)))
             : result;
}

// The sums of `values`, which begin at `offset`, against the oracle.
template <typename T>
void expect_reduced(const std::vector<T>& values, std::int64_t offset, int ranks, ReduceOp op) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t index = offset + static_cast<std::int64_t>(i);
    const double expected = reduced<T>(ranks, index, op);
    // Each of ranks - 1 additions rounds a bfloat16 to 8 bits; the other types are exact.
    const bool rounds = std::is_same_v<T, BFloat16Bits> && op == ReduceOp::kSum;
    const double tolerance = rounds ? std::max(1.0, std::abs(expected)) * ranks / 128 : 0;
    if (std::abs(number(values[i]) - expected) > tolerance) {
      FAIL() << "value " << index << " is " << number(values[i]) << ", expected " << expected;
    }
  }
}

// Is this the same on all ranks?
template <typename T>
void expect_equal_bits(Communicator& ranks, const std::vector<T>& values) {
  const auto own = static_cast<std::int64_t>(xxh3(std::as_bytes(std::span(values))));
  // The least hash, and the complement of the greatest.
  std::vector<std::int64_t> ends = {own, ~own};
  ranks.all_reduce(Buffer(std::span(ends)), ReduceOp::kMin, "hashes").wait();
  EXPECT_EQ(ends[0], ~ends[1]);
}

// Shards that are even, and shards of which some are empty and the last is long.
std::vector<std::vector<std::int64_t>> shard_counts(std::int64_t total, int ranks) {
  std::vector<std::int64_t> even(static_cast<std::size_t>(ranks), total / ranks);
  even.back() += total % ranks;
  std::vector<std::int64_t> all_in_first(static_cast<std::size_t>(ranks), 0);
  all_in_first.front() = total;
  std::vector<std::int64_t> uneven(static_cast<std::size_t>(ranks), 0);
  std::int64_t left = total;
  for (int rank = 1; rank < ranks; rank += 2) {
    uneven[static_cast<std::size_t>(rank)] = left / 3;
    left -= left / 3;
  }
  uneven.back() += left;
  return {even, all_in_first, uneven};
}

class CommunicatorContract : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    std::string absent;
    ranks_ = GetParam().make(absent);
    if (ranks_ == nullptr) {
      GTEST_SKIP() << absent;
    }
  }

  Communicator& ranks() { return *ranks_; }
  // The ranks whose values the oracle adds.
  int size() const { return ranks_->size(); }
  std::int64_t own_count(const std::vector<std::int64_t>& counts) const {
    return counts[static_cast<std::size_t>(ranks_->rank())];
  }
  std::int64_t own_offset(const std::vector<std::int64_t>& counts) const {
    return std::accumulate(counts.begin(), counts.begin() + ranks_->rank(), std::int64_t{0});
  }

  template <typename T>
  void check_all_reduce(ReduceOp op) {
    for (const std::int64_t count : sizes<T>()) {
      SCOPED_TRACE(concat("all_reduce of ", count, " values"));
      std::vector<T> values = values_of<T>(ranks().rank(), count);
      std::vector<T> again = values;
      ranks().all_reduce(Buffer(std::span(values)), op, "contract").wait();
      expect_reduced(values, 0, size(), op);
      expect_equal_bits(ranks(), values);
      ranks().all_reduce(Buffer(std::span(again)), op, "contract again").wait();
      EXPECT_TRUE(count == 0 || std::memcmp(values.data(), again.data(), count * sizeof(T)) == 0);
    }
  }

  template <typename T>
  void check_reduce_scatter() {
    for (const std::int64_t total : sizes<T>()) {
      for (const auto& counts : shard_counts(total, size())) {
        SCOPED_TRACE(concat("reduce_scatter of ", total, " values"));
        std::vector<T> values = values_of<T>(ranks().rank(), total);
        std::vector<T> own(static_cast<std::size_t>(own_count(counts)));
        ranks()
            .reduce_scatter(Buffer(std::span(values)), Buffer(std::span(own)), counts, "contract")
            .wait();
        expect_reduced(own, own_offset(counts), size(), ReduceOp::kSum);
      }
    }
  }

  template <typename T>
  void check_all_gather() {
    for (const std::int64_t total : sizes<T>()) {
      for (const auto& counts : shard_counts(total, size())) {
        SCOPED_TRACE(concat("all_gather of ", total, " values"));
        const std::vector<T> expected = values_of<T>(0, total);
        const auto begin = expected.begin() + own_offset(counts);
        std::vector<T> own(begin, begin + own_count(counts));
        std::vector<T> values(static_cast<std::size_t>(total));
        ranks()
            .all_gather(Buffer(std::span(own)), Buffer(std::span(values)), counts, "contract")
            .wait();
        EXPECT_EQ(xxh3(std::as_bytes(std::span(values))), xxh3(std::as_bytes(std::span(expected))));

        // From its own place.
        std::vector<T> placed(static_cast<std::size_t>(total));
        std::copy(own.begin(), own.end(), placed.begin() + own_offset(counts));
        const std::span<T> place(placed.data() + own_offset(counts), own.size());
        ranks().all_gather(Buffer(place), Buffer(std::span(placed)), counts, "in place").wait();
        EXPECT_EQ(xxh3(std::as_bytes(std::span(placed))), xxh3(std::as_bytes(std::span(expected))));
      }
    }
  }

 private:
  std::unique_ptr<Communicator> ranks_;
};

TEST_P(CommunicatorContract, AllReduceAddsEveryType) {
  check_all_reduce<float>(ReduceOp::kSum);
  check_all_reduce<double>(ReduceOp::kSum);
  check_all_reduce<BFloat16Bits>(ReduceOp::kSum);
  check_all_reduce<std::int64_t>(ReduceOp::kSum);
  check_all_reduce<std::int32_t>(ReduceOp::kSum);
  check_all_reduce<std::uint8_t>(ReduceOp::kSum);
}

TEST_P(CommunicatorContract, AllReduceFindsLeastAndGreatest) {
  for (const ReduceOp op : {ReduceOp::kMin, ReduceOp::kMax}) {
    check_all_reduce<float>(op);
    check_all_reduce<double>(op);
    check_all_reduce<BFloat16Bits>(op);
    check_all_reduce<std::int64_t>(op);
    check_all_reduce<std::int32_t>(op);
  }
}

TEST_P(CommunicatorContract, ReduceScatterTakesUnevenAndEmptyShards) {
  check_reduce_scatter<float>();
  check_reduce_scatter<double>();
  check_reduce_scatter<BFloat16Bits>();
  check_reduce_scatter<std::int64_t>();
  check_reduce_scatter<std::int32_t>();
}

// Parts that bfloat16 holds, whose sums it does not: 1 and a 512th a rank.
TEST_P(CommunicatorContract, ReduceScatterAddsBfloat16InFloat32) {
  for (const std::int64_t total : sizes<BFloat16Bits>()) {
    for (const auto& counts : shard_counts(total, size())) {
      SCOPED_TRACE(concat("reduce_scatter of ", total, " values"));
      const auto part = [](int rank, std::int64_t index) {
        return rank == 0 ? 1.0F : static_cast<float>(1 + index % 3) / 512;
      };
      std::vector<BFloat16Bits> values(static_cast<std::size_t>(total));
      for (std::int64_t i = 0; i < total; ++i) {
        values[static_cast<std::size_t>(i)] = round_to_bfloat16(part(ranks().rank(), i));
      }
      std::vector<float> own(static_cast<std::size_t>(own_count(counts)));
      const auto call = [&] {
        ranks()
            .reduce_scatter(Buffer(std::span(values)), Buffer(std::span(own)), counts, "widened")
            .wait();
      };
      if (GetParam().name == "nccl") {
        EXPECT_THROW(call(), Error) << "device memory has no such sum";
        continue;
      }
      call();
      for (std::size_t j = 0; j < own.size(); ++j) {
        const std::int64_t index = own_offset(counts) + static_cast<std::int64_t>(j);
        ASSERT_EQ(own[j], 1.0F + static_cast<float>(size() - 1) * part(1, index)) << index;
      }
    }
  }
}

TEST_P(CommunicatorContract, ReduceScatterLeavesItsInputAlone) {
  const auto counts = shard_counts(1000, size()).back();
  std::vector<float> values = values_of<float>(ranks().rank(), 1000);
  std::vector<float> own(static_cast<std::size_t>(own_count(counts)));
  ranks()
      .reduce_scatter(Buffer(std::span(values)), Buffer(std::span(own)), counts, "contract")
      .wait();
  EXPECT_EQ(values, values_of<float>(ranks().rank(), 1000));
}

TEST_P(CommunicatorContract, AllGatherTakesUnevenAndEmptyShards) {
  check_all_gather<float>();
  check_all_gather<double>();
  check_all_gather<std::int64_t>();
  check_all_gather<std::uint8_t>();
}

// Values whose sum depends on the order: the bits must be the same on all ranks and every time.
TEST_P(CommunicatorContract, SumsThatRoundHaveTheSameBitsEverywhere) {
  for (const std::int64_t count : sizes<float>()) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      values[static_cast<std::size_t>(i)] =
          1.0f / static_cast<float>(3 + i % 97 + 1000 * ranks().rank());
    }
    std::vector<float> again = values;
    ranks().all_reduce(Buffer(std::span(values)), ReduceOp::kSum, "rounding sum").wait();
    ranks().all_reduce(Buffer(std::span(again)), ReduceOp::kSum, "rounding sum").wait();
    EXPECT_EQ(values, again);
    expect_equal_bits(ranks(), values);
  }
}

// What exact gradients are summed with: no value passes through a type with fewer bits.
TEST_P(CommunicatorContract, Int64SumsKeepEveryBit) {
  const std::int64_t large = (std::int64_t{1} << 60) + 1;
  for (const auto& counts : shard_counts(1000, size())) {
    std::vector<std::int64_t> values(1000);
    for (std::int64_t i = 0; i < 1000; ++i) {
      values[static_cast<std::size_t>(i)] = (i % 2 == 0 ? large : -large) + ranks().rank() + i;
    }
    std::vector<std::int64_t> own(static_cast<std::size_t>(own_count(counts)));
    ranks()
        .reduce_scatter(Buffer(std::span(values)), Buffer(std::span(own)), counts, "large integers")
        .wait();
    for (std::size_t j = 0; j < own.size(); ++j) {
      const std::int64_t i = own_offset(counts) + static_cast<std::int64_t>(j);
      ASSERT_EQ(own[j], ((i % 2 == 0 ? large : -large) + i) * size() + size() * (size() - 1) / 2);
    }
  }
}

TEST_P(CommunicatorContract, BroadcastReachesAllRanksFromAnyRoot) {
  for (int root = 0; root < size(); ++root) {
    for (const std::int64_t count : sizes<double>()) {
      std::vector<double> values = values_of<double>(ranks().rank(), count);
      ranks().broadcast(Buffer(std::span(values)), root, "contract").wait();
      EXPECT_EQ(values, values_of<double>(root, count));
    }
  }
}

TEST_P(CommunicatorContract, ManyCollectivesMayBeUnderWay) {
  std::vector<std::vector<std::int64_t>> values;
  std::vector<Work> works;
  for (int i = 0; i < 20; ++i) {
    values.emplace_back(static_cast<std::size_t>(50 + i), std::int64_t{i + ranks().rank()});
  }
  for (auto& each : values) {
    works.push_back(ranks().all_reduce(Buffer(std::span(each)), ReduceOp::kSum, "one of many"));
  }
  ranks().barrier("after many").wait();
  for (int i = 0; i < 20; ++i) {
    works[static_cast<std::size_t>(i)].wait();
    const std::int64_t expected = i * size() + size() * (size() - 1) / 2;
    EXPECT_THAT(values[static_cast<std::size_t>(i)], ::testing::Each(expected));
  }
}

TEST_P(CommunicatorContract, BytesOfAnyLengthAreGatheredAndBroadcast) {
  const auto bytes_of = [](int rank) {
    return std::vector<std::byte>(static_cast<std::size_t>(rank * 300), std::byte(rank + 1));
  };
  const auto own = bytes_of(ranks().rank());
  const auto all = all_gather_bytes(ranks(), own, "bytes");
  ASSERT_EQ(static_cast<int>(all.size()), size());
  for (int rank = 0; rank < size(); ++rank) {
    EXPECT_EQ(all[static_cast<std::size_t>(rank)], bytes_of(rank));
    EXPECT_EQ(broadcast_bytes(ranks(), own, rank, "bytes"), bytes_of(rank));
  }
}

template <typename Call>
void expect_refused(Call call, const std::string& first, const std::string& second) {
  try {
    call();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCommunication);
    EXPECT_THAT(error.what(), HasSubstr(first));
    EXPECT_THAT(error.what(), HasSubstr(second));
  }
}

TEST_P(CommunicatorContract, WrongArgumentsAreSentences) {
  std::vector<float> values(10);
  std::vector<float> own(3);
  std::vector<double> doubles(3);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size()), 0);
  counts[static_cast<std::size_t>(ranks().rank())] = 3;
  const Buffer all{std::span(values)};
  expect_refused(
      [&] { ranks().reduce_scatter(all, Buffer(std::span(own)), counts, "too few").wait(); },
      "sum up to 3", "has 10 values");
  counts[static_cast<std::size_t>(ranks().rank())] = 10;
  expect_refused([&] { ranks().all_gather(Buffer(std::span(own)), all, counts, "own").wait(); },
                 "has 3 values", "count is 10");
  expect_refused(
      [&] { ranks().all_gather(Buffer(std::span(doubles)), all, counts, "types").wait(); },
      "float64", "float32");
  expect_refused([&] { ranks().reduce_scatter(all, all, counts, "overlap").wait(); }, "overlap",
                 "10");
  expect_refused([&] { ranks().broadcast(all, size(), "no root").wait(); }, concat("root ", size()),
                 concat(size(), " ranks"));
  counts.push_back(0);
  expect_refused([&] { ranks().all_gather(all, all, counts, "too many").wait(); },
                 concat(size() + 1, " counts"), concat(size(), " ranks"));
  expect_refused(
      [&] {
        ranks()
            .all_reduce(Buffer(nullptr, 4, DataType::kFloat32), ReduceOp::kSum, "no memory")
            .wait();
      },
      "4 values", "no memory");
}

INSTANTIATE_TEST_SUITE_P(Backends, CommunicatorContract, ::testing::ValuesIn(backends()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace cogent::distributed
