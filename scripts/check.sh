#!/usr/bin/env bash
# Every check that needs no test run. All of them run, so that one visit shows everything; the exit status tells.
set -euo pipefail
cd "$(dirname "$0")/.."

export NO_COLOR=1
failed=()
run() {
  local name=$1
  shift
  local output
  if output=$("$@" 2>&1); then
    printf '%-10s ok    %s\n' "$name" "$(tail -n 1 <<<"$output")"
  else
    printf '%-10s FAILED\n%s\n\n' "$name" "$output"
    failed+=("$name")
  fi
}

run format .venv/bin/ruff format --check .
run lint .venv/bin/ruff check --no-fix .
run types .venv/bin/basedpyright --warnings
run layers .venv/bin/lint-imports --no-logo
run generated scripts/check-generated.sh
run docs .venv/bin/zensical build --strict
run text .venv/bin/python scripts/check_text.py

if ((${#failed[@]})); then
  printf 'check: failed: %s\n' "${failed[*]}" >&2
  exit 1
fi
