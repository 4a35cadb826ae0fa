#!/usr/bin/env bash
# All tests, in a process for each core. Arguments go to pytest, which runs those in one process:
#   scripts/test.sh tests/unit -k quorum
# With COVERAGE=1 what they cover is measured and shown, which takes longer.
# Servers that some tests need are private to the run; what that means is in tests/support/services.py.
set -euo pipefail
cd "$(dirname "$0")/.."

# Hundreds of tests start programs. Each would compile the package again where PYTHONDONTWRITEBYTECODE is set.
.venv/bin/python -m compileall -q src tests/support

.venv/bin/python scripts/services_for_tests.py install

# Each process starts servers of its own. A Redis that the environment names would be one for all, and tests empty it.
arguments=("$@")
if [[ $# == 0 && ${QUORATE_TEST_REDIS_URL:-none} == none ]]; then
  arguments=(-n auto --maxprocesses 4 --dist worksteal)
fi

status=0
if [[ ${COVERAGE:-} == 1 ]]; then
  # It starts before pytest: the package brings a pytest plugin, which would be imported unmeasured otherwise.
  rm -f .coverage .coverage.*
  .venv/bin/coverage run -m pytest "${arguments[@]}" || status=$?
  .venv/bin/coverage combine --quiet
  .venv/bin/coverage report || status=$?
else
  .venv/bin/python -m pytest "${arguments[@]}" || status=$?
fi
.venv/bin/python scripts/services_for_tests.py missing
exit "$status"
