#!/usr/bin/env bash
# Installs what `lab compare` measures against, as far as it can be installed here: builds the limit and the
# peers, and once more with the system's allocator for the rows about memory; Bun from npm; nginx, valgrind and strace
# from Debian, if this is one and apt-get may be used. What fails is named at the end, and is a named gap in the tables.
# Takes some minutes and 2 GB the first time, and next to nothing when all of it is there.
set -uo pipefail
cd "$(dirname "$0")"
missing=()

# Runs a command and remembers that it failed: step WHAT COMMAND...
step() {
    local what=$1
    shift
    echo "== $what" >&2
    "$@" || missing+=("$what")
}

# A Debian package, unless its program is there: package NAME
package() {
    PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || { echo "there is no apt-get here" >&2; return 1; }
    local as=()
    [ "$(id -u)" = 0 ] || as=(sudo -n)
    "${as[@]}" apt-get install --yes --no-install-recommends "$1"
}

step 'the limit and the peers' cargo build --release --locked
step "the peers with the system's allocator" \
    cargo build --release --locked --no-default-features --target-dir "${CARGO_TARGET_DIR:-target}/plain"
step 'Bun' npm install --no-audit --no-fund --no-package-lock --prefix bun
for name in nginx valgrind strace; do
    step "$name" package "$name"
done

[ "${#missing[@]}" = 0 ] && { echo 'all is there' >&2; exit; }
printf 'missing: %s\n' "${missing[@]}" >&2
exit 1
