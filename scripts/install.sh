#!/bin/sh
# Makes the private environment $VENV, or brings it up to date, from the lock files alone.
# `install.sh dev` adds the tools for development to an environment already made.
set -eu
venv=${VENV:-.venv}

fetch() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

pinned() {
    cat "$@" | grep -c '^[A-Za-z0-9].*=='
}

if [ "${1:-}" = dev ]; then
    rm -f "$venv/.installed-dev"
    echo "Installing the development tools into $venv (at most $(pinned requirements-dev.lock) locked packages)"
    fetch --require-hashes -r requirements-build.lock -r requirements-dev.lock
    pwd -P >"$venv/.installed-dev"
    exit
fi

if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$(pwd -P)" ] ||
    ! "$venv/bin/python" -c '' 2>/dev/null; then
    if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
        echo "$venv exists and is not a Python environment: remove it, or choose another VENV." >&2
        exit 1
    fi
    python=$(scripts/python.sh)
    echo "Making $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

rm -f "$venv/.installed"
echo "Installing into $venv (at most $(pinned requirements-build.lock requirements.lock) locked packages)"
fetch --require-hashes -r requirements-build.lock -r requirements.lock
fetch --no-deps --no-build-isolation -e .
pwd -P >"$venv/.installed"
