#include "tests/contract/staged_communicator.hpp"

#include "core/base/error.hpp"
#include "distributed/backend/nccl/nccl_call.hpp"
#include "distributed/backend/nccl/nccl_communicator.hpp"
#include "tests/mpi/mpi_session.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cogent::tests {
namespace {

using distributed::Buffer;
using distributed::Communicator;
using distributed::cuda_call;
using distributed::Device;
using distributed::ReduceOp;
using distributed::Work;

// A copy of a host buffer on the device. A buffer without memory stays one.
class Staged {
 public:
  explicit Staged(const Buffer& host) : host_(host) {
    if (host.data != nullptr && host.bytes() != 0) {
      cuda_call(cudaMalloc(&data_, host.bytes()), "cudaMalloc");
      cuda_call(cudaMemcpy(data_, host.data, host.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
    }
  }
  ~Staged() { static_cast<void>(cudaFree(data_)); }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  Buffer buffer() const { return {data_, host_.count, host_.type, Device::kCuda}; }
  // A host buffer that lies inside this one, at its place in the copy.
  bool holds(const Buffer& part) const {
    const auto* begin = static_cast<const std::byte*>(host_.data);
    const auto* data = static_cast<const std::byte*>(part.data);
    return data_ != nullptr && data >= begin && data < begin + host_.bytes();
  }
  Buffer place_of(const Buffer& part) const {
    const auto offset =
        static_cast<const std::byte*>(part.data) - static_cast<const std::byte*>(host_.data);
    return {static_cast<std::byte*>(data_) + offset, part.count, part.type, Device::kCuda};
  }
  void copy_back() const {
    if (data_ != nullptr) {
      cuda_call(cudaMemcpy(host_.data, data_, host_.bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    }
  }

 private:
  Buffer host_;
  void* data_ = nullptr;
};

class StagedCommunicator final : public Communicator {
 public:
  explicit StagedCommunicator(std::unique_ptr<Communicator> device) : device_(std::move(device)) {}

  int rank() const override { return device_->rank(); }
  int size() const override { return device_->size(); }
  const std::string& name() const override { return device_->name(); }

  Work all_reduce(Buffer values, ReduceOp op, std::string_view what) override {
    const Staged all(values);
    device_->all_reduce(all.buffer(), op, what).wait();
    all.copy_back();
    return Work();
  }
  Work reduce_scatter(Buffer values, Buffer own, std::span<const std::int64_t> counts,
                      std::string_view what) override {
    const Staged all(values);
    const Staged mine(own);
    const Buffer target = all.holds(own) ? all.place_of(own) : mine.buffer();
    device_->reduce_scatter(all.buffer(), target, counts, what).wait();
    mine.copy_back();
    return Work();
  }
  Work all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                  std::string_view what) override {
    const Staged all(values);
    const Staged mine(own);
    const Buffer source = all.holds(own) ? all.place_of(own) : mine.buffer();
    device_->all_gather(source, all.buffer(), counts, what).wait();
    all.copy_back();
    return Work();
  }
  Work broadcast(Buffer values, int root, std::string_view what) override {
    const Staged all(values);
    device_->broadcast(all.buffer(), root, what).wait();
    all.copy_back();
    return Work();
  }
  Work barrier(std::string_view what) override { return device_->barrier(what); }

 private:
  std::unique_ptr<Communicator> device_;
};

}  // namespace

std::unique_ptr<Communicator> make_staged_nccl_communicator(std::string& absent) {
  auto& session = mpi_session();
  const int devices = distributed::nccl_device_count();
  if (devices < session.local_size()) {
    absent = concat("NCCL needs a device a rank: this host has ", devices, " devices for ",
                    session.local_size(), " ranks");
    return nullptr;
  }
  return std::make_unique<StagedCommunicator>(distributed::make_nccl_communicator(
      session.world(), session.watchdog(), {.device = session.local_rank()}));
}

}  // namespace cogent::tests
