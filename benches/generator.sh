#!/usr/bin/env bash
# The load generator beside wrk, on the same testbed in one run: requests a second of one thread, and what a request costs the
# generator's processor when it goes out at a fixed rate and when it goes out as soon as it can. Needs wrk (the Debian
# package of that name) and two processors that have nothing else to do. Takes about a minute.
#
#   benches/generator.sh [RUNS, default 5] [RATE, default 60000]
set -euo pipefail
# Numbers have a point in every language.
export LC_ALL=C
runs=${1:-5}
rate=${2:-60000}
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "generator.sh: wrk is missing: apt-get install wrk" >&2; exit 1; }
cargo build --quiet --profile fast -p jackfield-cli
cargo build --quiet --profile fast -p jackfield-examples --example testbed
target=${CARGO_TARGET_DIR:-target}/fast
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
# The shell in the background may open it later.
: >"$work/out"
taskset -c 1 "$target/examples/testbed" --listen 127.0.0.1:0 --reactors 1 >"$work/out" &
server=$!
for _ in $(seq 200); do
    addr=$(sed -n 's/^listening on //p' "$work/out")
    [ -z "$addr" ] || break
    sleep 0.05
done
[ -n "$addr" ] || { echo "generator.sh: the testbed does not listen" >&2; exit 1; }

# One run: requests a second, and nanoseconds of the generator's processor for one.
ours() {
    taskset -c 0 "$target/jackfield" bench http "http://$addr/plaintext" -c 64 -d 3s --json "$@" >"$work/result"
    grep -E -A12 '"client"' "$work/result" | sed -n 's/.*"cpu_ns_per_operation": \([0-9.]*\).*/\1/p' >"$work/cost"
    sed -n 's/.*"per_second": \([0-9.]*\).*/\1/p' "$work/result" | head -n 1 >"$work/rate"
}
# The middle, the least and the most of the numbers in a file.
spread() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], v[1], v[NR] }'; }
# The numbers of one file divided by those of another, run by run.
divide() { paste "$1" "$2" | awk '{ print $1 / $2 }' >"$3"; }
for _ in $(seq "$runs"); do
    ours
    cat "$work/rate" >>"$work/own-rate"
    cat "$work/cost" >>"$work/own-cost"
    taskset -c 0 wrk -t1 -c64 -d3s "http://$addr/plaintext" | sed -n 's/^Requests\/sec: *//p' >>"$work/wrk-rate"
    ours --rate "$rate"
    cat "$work/rate" >>"$work/paced-rate"
    cat "$work/cost" >>"$work/paced-cost"
done
divide "$work/own-rate" "$work/wrk-rate" "$work/times-wrk"
divide "$work/paced-cost" "$work/own-cost" "$work/times-unpaced"

# show WHAT FILE FORMAT: the middle of all runs, with the least and the most.
show() {
    local middle least most
    read -r middle least most < <(spread "$2")
    printf "%s: $3 ($3 to $3)\n" "$1" "$middle" "$least" "$most"
}
echo "medians of $runs runs (the least and the most)"
show "unpaced, one thread, requests a second" "$work/own-rate" %.0f
show "wrk, one thread, requests a second" "$work/wrk-rate" %.0f
show "times wrk, in each run (goal: at least 1.20)" "$work/times-wrk" %.2f
show "requests a second at the fixed rate" "$work/paced-rate" %.0f
show "ns of the generator for a request, unpaced" "$work/own-cost" %.0f
show "ns of the generator for a request at the fixed rate" "$work/paced-cost" %.0f
show "times unpaced, in each run (goal: at most 1.15)" "$work/times-unpaced" %.2f
