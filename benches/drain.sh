#!/usr/bin/env bash
# The drains of 2,000 connections and of 16,000, of HTTP and of WebSockets: how long each takes, and its longest turn. Needs 17,000 descriptors for each of
# two processes. The exit code is 1 if a goal is missed.
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n 17000
cargo run --quiet --release -p jackfield-benches --bin bench-drain
