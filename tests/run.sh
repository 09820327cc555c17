#!/usr/bin/env bash
# Sets up, builds and passes every test that belongs to a change (labels soak and learning are the long ones, run by hand). Arguments go to ctest.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

launch/setup.sh --test
tests/format.sh
cmake --preset ci >/dev/null
cmake --build --preset ci --parallel "$(nproc)" -- --quiet
if [[ -f /usr/local/cuda/include/cuda_runtime.h ]] && compgen -G '/usr/*/include/nccl.h' '/usr/include/nccl.h' '/usr/local/cuda/include/nccl.h' >/dev/null; then
  cmake --preset nccl >/dev/null
  cmake --build --preset nccl --parallel "$(nproc)" --target cogent_distributed communicator_contract_test -- --quiet
else
  echo "run.sh: no CUDA toolkit with NCCL here: the NCCL backend was not compiled"
fi
ctest --test-dir build/ci --output-on-failure --label-exclude 'soak|learning' "$@"
