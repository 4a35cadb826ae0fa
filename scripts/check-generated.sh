#!/usr/bin/env bash
# Are the files that a program writes up to date? Each scripts/generate_NAME.py takes --check (compare, say what differs,
# exit 1) or nothing (write). A new generator is found by its name.
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob

mode=(--check)
[[ ${1:-} == --write ]] && mode=()
status=0
generators=(scripts/generate_*.py)
for generator in "${generators[@]}"; do
  .venv/bin/python "$generator" "${mode[@]}" || status=1
done
if ((status)); then
  printf 'Write them again with:  make generate\n' >&2
else
  printf '%s generators, all up to date\n' "${#generators[@]}"
fi
exit "$status"
