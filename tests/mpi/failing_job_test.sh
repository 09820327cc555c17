#!/bin/bash
# One rank fails: every rank is gone within 10 s of that, with the documented exit status and a sentence. Start-up is not counted.
set -u
job="$COGENT_BINARY_DIR/tests/failing_job"
failures=0

milliseconds() { date "$@" +%s%3N; }

# expect STATUS SECONDS TEXT ARGUMENT...: how the job of three ranks ends, and how long after rank 1 began to fail
expect() {
  local status=$1 seconds=$2 text=$3
  shift 3
  rm -f failing
  timeout 90 mpirun -n 3 "$job" "$@" >output.log 2>&1
  local got=$? took=unknown
  if [ -f failing ]; then
    local limit=$(($(milliseconds -r failing) + seconds * 1000))
    while pgrep -f "^$job " >/dev/null && [ "$(milliseconds)" -lt "$limit" ]; do
      sleep 0.05
    done
    took=$(($(milliseconds) - $(milliseconds -r failing)))
  fi
  echo "failing_job $*: status $got, all ranks are gone after $took ms"
  if [ $got -ne "$status" ] || [ "$took" = unknown ] || [ "$took" -gt $((seconds * 1000)) ] || ! grep -q "$text" output.log; then
    echo "FAILED: status $status, at most $seconds s and the text \"$text\" were expected, in:"
    cat output.log
    failures=$((failures + 1))
  fi
  if pgrep -f "^$job " >/dev/null; then
    echo "FAILED: ranks are left over"
    failures=$((failures + 1))
  fi
}

expect 0 60 "rank 2: done" none
expect 3 10 "rank 1: rank 1 read a bad line" throw
expect 3 10 "rank 1 read a bad line" throw unwound
expect 3 10 "rank 1: rank 1 read a bad line" deaf
expect 7 10 "rank 1: rank 1 met a value" lost-work
expect 7 10 "rank 1 met a value" lost-work unwound
expect 77 10 "" status
expect 137 10 "" killed
# The others notice at their deadline of 5 s.
expect 6 15 'rank [02]: all_reduce 2 "gradients" .* of communicator world' absent
exit $failures
