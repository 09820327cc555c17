#!/bin/bash
# A reward in another language: its value is in the metrics, and a program that is killed costs its samples, not the run.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

python3 -c '' 2>/dev/null || skip "python3 is absent"
cat >reward.py <<'PYTHON'
import json, os, sys, time

for number, line in enumerate(sys.stdin):
    item = json.loads(line)
    if number == 20 and not os.path.exists("killed"):  # in the second step
        open("killed", "w").close()
        os.kill(os.getpid(), 9)
    print(json.dumps({"reward": len(item["completion"]) / 100}), flush=True)
PYTHON

launch 2 command grpo command "${grpo_keys[@]}" reward.length=0 "reward.command=[python3, $PWD/reward.py]" reward.command_weight=2
same "command: status" "$status" 0
same "command: steps" "$(column step command/metrics.jsonl | xargs)" "1 2 3 4 5 6"
same "command: lost completions" "$(column lost_completions command/metrics.jsonl | awk '$1 > 0' | wc -l)" 1
same "command: reproducible" "$(column reproducible command/metrics.jsonl | xargs)" "true false true true true true"
same "command: lines with its mean" "$(grep -c '"reward_command":[0-9.]*[1-9]' command/metrics.jsonl)" 6
grep -q 'python3 (process [0-9]*) was ended by signal 9: 12 of 16 completions are left out' command.err ||
  complain "command: the log does not name what failed: $(grep reward command.err)"
same "command: programs left over" "$(pgrep -fc "$PWD/reward.py")" 0

launch 2 absent grpo absent "${grpo_keys[@]}" 'reward.command=[no-such-program-anywhere]'
fails_with 2 absent 'no-such-program-anywhere'

finish
