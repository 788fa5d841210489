#!/bin/sh
# Tests against Twilio's own Node library and npm's `ws`. Installs Debian's nodejs and npm when
# there is no node and we are root. Exits 77, with the reason, when Node or the packages are not
# to be had.
set -eu
venv=${VENV:-.venv}
oldest=20

left_out() {
    echo "node group left out: $1" >&2
    exit 77
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    command -v apt-get >/dev/null || left_out "Node.js $oldest and npm are missing; no apt-get here"
    [ "$(id -u)" = 0 ] || left_out "Node.js $oldest and npm are missing; installing them needs root"
    echo "Installing nodejs and npm"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq -y --no-install-recommends nodejs npm >/dev/null ||
        left_out "apt-get could not install nodejs and npm"
fi

version=$(node --version) || left_out "node does not run"
major=${version#v}
[ "${major%%.*}" -ge $oldest ] ||
    left_out "Node.js is $version; npm's twilio needs $oldest or newer"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm --prefix tests/node ci --no-audit --no-fund >"$log" 2>&1; then
    cat "$log" >&2
    # A registry out of reach is a reason to leave out; a bad lock file is a failure.
    if grep -Eq 'code (E(AI_AGAIN|CONN|HOSTUNREACH|NETUNREACH|NOTFOUND|TIMEDOUT|40[134]|5[0-9][0-9])|ENOTFOUND|ETIMEDOUT|ERR_SOCKET|[A-Z_]*CERT[A-Z_]*)' "$log"; then
        left_out "npm could not fetch its packages"
    fi
    exit 1
fi

"$venv/bin/python" -m pytest -m node
