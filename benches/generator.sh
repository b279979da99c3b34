#!/usr/bin/env bash
# The load generator beside wrk, on the same testbed in one run: requests a second of one thread, and what a request costs the
# generator's processor when it goes out at a fixed rate and when it goes out as soon as it can. Needs wrk (the Debian
# package of that name) and two processors that have nothing else to do. Takes about a minute.
#
#   benches/generator.sh [RUNS, default 5] [RATE, default 60000]
set -euo pipefail
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
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for _ in $(seq "$runs"); do
    ours
    cat "$work/rate" >>"$work/own-rate"
    cat "$work/cost" >>"$work/own-cost"
    taskset -c 0 wrk -t1 -c64 -d3s "http://$addr/plaintext" | sed -n 's/^Requests\/sec: *//p' >>"$work/wrk-rate"
    ours --rate "$rate"
    cat "$work/rate" >>"$work/paced-rate"
    cat "$work/cost" >>"$work/paced-cost"
done

awk -v own="$(median "$work/own-rate")" -v wrk="$(median "$work/wrk-rate")" -v cost="$(median "$work/own-cost")" \
    -v paced="$(median "$work/paced-cost")" -v rate="$(median "$work/paced-rate")" 'BEGIN {
    printf "unpaced, one thread: %.0f a second, wrk %.0f: %.2f times (goal: at least 1.20)\n", own, wrk, own / wrk
    printf "a request at %.0f a second: %.0f ns of the generator, unpaced %.0f ns: %.2f times (goal: at most 1.15)\n", \
        rate, paced, cost, paced / cost
}'
