#!/bin/bash
# A deadline is one of communication: what ranks do on their own may take longer.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

# The learner has nothing left to do while the worker evaluates the last version, for some seconds.
launch 2 evaluation grpo evaluation "${grpo_keys[@]}" train.steps=1 cluster.deadline_seconds=1 train.eval_every=1 \
  "data.dev=$quickstart/dev.jsonl" evaluate.max_new_tokens=400
same "evaluation: status" "$status" 0
same "evaluation: versions" "$(column step evaluation/evaluations.jsonl | xargs)" "0 1"
finish
