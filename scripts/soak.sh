#!/bin/sh
# A minute of calls that come and go, and a burst of them: 80 each, as many as a slow machine carries
# beside other work, where the command by itself has 300 and 200 (docs/benchmark.md). Fails when a
# frame, a callback or a call is lost, or when something is left over. Exits 77, with the reason, where
# that cannot be measured.
set -eu
venv=${VENV:-.venv}

if [ "$(uname -s)" != Linux ]; then
    echo "soak group left out: it reads /proc, which only Linux has" >&2
    exit 77
fi
"$venv/bin/twiml-bridge" bench soak --minutes 1 --calls 80 --burst 80
