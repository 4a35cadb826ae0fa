#!/usr/bin/env bash
# Makes the environment in which the benchmark runs LiteLLM's proxy: for measurements only, never a dependency.
# Its best case: the SDK of OpenTelemetry (without it, it tries a failing import with every request), httptools and
# uvloop for its server, compiled bytecode.
#
#   bench/litellm/setup.sh [FOLDER]       default: .bench/litellm; elsewhere, set QUORATE_BENCH_LITELLM to FOLDER
#   PYTHON=python3.12 bench/litellm/setup.sh
set -euo pipefail
folder="${1:-$(dirname "$0")/../../.bench/litellm}"
python="${PYTHON:-python3}"
unset PYTHONDONTWRITEBYTECODE

if [ ! -x "$folder/bin/python" ]; then
    "$python" -m venv "$folder"
fi
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    'litellm[proxy]>=1.106' 'opentelemetry-sdk>=1.45' 'httptools>=0.9' 'uvloop>=0.23'
# Some of its files hold examples for other versions of Python, which do not compile; that is no failure.
"$folder/bin/python" -m compileall -q -j 2 "$folder/lib" >/dev/null || true
"$folder/bin/python" -c 'import importlib.metadata as m; print("litellm", m.version("litellm"))'
