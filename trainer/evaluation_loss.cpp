#include "trainer/evaluation_loss.hpp"

#include "core/model/panels.hpp"
#include "trainer/packing.hpp"
#include "trainer/scoring.hpp"
#include "trainer/sharded_model.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cogent::trainer {

EvaluationLoss::EvaluationLoss(const model::Transformer& model, distributed::Communicator& learners,
                               std::vector<TrainSequence> sequences,
                               std::int64_t micro_batch_tokens)
    : model_(model), learners_(learners), sequences_(std::move(sequences)) {
  std::vector<std::size_t> all(sequences_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  auto batches = cut_micro_batches(sequences_, all, micro_batch_tokens);
  std::vector<std::int64_t> costs;
  for (const auto& indices : batches) {
    costs.push_back(pack(sequences_, indices).rows());
  }
  const auto deal = deal_micro_batches(costs, learners_.size());
  for (const std::size_t batch : deal[static_cast<std::size_t>(learners_.rank())]) {
    own_batches_.push_back(std::move(batches[batch]));
  }
}

std::vector<double> EvaluationLoss::own_sums(model::ModelWeights& weights) const {
  std::vector<double> sums(sequences_.size(), 0.0);
  if (own_batches_.empty()) {
    return sums;
  }
  const model::PanelScope panels(model_, weights);
  for (const auto& indices : own_batches_) {
    const PackedBatch batch = pack(sequences_, indices);
    const model::TokenLogprobs forward = score(model_, weights, batch, 1.0);
    const float* const logprobs = forward.logprob.const_data_ptr<float>();
    for (const PackedSequence& sequence : batch.sequences) {
      for (std::int64_t t = sequence.first; t < sequence.first + sequence.count; ++t) {
        sums[sequence.sequence] -= static_cast<double>(logprobs[t]);
      }
    }
  }
  return sums;
}

MeanLoss EvaluationLoss::mean(std::vector<double> sums) const {
  // Each value is 0 on all learners but one, so that their sum is that one's, bit by bit.
  learners_
      .all_reduce(distributed::Buffer(std::span(sums)), distributed::ReduceOp::kSum,
                  "losses of the evaluation")
      .wait();
  MeanLoss mean;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    mean.loss += sums[i];
    mean.tokens += static_cast<std::int64_t>(sequences_[i].completion_ids.size());
  }
  mean.loss /= static_cast<double>(std::max<std::int64_t>(1, mean.tokens));
  return mean;
}

}  // namespace cogent::trainer
