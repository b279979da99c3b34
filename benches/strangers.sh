#!/usr/bin/env bash
# `jackfield bench` and `jackfield attack` against servers that are not ours: nginx, Bun, axum, and one that never answers. Prints
# a table in Markdown: what the tool said about each, and its exit code. Takes about three minutes. A server that is not there is
# a gap; benches/peers/install.sh installs and builds them. It ends what it started, and nothing else.
#
#   benches/strangers.sh
#   PEERS=DIR BUN=FILE NGINX=FILE benches/strangers.sh     programs from elsewhere
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --profile fast -p jackfield-cli
tool=${CARGO_TARGET_DIR:-target}/fast/jackfield
peers=${PEERS:-${CARGO_TARGET_DIR:-benches/peers/target}/release}
bun=${BUN:-benches/peers/bun/node_modules/.bin/bun}
nginx=${NGINX:-$(PATH="$PATH:/usr/sbin" command -v nginx || true)}
work=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; server=; }
trap 'stop; rm -rf "$work"' EXIT

# Waits until the server has told its address, and sets $addr.
await() {
    for _ in $(seq 100); do
        addr=$(sed -n 's/^listening on //p' "$work/out")
        [ -z "$addr" ] || return 0
        sleep 0.05
    done
    return 1
}
start() {
    # The shell in the background may open it later.
    : >"$work/out"
    "$@" >"$work/out" 2>"$work/err" &
    server=$!
    await
}
# A socket that listens and reads nothing.
start_silent() {
    start python3 -c "
import socket, time
s = socket.create_server(('127.0.0.1', 0), backlog=512)
print('listening on %s:%d' % s.getsockname(), flush=True)
time.sleep(300)"
}
# nginx neither chooses a port nor tells it: it gets one that was free a moment ago. It waits two seconds for a head.
start_nginx() {
    start_silent
    stop
    mkdir -p "$work/nginx/files"
    sed "s/@LISTEN@/$addr/; s/keepalive_timeout.*/& client_header_timeout 2s;/" benches/peers/nginx.conf >"$work/nginx/nginx.conf"
    "$nginx" -p "$work/nginx" -c nginx.conf -e stderr 2>"$work/err" &
    server=$!
    for _ in $(seq 100); do
        ! curl -s -o "$work/body" "http://$addr/plaintext" || return 0
        sleep 0.05
    done
    return 1
}
start_bun() { start "$bun" benches/peers/bun/server.ts "$1" --listen 127.0.0.1:0; }
start_axum() { start "$peers/axum" "$1" --listen 127.0.0.1:0; }
start_peer() {
    case $1 in
        nginx) start_nginx ;;
        Bun) start_bun "$2" ;;
        axum) start_axum "$2" ;;
        silent) start_silent ;;
    esac
}
is_there() {
    case $1 in
        nginx) [ -n "$nginx" ] ;;
        Bun) [ -x "$bun" ] ;;
        axum) [ -x "$peers/axum" ] ;;
    esac
}

# What was said, in one line: the error, or else throughput and errors, or the goals with those that are missed.
summary() {
    local why
    why=$(sed -n 's/^jackfield: //p' "$work/tool.err" | head -n 1)
    if [ -n "$why" ]; then
        echo "$why"
    else
        awk '/^  throughput/ { sub(/^  throughput */, ""); sub(/, .*/, ""); rate = $0 }
            /^  errors/ { print rate ", errors " $2 }
            / missed  / { sub(/ missed  /, " "); gsub(/  +/, " "); missed = missed "; missed: " $0 }
            / met, .* missed/ { print $0 missed }' "$work/tool.out"
    fi
}
# try SERVER COMMAND...: one row.
try() {
    local name=$1 status=0
    shift
    timeout 120 "$tool" "$@" >"$work/tool.out" 2>"$work/tool.err" || status=$?
    local command=${*//$addr/ADDR}
    echo "| $name | \`${command/--server-pid $server/--server-pid PID}\` | $status | $(summary) |"
}

echo "| server | \`jackfield\` ... | exit code | what it said |"
echo "| --- | --- | ---: | --- |"
for name in nginx Bun axum silent; do
    if [ "$name" != silent ] && ! is_there "$name"; then
        echo "| $name | | | gap: it is not installed or not built |"
        continue
    fi
    start_peer "$name" http || { echo "| $name | | | gap: it does not start |"; stop; continue; }
    try "$name" bench http -c 20 -d 2s "http://$addr/plaintext"
    try "$name" bench connect -c 20 -d 2s "http://$addr/plaintext"
    # Bun waits ten seconds for a head, whatever it is told.
    head_timeout=2s
    [ "$name" != Bun ] || head_timeout=10s
    try "$name" attack all -c 500 --count 2000 --head-timeout "$head_timeout" --server-pid "$server" "http://$addr/plaintext"
    case $name in Bun | axum) stop && start_peer "$name" ws ;; esac
    try "$name" bench ws -c 20 -d 2s "ws://$addr/plaintext"
    stop
done
