#pragma once

#include "launch/stage.hpp"

namespace cogent::launch {

// The three collective stages of the method, each the body of run_stage: every rank of the world
// runs it.

// CoT tuning: all ranks learn. Writes metrics.jsonl, evaluations.jsonl and checkpoints.
void run_sft(StageContext& context);
// Reasoning enhancement: workers draw groups, learners train on them (or on recorded ones,
// rollout.replay).
void run_grpo(StageContext& context);
// Greedy evaluation of data.test (data.dev where there is none): all ranks draw. Writes
// predictions/, evaluation.json, which is the same bytes for any ranks, and sampling.json, which
// has the clock's. Rank 0 shows both on standard output, as tables or as one JSON object.
enum class SummaryFormat { kTables, kJson };
void run_evaluate(StageContext& context, SummaryFormat format);

}  // namespace cogent::launch
