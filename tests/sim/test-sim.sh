#!/bin/bash
# SPDX-License-Identifier: MIT
# The seam holds in some ten thousand simulated schedules, which meet all that there is to meet; and a seed is a schedule, whatever
# ran before it. SCHEDULES=N makes it longer (make check-sim).
set -eu -o pipefail

sim=${SIM:-tests/sim/sim}
dir=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-sim.XXXXXX")
trap 'rm -rf --one-file-system "$dir"' EXIT

"$sim" --schedules="${SCHEDULES:-40000}" --jobs=0 --all

"$sim" --seed=1 --schedules=100 -v | sed '/ schedules hold/,$d' >"$dir/together"
for seed in {1..100}; do
	"$sim" --seed="$seed" -v | sed '/ schedules hold/,$d'
done >"$dir/alone"
cmp "$dir/together" "$dir/alone" || {
	echo "a seed's schedule depends on what ran before it"
	exit 1
}
