#!/usr/bin/env bash
# Fails, naming the files, where clang-format 14 would change a source.
set -euo pipefail
cd "$(dirname "$0")/.."
sources=$(git ls-files '*.cpp' '*.hpp')
unformatted=$(for file in $sources; do clang-format-14 --dry-run --Werror "$file" >/dev/null 2>&1 || echo "$file"; done)
if [[ -n $unformatted ]]; then
  printf 'not formatted (clang-format-14 -i FILE):\n%s\n' "$unformatted" >&2
  exit 1
fi
