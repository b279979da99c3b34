#!/usr/bin/env bash
# All tests, again and again, while other processes keep every processor busy: no test may depend on how fast the machine
# is. Prints how many rounds passed, and which tests failed how often; what those said is in the logs that are named then.
#
#   benches/busy.sh [ROUNDS, default 20] [BUSY PROCESSES, default 2] [ROUNDS AT A TIME, default 1] [ARGUMENT OF cargo test ...]
#
# Rounds at a time take less time together, and each has more neighbours.
set -euo pipefail
rounds=${1:-20}
others=${2:-2}
at_a_time=${3:-1}
shift $(($# < 3 ? $# : 3))
cd "$(dirname "$0")/.."
cargo test --quiet --workspace --no-run "$@"
logs=$(mktemp -d)
busy=()
trap '[ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null || true' EXIT
for _ in $(seq "$others"); do
    (while :; do :; done) &
    busy+=($!)
done

run_round() {
    local round=$1 log=$logs/$1
    shift
    if cargo test --workspace --no-fail-fast "$@" >"$log" 2>&1; then
        rm "$log"
        echo "round $round of $rounds: passed"
    else
        echo "round $round of $rounds: failed, see $log"
        sed -n 's/^test \(.*\) \.\.\. FAILED$/  \1/p' "$log"
    fi
}
export -f run_round
export logs rounds
seq "$rounds" | xargs -P "$at_a_time" -I{} bash -c 'run_round "$@"' - {} "$@"

failed=$(find "$logs" -type f | wc -l)
echo "$((rounds - failed)) of $rounds rounds passed, $at_a_time at a time, beside $others busy processes"
if [ "$failed" -gt 0 ]; then
    echo "failed, and how often:"
    sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$logs"/* | sort | uniq -c
    exit 1
fi
rmdir "$logs"
