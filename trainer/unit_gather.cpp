#include "trainer/unit_gather.hpp"

#include "core/base/error.hpp"
#include "core/model/panels.hpp"
#include "trainer/tensor_buffer.hpp"

#include <ATen/ops/empty.h>

#include <utility>

namespace cogent::trainer {

bool shards_parameters(const LearnerSettings& settings, int learners) {
  return settings.shard == ShardMode::kParameters && learners > 1;
}

void gather_units(const ShardLayout& layout, distributed::Communicator& learners,
                  const std::function<at::Tensor(std::size_t)>& shard,
                  const std::vector<at::Tensor>& to) {
  std::vector<distributed::Work> works;
  for (std::size_t unit = 0; unit < layout.units().size(); ++unit) {
    works.push_back(learners.all_gather(buffer_of(shard(unit)), buffer_of(to[unit]),
                                        layout.counts(unit),
                                        "weights of " + layout.units()[unit].name));
  }
  for (distributed::Work& work : works) {
    work.wait();
  }
}

UnitGather::UnitGather(const model::Transformer& model, const ShardLayout& layout,
                       distributed::Communicator& learners, const std::vector<at::Tensor>& shards,
                       std::int64_t prefetch)
    : model_(model),
      layout_(layout),
      learners_(learners),
      shards_(shards),
      prefetch_(static_cast<std::size_t>(prefetch)) {}

void UnitGather::begin(std::vector<std::size_t> order) {
  check(order_.empty() && started_.empty(), ErrorCode::kUnexpected,
        "a pass over the units begins while ", order_.size() + started_.size(),
        " units of another are left");
  order_.assign(order.begin(), order.end());
  while (started_.size() < prefetch_ && !order_.empty()) {
    start(order_.front());
    order_.pop_front();
  }
}

model::UnitTensors UnitGather::next() {
  while (started_.size() <= prefetch_ && !order_.empty()) {
    start(order_.front());
    order_.pop_front();
  }
  check(!started_.empty(), ErrorCode::kUnexpected, "a pass uses more units than it named");
  Gather gather = std::move(started_.front());
  started_.pop_front();
  gather.work.wait();
  model::UnitTensors weights = model::unit_views(layout_.units()[gather.unit], gather.flat);
  model::move_to_panels(model_, gather.unit, weights);
  return weights;
}

void UnitGather::start(std::size_t unit) {
  Gather& gather = started_.emplace_back();
  gather.unit = unit;
  gather.flat = at::empty({layout_.unit_size(unit)}, shards_[unit].options());
  gather.work =
      learners_.all_gather(buffer_of(shards_[unit]), buffer_of(gather.flat), layout_.counts(unit),
                           "weights of " + layout_.units()[unit].name);
}

}  // namespace cogent::trainer
