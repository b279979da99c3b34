#!/usr/bin/env bash
# Counts the server's user-space instructions for one operation: callgrind, the difference of two run lengths, real
# sockets on loopback, one connection. Needs valgrind (a Debian package). The same build gives the same numbers.
#
#   benches/instructions.sh           prints them
#   benches/instructions.sh --check   compares them with benches/instructions.txt: 3 % more is a failure, if the
#                                     compiler is the one they were taken with, and news otherwise
#   benches/instructions.sh --bless   writes that file anew
#
# What was not counted is no figure: it ends with code 1 then, and --bless leaves the file as it is.
set -euo pipefail
# Without it what fails within $( ) is no failure.
shopt -s inherit_errexit

# Ends the script: fail WHY
fail() {
    echo "instructions.sh: $1" >&2
    exit 1
}

mode=${1:-}
case $mode in
'' | --check | --bless) ;;
*) fail "$mode is neither --check nor --bless" ;;
esac
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || fail "valgrind is missing: apt-get install valgrind"
cargo build --quiet --profile fast -p jackfield-benches --bins
target=${CARGO_TARGET_DIR:-target}/fast
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

reactors=1
option=
server_name=bench-serve

# Waits until the server listens, for a minute: on a busy machine valgrind takes long to begin. Sets $addr.
await_server() {
    for _ in $(seq 1200); do
        addr=$(sed -n "s/^listening on //p" "$work/out")
        [ -z "$addr" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/log" >&2
    fail "$server_name does not listen"
}

# Sets $instructions to those of a whole run with that many operations: total OPERATIONS TOOL ARGUMENT... It and `each` run in
# no $( ), so that a server that was started is always ended.
total() {
    local operations=$1 tool=$2
    shift 2
    # The shell in the background may open it later.
    for file in out log profile; do : >"$work/$file"; done
    valgrind --tool=callgrind --callgrind-out-file="$work/profile" "$target/$server_name" --reactors "$reactors" $option >"$work/out" 2>"$work/log" &
    server=$!
    await_server
    "$target/$tool" "$addr" "$operations" "$@" >/dev/null
    kill "$server"
    # How it ends says less than its profile.
    wait "$server" || true
    server=
    instructions=$(awk '/^(summary|totals):/ { print $2; exit }' "$work/profile")
    [ "${instructions:-0}" -gt 0 ] || fail "callgrind has counted nothing of $server_name"
}

bounds=benches/instructions.txt
compiler=$(rustc --version)
failed=0
echo "# $compiler" >"$work/bounds"

bound_of() {
    awk -F'\t' -v name="$1" '$1 == name { print $2 }' "$bounds"
}

# Whether a figure is checked and above its bound: is_above NAME FIGURE
is_above() {
    local bound
    bound=$(bound_of "$1")
    [ "$mode" = --check ] && [ -n "$bound" ] && [ $(($2 * 100)) -gt $((bound * 103)) ]
}

# Compares one figure with its bound.
check() {
    local name=$1 found=$2 bound verdict=fine
    bound=$(bound_of "$name")
    if [ -z "$bound" ]; then
        verdict="no bound: run --bless"
        failed=1
    elif is_above "$name" "$found"; then
        verdict="MORE than the bound"
        [ "$(head -n 1 "$bounds")" != "# $compiler" ] || failed=1
    fi
    printf '%-47s %6d  bound %6s  %s\n' "$name" "$found" "${bound:--}" "$verdict"
}

# Sets $figure to the instructions of one operation: each TOOL ARGUMENT...
each() {
    local short
    total 1600 "$@"
    short=$instructions
    total 17600 "$@"
    figure=$(((instructions - short) / 16000))
    [ "$figure" -gt 0 ] || fail "eleven times as many operations of $* cost no more instructions"
}

# row NAME TOOL ARGUMENT...
row() {
    local name=$1 found
    shift
    each "$@"
    found=$figure
    # What else the machine does can only add: turns that take longer by the clock are timed, and more begin a millisecond.
    for _ in 1 2; do
        is_above "$name" "$found" || break
        each "$@"
        found=$((figure < found ? figure : found))
    done
    case $mode in
    --check) check "$name" "$found" ;;
    --bless) printf '%s\t%d\n' "$name" "$found" | tee -a "$work/bounds" ;;
    *) printf '%-47s %6d\n' "$name" "$found" ;;
    esac
}

row "HTTP, one a read" http-load 1 small
row "HTTP, 16 pipelined" http-load 16 small
row "HTTP, browser head, one a read" http-load 1 browser
row "WebSocket echo, 20 B, one a read" ws-load 20 1
row "WebSocket echo, 20 B, 16 a read" ws-load 20 16
row "WebSocket echo, 1 KiB, one a read" ws-load 1024 1
row "WebSocket echo, 16 KiB, one a read" ws-load 16384 1
option=--access-log
row "HTTP, one a read, access log" http-load 1 small
option=
# A route costs the difference to the same request without routes.
row "HTTP, 16 pipelined, path for a parameter" http-load 16 parameter
server_name=bench-route
row "HTTP, one a read, one of 100 routes" http-load 1 small
row "HTTP, 16 pipelined, one of 100 routes" http-load 16 small
row "HTTP, 16 pipelined, route with a parameter" http-load 16 parameter
server_name=bench-serve
# The default: on a machine with two cores the process has two threads at least.
reactors=2
row "HTTP, one a read, two reactors" http-load 1 small
row "WebSocket echo, 20 B, one a read, two reactors" ws-load 20 1
if [ "$mode" = --check ] && [ "$(head -n 1 "$bounds")" != "# $compiler" ]; then
    echo "the bounds were taken with another compiler, so this run only reports"
fi
[ "$mode" != --bless ] || cp "$work/bounds" "$bounds"
exit "$failed"
