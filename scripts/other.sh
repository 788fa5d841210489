#!/bin/sh
# Runs the Python tests again under the other Python we support: 3.13 when the environment has an
# older one, else 3.11. Exits 77, with the reason, when there is none.
set -eu
venv=${VENV:-.venv}
other=.venv-other

wanted=$("$venv/bin/python" -c 'import sys; print("3.13" if sys.version_info < (3, 13) else "3.11")')
if ! python=$(scripts/python.sh "$wanted"); then
    echo "Python $wanted left out: not found on PATH or in pyenv." >&2
    exit 77
fi

if [ -e "$other" ] && ! "$other/bin/python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$wanted')" 2>/dev/null; then
    rm -f "$other/.installed"
fi
"${MAKE:-make}" --no-print-directory tests VENV="$other" PYTHON="$python" PYTEST_ARGS=
