#!/bin/sh
# Prints a Python that works: 3.11 or newer, or exactly the version given (`python.sh 3.13`).
# PYTHON names the one to use. Each candidate is run, as a version manager's stub may exist
# on PATH and still fail.
set -u
only=${1:-}

check='
import ensurepip, sys, venv
only = sys.argv[1]
found = sys.version_info[:2]
sys.exit(found != tuple(map(int, only.split("."))) if only else found < (3, 11))
'

works() {
    "$1" -c "$check" "$only" >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ] && [ -z "$only" ]; then
    works "$PYTHON" && echo "$PYTHON" && exit 0
    echo "PYTHON=$PYTHON is not a working Python 3.11 or newer with its venv module." >&2
    exit 1
fi

candidates="python3.13 python3.12 python3.11 python3 python"
[ -n "$only" ] && candidates="python$only"
for candidate in $candidates; do
    works "$candidate" && echo "$candidate" && exit 0
done

if root=$(pyenv root 2>/dev/null); then
    for candidate in "$root"/versions/"${only:-3}".*/bin/python; do
        works "$candidate" && echo "$candidate" && exit 0
    done
fi

[ -n "$only" ] || cat >&2 <<END
No working Python 3.11 or newer with its venv module was found (tried: $candidates).
Install one (on Debian or Ubuntu: python3 and python3-venv), or name it: make PYTHON=/path/to/python
END
exit 1
