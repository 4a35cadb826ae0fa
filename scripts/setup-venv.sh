#!/usr/bin/env bash
# Makes .venv with the locked packages and the project itself (editable), then the stamp .venv/.ready.
# Runs again whenever the lock or pyproject.toml changes; an environment that works is updated, not rebuilt.
# Set PYTHON to choose the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

# Started, not only looked up: a version manager may leave a name on the PATH that no version answers to.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

choose_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if is_new_enough "$name"; then
      printf '%s' "$name"
      return
    fi
  done
  say "Quorate needs Python 3.11 or newer; tried: ${PYTHON:-python3 python3.13 python3.12 python3.11}."
  say "Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python), or name it: make PYTHON=/path/to/python"
  exit 1
}

# Debian ships `venv` without `ensurepip`, which is in a package of its own.
add_debian_venv() {
  local package=python3-venv
  [[ $1 =~ (python3\.[0-9]+)$ ]] && package="${BASH_REMATCH[1]}-venv"
  if ! command -v apt-get >/dev/null; then
    say "$1 has no ensurepip, so it cannot make a virtual environment. Install your system's package for Python's venv."
    exit 1
  fi
  if [[ $(id -u) != 0 ]]; then
    say "$1 cannot make a virtual environment yet. Run:  sudo apt-get install $package"
    exit 1
  fi
  say "venv: installing the system package $package"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

made_here=
trap 'status=$?; if [[ $status != 0 && -n $made_here ]]; then rm -rf .venv; say "venv: failed; .venv removed"; fi' EXIT

if ! is_new_enough .venv/bin/python; then
  python=$(choose_python)
  "$python" -c 'import ensurepip' 2>/dev/null || add_debian_venv "$python"
  say "venv: making .venv with $("$python" --version)"
  made_here=yes
  rm -rf .venv
  "$python" -m venv .venv
fi

say "venv: installing the locked packages (about a minute the first time)"
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --quiet)
"${pip[@]}" --require-hashes -r requirements/dev.lock
say "venv: installing quorate itself, editable"
"${pip[@]}" --no-deps --no-build-isolation -e .
touch .venv/.ready
