#!/usr/bin/env bash
# Autobahn|Testsuite against examples/testbed: all cases of the sections 1 to 10, 12 (compression of messages of every
# size) and 13 (what can be negotiated about it). https://github.com/crossbario/autobahn-testsuite
#
#   benches/autobahn.sh           sections 1 to 10, 12 and 13; says what is not as it should be
#   benches/autobahn.sh --quick   sections 1 to 10
#   benches/autobahn.sh --write   all, and writes docs/autobahn.md anew
#
# The suite needs Python 2.7, which it looks for as `python2.7` and in pyenv; `pyenv install 2.7.18` makes one. It is
# installed once, below target/. Without Python 2.7 the script says so, and that is no failure.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-}
target=${CARGO_TARGET_DIR:-target}
home=$target/autobahn
mkdir -p "$home"

find_python() {
    local python
    for python in "${PYTHON27:-}" "$(command -v python2.7 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
        # The shim of pyenv is there even where it does not run.
        if [ -n "$python" ] && "$python" --version >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
}

# The last versions of everything that run there, and no isolated builds, which would fetch newer ones.
install_suite() {
    local python=$1 pip=$home/suite/bin/pip
    [ ! -e "$home/installed" ] || return 0
    rm -rf "$home/maker" "$home/suite"
    # Joined, for where its failure is asked for the shell goes on behind a command that fails.
    pip_install() { "$pip" install --quiet --disable-pip-version-check --no-python-version-warning "$@"; }
    python3 -m venv "$home/maker" &&
        "$home/maker/bin/pip" install --quiet "virtualenv<20.22" &&
        "$home/maker/bin/virtualenv" --quiet --python "$python" "$home/suite" &&
        pip_install setuptools==44.0.0 wheel==0.36.2 &&
        pip_install --no-build-isolation incremental==16.10.1 cryptography==3.3.2 pyOpenSSL==19.1.0 &&
        pip_install --no-build-isolation Twisted==19.10.0 autobahntestsuite==25.10.1 &&
        touch "$home/installed"
}

server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

start_testbed() {
    cargo build --quiet --release -p jackfield-examples --example testbed
    # The shell in the background may open it later.
    : >"$home/listening"
    "$target/release/examples/testbed" --listen 127.0.0.1:0 >"$home/listening" &
    server=$!
    for _ in $(seq 200); do
        addr=$(sed -n "s/^listening on //p" "$home/listening")
        [ -z "$addr" ] || return 0
        sleep 0.05
    done
    echo "autobahn.sh: the testbed does not listen" >&2
    exit 1
}

# run NAME CASES: one run of the suite, with a report of its own.
run() {
    local name=$1 cases=$2
    rm -rf "$home/$name"
    cat >"$home/$name.json" <<JSON
{
    "outdir": "$home/$name",
    "servers": [{"agent": "jackfield", "url": "ws://$addr"}],
    "cases": [$cases],
    "exclude-cases": [],
    "exclude-agent-cases": {}
}
JSON
    "$home/suite/bin/wstest" -m fuzzingclient -s "$home/$name.json" >"$home/$name.log" 2>&1
}

python=$(find_python)
if [ -z "$python" ]; then
    echo "skipped: the suite needs Python 2.7; pyenv install 2.7.18 makes one"
    exit 0
fi
if ! install_suite "$python" >"$home/install.log" 2>&1; then
    tail -n 5 "$home/install.log"
    echo "skipped: the suite could not be installed"
    exit 0
fi
start_testbed
reports=("$home/framing")
run framing '"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"'
if [ "$mode" != --quick ]; then
    run compression '"12.*"'
    run negotiation '"13.*"'
    reports+=("$home/compression" "$home/negotiation")
fi
python3 benches/autobahn.py "$mode" "${reports[@]}"
