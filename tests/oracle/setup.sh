#!/usr/bin/env bash
# Makes the Python environment of the oracles, tests/oracle/.venv (6 GB: the torch wheel brings its CUDA libraries). The tests do not
# need it: it writes and checks their fixtures. Safe to repeat.
#   tests/oracle/setup.sh && tests/oracle/.venv/bin/python tests/oracle/make_model_fixtures.py
set -euo pipefail
cd "$(dirname "$0")"

venv=.venv
wanted=$(sha256sum <requirements.txt)
if [[ -f $venv/.installed && $(cat "$venv/.installed") == "$wanted" ]]; then
  echo "oracle: $venv is up to date"
  exit 0
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "oracle: python3 cannot make environments: apt-get install python3-venv" >&2
  exit 2
fi
python3 -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --requirement requirements.txt
echo "$wanted" >"$venv/.installed"
