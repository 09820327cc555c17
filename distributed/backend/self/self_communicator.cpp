#include "distributed/argument_checks.hpp"
#include "distributed/communicator.hpp"
#include "distributed/reduce.hpp"

#include <cstring>
#include <utility>

namespace cogent::distributed {
namespace {

// One rank: sums are the values themselves, and everything is done when the call returns.
class SelfCommunicator final : public Communicator {
 public:
  explicit SelfCommunicator(std::string name) : name_(std::move(name)) {}

  int rank() const override { return 0; }
  int size() const override { return 1; }
  const std::string& name() const override { return name_; }

  Work all_reduce(Buffer values, ReduceOp, std::string_view what) override {
    check_buffer(*this, "all_reduce", what, values, Device::kHost);
    return Work();
  }
  Work reduce_scatter(Buffer values, Buffer own, std::span<const std::int64_t> counts,
                      std::string_view what) override {
    check_reduce_scatter(*this, what, own, values, counts, Device::kHost);
    if (own.type == values.type) {
      copy(values, own);
    } else {
      const auto count = static_cast<std::size_t>(own.count);
      widen({static_cast<const BFloat16Bits*>(values.data), count},
            {static_cast<float*>(own.data), count});
    }
    return Work();
  }
  Work all_gather(Buffer own, Buffer values, std::span<const std::int64_t> counts,
                  std::string_view what) override {
    check_all_gather(*this, what, own, values, counts, Device::kHost);
    copy(own, values);
    return Work();
  }
  Work broadcast(Buffer values, int root, std::string_view what) override {
    check_buffer(*this, "broadcast", what, values, Device::kHost);
    check_root(*this, "broadcast", what, root);
    return Work();
  }
  Work barrier(std::string_view) override { return Work(); }

 private:
  static void copy(const Buffer& from, const Buffer& to) {
    if (from.count != 0) {
      std::memmove(to.data, from.data, from.bytes());
    }
  }

  std::string name_;
};

}  // namespace

std::unique_ptr<Communicator> make_self_communicator(std::string name) {
  return std::make_unique<SelfCommunicator>(std::move(name));
}

}  // namespace cogent::distributed
