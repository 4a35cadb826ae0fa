#!/usr/bin/env bash
# Writes requirements/dev.lock: every package of the development environment, for every platform, with hashes.
# No index address goes into the file, so the lock works behind any mirror.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"${PYTHON:-python3}" -m venv "$tools"
"$tools/bin/python" -m pip --disable-pip-version-check --no-input install --quiet uv
# Versions in the present file are kept where they still fit; ARGS="--upgrade" (or --upgrade-package NAME) moves them.
# shellcheck disable=SC2086 # ARGS holds several words on purpose
"$tools/bin/uv" pip compile pyproject.toml --quiet --group dev --all-extras --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements/dev.lock ${ARGS:-}
printf 'lock: %s packages in requirements/dev.lock\n' "$(grep -c '^[a-z].*==' requirements/dev.lock)"
