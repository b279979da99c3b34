#!/usr/bin/env bash
# Starts each peer in each mode, asks it one thing, and prints a table: `ok`, `gap` (the peer says that it can't),
# `missing` (it isn't built or installed), or `WRONG`, which fails the script. Names of peers as arguments limit it to these.
# Needs curl; builds ws-load, and nothing else. It ends what it started, and nothing else.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --quiet --release --manifest-path ../../Cargo.toml -p jackfield-benches --bin ws-load
ws_load=${CARGO_TARGET_DIR:-../../target}/release/ws-load
built=${CARGO_TARGET_DIR:-target}/release
nginx=${NGINX:-$(PATH="$PATH:/usr/sbin" command -v nginx || true)}
bun=bun/node_modules/.bin/bun
work=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; server=; }
trap 'stop; rm -rf "$work"' EXIT

# Starts a command that tells its address, and sets $server and $addr. Fails with the status of one that ends instead.
start() {
    # The shell in the background may open it later.
    : >"$work/out"
    "$@" >"$work/out" 2>"$work/err" &
    server=$!
    for _ in $(seq 100); do
        addr=$(sed -n 's/^listening on //p' "$work/out")
        [ -z "$addr" ] || return 0
        if ! kill -0 "$server" 2>/dev/null; then
            local status=0
            wait "$server" || status=$?
            server=
            return "$status"
        fi
        sleep 0.05
    done
    return 1
}

# nginx neither chooses a port nor tells it: it gets one that was free a moment ago.
start_nginx() {
    start "$built/limit" http --listen 127.0.0.1:0 --request-bytes 49 || return 1
    stop
    mkdir -p "$work/nginx"
    sed "s/@LISTEN@/$addr/" nginx.conf >"$work/nginx/nginx.conf"
    "$nginx" -p "$work/nginx" -c nginx.conf -e stderr 2>"$work/err" &
    server=$!
    for _ in $(seq 100); do
        ! curl -s -o "$work/body" "http://$addr/" || return 0
        sleep 0.05
    done
    return 1
}

# 49 bytes of request, as `limit` is told, if it is for /plaintext.
get() { curl -s -m 5 -H 'Host: localhost:8080' -H 'User-Agent:' -H 'Accept:' "$@"; }

plaintext() {
    [ "$(get -D "$work/head" "$@" "http://$addr/plaintext")" = 'Hello, World!' ] &&
        grep -qi '^content-type: text/plain' "$work/head" && grep -qi '^date: ' "$work/head" &&
        grep -qi '^content-length: 13' "$work/head"
}

# Sixteen requests in one write are sixteen answers.
pipelined() {
    local one='GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\n\r\n' answers
    exec 3<>"/dev/tcp/${addr%:*}/${addr##*:}"
    # The last line feed is the one that a substitution takes away.
    printf '%s\n' "$(printf "%.0s$one" $(seq 16))" >&3
    answers=$(timeout 0.5 cat <&3 | grep -ao 'Hello, World!' | wc -l) || true
    exec 3>&-
    [ "$answers" = 16 ]
}

# The head that a browser sends: 17 fields.
browser() {
    plaintext -H 'Connection: keep-alive' -H 'Cache-Control: max-age=0' -H 'sec-ch-ua: "Chromium";v="142"' \
        -H 'sec-ch-ua-mobile: ?0' -H 'sec-ch-ua-platform: "Linux"' -H 'Upgrade-Insecure-Requests: 1' \
        -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)' -H 'Accept: text/html,*/*;q=0.8' -H 'Sec-Fetch-Site: same-origin' \
        -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-User: ?1' -H 'Sec-Fetch-Dest: document' \
        -H 'Referer: https://www.example.com/en/docs/' -H 'Accept-Encoding: gzip, deflate, br, zstd' \
        -H 'Accept-Language: en-US,en;q=0.9' -H 'Cookie: session=3f2a9c1e5d7b4086; theme=dark'
}

# may_minihttp's limit is 16, and what is more it answers by closing the connection.
refused() {
    ! browser || return 0
    gaps+='  gap: may_minihttp takes at most 16 header fields, and a browser sends 17'$'\n'
    result=gap
}

echoes() { "$ws_load" "$addr" 100 "$1" >"$work/load" 2>&1; }

sse() {
    : >"$work/head"
    get -N -D "$work/head" "http://$addr/feed" >"$work/feed" &
    local reader=$! right=1
    for _ in $(seq 40); do
        if [ -s "$work/head" ]; then break; fi
        sleep 0.05
    done
    get -o "$work/body" "http://$addr/publish" && get -o "$work/body" -X POST "http://$addr/publish"
    sleep 0.3
    if [ "$(grep -cx "data: $(printf 'x%.0s' $(seq 56))" "$work/feed")" = 2 ] &&
        grep -qi '^content-type: text/event-stream' "$work/head"; then right=0; fi
    kill "$reader" 2>/dev/null || true
    wait "$reader" 2>/dev/null || true
    return "$right"
}

wrong=0
# Starts a command and runs the checks after `--`, each of which is one word or a call with one argument.
cell() {
    local command=() result=ok status=0 check
    while [ "$1" != -- ]; do command+=("$1"); shift; done
    shift
    start "${command[@]}" || status=$?
    if [ "$status" = 3 ]; then
        gaps+="  $(cat "$work/err")"$'\n'
        result=gap
    elif [ "$status" != 0 ]; then
        result=WRONG
    else
        for check in "$@"; do
            if ! ${check/:/ }; then
                result=WRONG
                notes+="  ${command[*]##*/}: $check"$'\n'
            fi
        done
    fi
    stop
    [ "$result" != WRONG ] || wrong=1
    printf ' %-8s' "$result"
}

