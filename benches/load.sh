#!/usr/bin/env bash
# Loads the testbed on loopback and counts its system calls: the figures of docs/numbers.md that need a real socket.
# Needs wrk and strace (Debian packages of these names). Takes about 20 seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in wrk strace; do
    command -v "$tool" >/dev/null || { echo "load.sh: $tool is missing: apt-get install $tool" >&2; exit 1; }
done
cargo build --quiet --profile fast --example testbed
cargo build --quiet --profile fast --bin ws-load -p jackfield-benches
target=${CARGO_TARGET_DIR:-target}/fast
work=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; server=; }
trap 'stop; rm -rf "$work"' EXIT

# Starts the testbed, under the given command if there is one, and sets $addr and $server.
start() {
    # The shell in the background may open it later.
    : >"$work/out"
    "$@" "$target/examples/testbed" --listen 127.0.0.1:0 --reactors 1 >"$work/out" &
    server=$!
    for _ in $(seq 100); do
        addr=$(sed -n 's/^listening on //p' "$work/out" | head -n 1)
        [ -n "$addr" ] && return
        sleep 0.05
    done
    echo "load.sh: the testbed did not start" >&2
    exit 1
}

pipeline='init = function(args) local r = {} for i = 1, 16 do r[i] = wrk.format("GET", "/plaintext") end
  req = table.concat(r) end
  request = function() return req end'
printf '%s\n' "$pipeline" >"$work/pipeline.lua"

echo "== throughput, one reactor, wrk with one thread and 64 connections"
start
wrk -t1 -c64 -d3s "http://$addr/plaintext" | grep -E 'Requests/sec|Socket errors'
echo "-- 16 pipelined"
wrk -t1 -c64 -d3s -s "$work/pipeline.lua" "http://$addr/plaintext" | grep -E 'Requests/sec|Socket errors'
echo "-- WebSocket echo of 20 bytes, one connection"
"$target/ws-load" "$addr" 100000 20
stop

# The calls between start and end of a load, for each operation of it.
calls() {
    local name=$1 operations=$2
    stop
    echo "== system calls for one $name ($operations of them)"
    awk -v n="$operations" '$4 ~ /^[0-9]+$/ && $NF != "total" && $4 > n / 1000 {
        errors = NF == 6 ? $5 : 0
        printf "%-12s %.4f calls, %.4f failed\n", $NF, $4 / n, errors / n }' "$work/strace"
}

start strace -f -c -o "$work/strace"
done_requests=$(wrk -t1 -c1 -d2s "http://$addr/plaintext" | awk '/requests in/ { print $1 }')
kill "$(pgrep -P "$server" testbed || echo "$server")"; wait "$server" || true; server=
calls "keep-alive request" "$done_requests"
start strace -f -c -o "$work/strace"
"$target/ws-load" "$addr" 20000 20
kill "$(pgrep -P "$server" testbed || echo "$server")"; wait "$server" || true; server=
calls "WebSocket echo" 20000
