#!/bin/bash
# A disk that has room for one checkpoint of two ends the run with the documented status, and leaves the first checkpoint good.
. "$COGENT_SOURCE_DIR/tests/integration/lib.sh"

mkdir full
mount -t tmpfs -o size=1m none full 2>/dev/null || skip "no tmpfs can be mounted here, a full disk is not tried"
umount full

launch 2 whole grpo whole "${grpo_keys[@]}" train.steps=2
same "whole: status" "$status" 0
size=$(du -sk whole/checkpoints/step-00000002 | cut -f1)
mount -t tmpfs -o "size=$((size * 3 / 2))k" none full || complain "no second tmpfs"
trap 'umount full' EXIT
launch 2 full-disk grpo full/run "${grpo_keys[@]}" train.steps=4 checkpoint.keep_last=2
fails_with 4 full-disk 'full/run'
good export export full/run --out rescued
same "full disk: checkpoints" "$(ls full/run/checkpoints | grep -c '^step-[0-9]*$')" 1
finish
