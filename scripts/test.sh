#!/usr/bin/env bash
# All tests in one process, with coverage. Arguments go to pytest:  scripts/test.sh tests/unit -k quorum
# Servers that some tests need are private to the run; what that means is in tests/support/services.py.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/python scripts/services_for_tests.py install

# Coverage starts before pytest: the package brings a pytest plugin, which would be imported unmeasured otherwise.
rm -f .coverage .coverage.*
status=0
.venv/bin/coverage run -m pytest "$@" || status=$?
.venv/bin/coverage combine --quiet
.venv/bin/coverage report || status=$?
.venv/bin/python scripts/services_for_tests.py missing
exit "$status"
