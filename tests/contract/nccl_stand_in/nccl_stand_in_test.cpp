// What the NCCL backend must do around the library's calls, and that the stand-in sees wrong use.
#include "core/base/error.hpp"
#include "distributed/backend/nccl/nccl_call.hpp"
#include "distributed/backend/nccl/nccl_communicator.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cogent::distributed {
namespace {

using ::testing::HasSubstr;

// Values in "device memory", with a host copy that lives as long.
template <typename T>
class DeviceValues {
 public:
  explicit DeviceValues(std::vector<T> values) : host_(std::move(values)) {
    cuda_call(cudaMalloc(&data_, bytes()), "cudaMalloc");
  }
  ~DeviceValues() { static_cast<void>(cudaFree(data_)); }
  DeviceValues(const DeviceValues&) = delete;
  DeviceValues& operator=(const DeviceValues&) = delete;

  void upload(cudaStream_t stream) const {
    cuda_call(cudaMemcpyAsync(data_, host_.data(), bytes(), cudaMemcpyHostToDevice, stream),
              "cudaMemcpyAsync");
  }
  std::vector<T> download() const {
    std::vector<T> values(host_.size());
    cuda_call(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
  }
  Buffer buffer() const {
    return {data_, static_cast<std::int64_t>(host_.size()), data_type_of<T>(), Device::kCuda};
  }

 private:
  std::size_t bytes() const { return host_.size() * sizeof(T); }

  std::vector<T> host_;
  void* data_ = nullptr;
};

class Stream {
 public:
  Stream() {
    cuda_call(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking),
              "cudaStreamCreateWithFlags");
  }
  ~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t raw() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

std::unique_ptr<Communicator> communicator(cudaStream_t compute = nullptr) {
  auto& session = tests::mpi_session();
  return make_nccl_communicator(session.world(), session.watchdog(),
                                {.device = session.local_rank(), .compute_stream = compute});
}

int rank() {
  return tests::mpi_session().rank();
}
int size() {
  return tests::mpi_session().size();
}

// The values are written by the compute stream, which is late: a collective that does not wait for
// it sends what stood there before.
TEST(NcclStandIn, CollectivesWaitForTheComputeStream) {
  const Stream compute;
  const auto ranks = communicator(compute.raw());
  for (std::int64_t round = 1; round <= 5; ++round) {
    const DeviceValues<std::int64_t> values(std::vector<std::int64_t>(100, round * (rank() + 1)));
    values.upload(compute.raw());
    ranks->all_reduce(values.buffer(), ReduceOp::kSum, "late values").wait();
    EXPECT_THAT(values.download(), ::testing::Each(round * size() * (size() + 1) / 2));
  }
}

// Several are under way, each late: wait() may return for none of them before its values are there.
TEST(NcclStandIn, WaitReturnsBehindTheResult) {
  const Stream compute;
  const auto ranks = communicator(compute.raw());
  std::vector<std::unique_ptr<DeviceValues<float>>> values;
  std::vector<Work> works;
  for (int i = 0; i < 8; ++i) {
    values.push_back(
        std::make_unique<DeviceValues<float>>(std::vector<float>(1000, static_cast<float>(i))));
    values.back()->upload(compute.raw());
    works.push_back(ranks->all_reduce(values.back()->buffer(), ReduceOp::kSum, "one of many"));
  }
  for (int i = 0; i < 8; ++i) {
    works[static_cast<std::size_t>(i)].wait();
    EXPECT_THAT(values[static_cast<std::size_t>(i)]->download(),
                ::testing::Each(static_cast<float>(i * size())));
  }
}

void expect_invalid_usage(const std::function<void()>& call) {
  try {
    call();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCommunication);
    EXPECT_THAT(error.what(), HasSubstr("invalid usage"));
  }
}

TEST(NcclStandIn, UnequalCountsAreAnErrorOnAllRanks) {
  const auto ranks = communicator();
  const DeviceValues<float> values(std::vector<float>(rank() == 0 ? 10 : 11));
  expect_invalid_usage(
      [&] { ranks->all_reduce(values.buffer(), ReduceOp::kSum, "counts").wait(); });
}

TEST(NcclStandIn, UnequalTypesAreAnErrorOnAllRanks) {
  const auto ranks = communicator();
  const DeviceValues<std::int64_t> values(std::vector<std::int64_t>(10));
  Buffer buffer = values.buffer();
  buffer.type = rank() == 0 ? DataType::kFloat64 : DataType::kInt64;
  expect_invalid_usage([&] { ranks->all_reduce(buffer, ReduceOp::kSum, "types").wait(); });
}

TEST(NcclStandIn, UnequalOperationsAndRootsAreAnErrorOnAllRanks) {
  const DeviceValues<float> values(std::vector<float>(10));
  expect_invalid_usage([&] {
    communicator()
        ->all_reduce(values.buffer(), rank() == 0 ? ReduceOp::kSum : ReduceOp::kMax, "operations")
        .wait();
  });
  expect_invalid_usage(
      [&] { communicator()->broadcast(values.buffer(), rank() == 0 ? 0 : 1, "roots").wait(); });
}

// Shards of which one is empty on one rank alone make groups of another size.
TEST(NcclStandIn, UnequalGroupsAreAnErrorOnAllRanks) {
  const auto ranks = communicator();
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size()), 2);
  counts.front() = rank() == 0 ? 0 : 1;
  counts.back() += rank() == 0 ? 1 : 0;
  const std::int64_t own = counts[static_cast<std::size_t>(rank())];
  const std::int64_t total = 2 * size() - 1;
  const DeviceValues<float> values(std::vector<float>(static_cast<std::size_t>(total)));
  const DeviceValues<float> shard(std::vector<float>(static_cast<std::size_t>(own)));
  expect_invalid_usage(
      [&] { ranks->reduce_scatter(values.buffer(), shard.buffer(), counts, "groups").wait(); });
}

TEST(NcclStandIn, MemoryOfTheHostIsRefused) {
  const auto ranks = communicator();
  std::vector<float> values(10);
  try {
    ranks
        ->all_reduce({values.data(), 10, DataType::kFloat32, Device::kCuda}, ReduceOp::kSum, "host")
        .wait();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("invalid argument"));
  }
}

}  // namespace
}  // namespace cogent::distributed
