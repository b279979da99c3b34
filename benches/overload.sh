#!/usr/bin/env bash
# Overload control under an open loop: a server of one reactor whose requests each keep the processor busy, and a new
# connection for each request. Prints what it can do, what it does when twice as much is asked of it, and the 99th
# percentile of the answers in both cases. Needs two processors that have nothing else to do.
#
#   benches/overload.sh [MICROSECONDS OF A REQUEST]
set -euo pipefail
work=${1:-500}
cd "$(dirname "$0")/.."
cargo build --quiet --profile fast -p jackfield-cli
cargo build --quiet --profile fast --example testbed
target=${CARGO_TARGET_DIR:-target}/fast
out=$(mktemp)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -f "$out"' EXIT
"$target/examples/testbed" --listen 127.0.0.1:0 --reactors 1 >"$out" &
server=$!
for _ in $(seq 200); do
    addr=$(sed -n "s/^listening on //p" "$out")
    [ -z "$addr" ] || break
    sleep 0.05
done
[ -n "$addr" ] || { echo "overload.sh: the testbed does not listen" >&2; exit 1; }

# Load for five seconds: load ARGUMENT...
load() {
    "$target/jackfield" bench connect "http://$addr/work?us=$work" --duration 5s "$@"
}

# Answers a second, and what else the tool says in short.
echo "as many as can be, 8 connections at a time:"
peak=$(load --connections 8 | tee "$out" | awk '/throughput/ { gsub(",", "", $2); print int($2) }')
[ "${peak:-0}" -gt 0 ] || { echo "overload.sh: nothing was answered" >&2; exit 1; }
grep -E "throughput|latency" "$out"
for percent in 80 200; do
    rate=$((peak * percent / 100))
    echo "$percent % of that, $rate a second, whatever becomes of them:"
    load --connections 2000 --rate "$rate" | grep -E "throughput|latency|errors  |status|unanswered|disturbs"
done
