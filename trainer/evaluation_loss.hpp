#pragma once

#include "core/model/transformer.hpp"
#include "core/records/records.hpp"
#include "distributed/communicator.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cogent::trainer {

// Over the trained tokens of some sequences.
struct MeanLoss {
  double loss = 0;  // mean negative log-likelihood, in nats
  std::int64_t tokens = 0;
};

// The loss of Learner::sft_step over sequences that nobody trains on, by forwards alone. They are
// cut into micro-batches and dealt to the learners by cost, as an update's are. Each sequence is
// summed in float64 and the sums are added in the order of the sequences, so that where the bits of
// a row do not depend on its batch (Transformer::rows_are_independent), neither number of learners
// nor cut changes a bit of the mean.
class EvaluationLoss {
 public:
  // micro_batch_tokens: the budget of rows of a micro-batch. An Error of kData where a sequence has
  // no prompt or no trained token. Model and communicator must outlive the object. Not collective.
  EvaluationLoss(const model::Transformer& model, distributed::Communicator& learners,
                 std::vector<TrainSequence> sequences, std::int64_t micro_batch_tokens);

  // [sequences] negative log-likelihood of each one of this learner's share, and 0 of the others'.
  // `weights`: whole, the same on every learner. Not collective, and as long as computing takes.
  std::vector<double> own_sums(model::ModelWeights& weights) const;
  // The mean, from what own_sums gave on each learner. Collective over the learners.
  MeanLoss mean(std::vector<double> sums) const;

 private:
  const model::Transformer& model_;
  distributed::Communicator& learners_;
  std::vector<TrainSequence> sequences_;
  std::vector<std::vector<std::size_t>> own_batches_;  // indices of sequences
};

}  // namespace cogent::trainer
