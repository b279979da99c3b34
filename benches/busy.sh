#!/usr/bin/env bash
# All tests, again and again, while other processes keep every processor busy: no test may depend on how fast the machine
# is. Prints how many rounds passed, and which tests failed how often; what those said is in the logs that are named then.
#
#   benches/busy.sh [ROUNDS, default 20] [BUSY PROCESSES, default 2] [ARGUMENT OF cargo test ...]
set -euo pipefail
rounds=${1:-20}
others=${2:-2}
shift $(($# < 2 ? $# : 2))
cd "$(dirname "$0")/.."
cargo test --quiet --workspace --no-run "$@"
logs=$(mktemp -d)
busy=()
trap '[ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null || true' EXIT
for _ in $(seq "$others"); do
    (while :; do :; done) &
    busy+=($!)
done

passed=0
for round in $(seq "$rounds"); do
    log=$logs/$round
    if cargo test --workspace --no-fail-fast "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        rm "$log"
        echo "round $round of $rounds: passed"
    else
        echo "round $round of $rounds: failed, see $log"
        sed -n 's/^test \(.*\) \.\.\. FAILED$/  \1/p' "$log"
    fi
done

echo "$passed of $rounds rounds passed beside $others busy processes"
if [ "$passed" -lt "$rounds" ]; then
    echo "failed, and how often:"
    sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$logs"/* | sort | uniq -c
    exit 1
fi
rmdir "$logs"
