#!/bin/sh
# Tests against Pipecat, which is installed into an environment of its own (some 50 packages, half a
# gigabyte). Exits 77, with the reason, when it is not to be had.
set -eu
venv=${VENV:-.venv}
peer=.venv-pipecat
lock=tests/pipecat/requirements.lock

if ! cmp -s "$lock" "$peer/.installed" || ! "$peer/bin/python" -c '' 2>/dev/null; then
    echo "Installing Pipecat into $peer ($(grep -c '^[a-z0-9].*==' "$lock") locked packages)"
    rm -rf "$peer"
    "$("$venv/bin/python" -c 'import sys; print(sys.executable)')" -m venv "$peer"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if ! "$peer/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "$lock" >"$log" 2>&1; then
        cat "$log" >&2
        rm -rf "$peer"
        # A registry out of reach is a reason to leave out; a bad lock file is a failure.
        if grep -Eq 'Temporary failure|NewConnectionError|ConnectTimeout|ReadTimeout' "$log"; then
            echo "pipecat group left out: pip could not fetch its packages" >&2
            exit 77
        fi
        exit 1
    fi
    cp "$lock" "$peer/.installed"
fi

"$venv/bin/python" -m pytest -m pipecat tests/pipecat
