#!/bin/sh
# Resolves the four lock files for every supported Python and platform. They carry hashes and
# no registry's address. Arguments go to `uv pip compile`, as `--upgrade`.
set -eu
lock=.venv-lock
python=$(scripts/python.sh)

if [ ! -x "$lock/bin/uv" ]; then
    "$python" -m venv --clear "$lock"
    "$lock/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi

resolve() {
    "$lock/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" "$@"
}

resolve "$@" pyproject.toml -o requirements.lock
resolve "$@" pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
resolve "$@" --group build -o requirements-build.lock
resolve "$@" --group pipecat -o tests/pipecat/requirements.lock