gaps='' notes=''
wanted=" $* "
skip() { [ "$wanted" != '  ' ] && [[ $wanted != *" $1 "* ]]; }
row() { printf '%-18s' "$1"; }
printf '%-18s %-8s %-8s %-8s %-8s %-8s\n' peer http browser ws fanout sse

if ! skip limit && [ -x "$built/limit" ]; then
    limit=("$built/limit")
    row limit
    cell "${limit[@]}" http --listen 127.0.0.1:0 --request-bytes 49 -- plaintext pipelined
    printf ' %-8s' -
    cell "${limit[@]}" ws --listen 127.0.0.1:0 --frame-bytes 26 -- echoes:20
    cell "${limit[@]}" fanout --listen 127.0.0.1:0 --frame-bytes 1000014 -- echoes:1000000
    # 47 bytes with GET, and 48 with POST, on a connection each: one event.
    cell "${limit[@]}" sse --listen 127.0.0.1:0 --request-bytes 47 -- sse
    echo
fi
for name in hyper actix axum may_minihttp ntex fastwebsockets tokio-tungstenite tokio-websockets bun; do
    if skip "$name"; then continue; fi
    peer=("$built/$name")
    [ "$name" != bun ] || peer=("$bun" bun/server.ts)
    row "$name"
    if [ ! -x "${peer[0]}" ]; then
        echo ' missing: see README.md'
        continue
    fi
    cell "${peer[@]}" http --listen 127.0.0.1:0 -- plaintext pipelined
    check=browser
    [ "$name" != may_minihttp ] || check=refused
    cell "${peer[@]}" http --listen 127.0.0.1:0 -- "$check"
    cell "${peer[@]}" ws --listen 127.0.0.1:0 -- echoes:20 echoes:1000000
    cell "${peer[@]}" fanout --listen 127.0.0.1:0 -- echoes:20 echoes:1000000
    cell "${peer[@]}" sse --listen 127.0.0.1:0 -- sse
    echo
done
if ! skip nginx; then
    row nginx
    if [ -z "$nginx" ] || [ ! -x "$built/limit" ]; then
        echo ' missing: see README.md'
    else
        result=WRONG
        if start_nginx && plaintext && pipelined && browser; then result=ok; else wrong=1; fi
        stop
        printf ' %-8s %-8s %-8s %-8s %-8s\n' "$result" "$result" gap gap gap
        gaps+='  gap: nginx can answer from its configuration, and has no code of ours for the rest'$'\n'
    fi
fi
[ -z "$gaps" ] || printf '\n%s' "$gaps" | sort -u
[ -z "$notes" ] || printf '\nwrong:\n%s' "$notes"
exit "$wrong"
