#!/usr/bin/env bash
# Makes the environment in which the benchmark of flows runs other engines: for measurements only, never a dependency.
#
#   bench/engines/setup.sh [FOLDER]       default: .bench/engines; elsewhere, set QUORATE_BENCH_ENGINES to FOLDER
set -euo pipefail
folder="${1:-$(dirname "$0")/../../.bench/engines}"
python="${PYTHON:-python3}"
unset PYTHONDONTWRITEBYTECODE

if [ ! -x "$folder/bin/python" ]; then
    "$python" -m venv "$folder"
fi
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check 'dbos>=3.4' 'prefect>=3.8'
"$folder/bin/python" -m compileall -q -j 2 "$folder/lib" >/dev/null || true
"$folder/bin/python" -c 'import importlib.metadata as m; print("dbos", m.version("dbos"), "prefect", m.version("prefect"))'
