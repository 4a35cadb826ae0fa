#!/usr/bin/env bash
# All tests in one process, with coverage. Arguments go to pytest:  scripts/test.sh tests/unit -k quorum
set -euo pipefail
cd "$(dirname "$0")/.."

# Coverage starts before pytest: the package brings a pytest plugin, which would be imported unmeasured otherwise.
rm -f .coverage .coverage.*
status=0
.venv/bin/coverage run -m pytest "$@" || status=$?
.venv/bin/coverage combine --quiet
.venv/bin/coverage report || status=$?
exit "$status"
