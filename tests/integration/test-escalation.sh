#!/bin/bash
# SPDX-License-Identifier: MIT
# The image's server is stopped for good, so that no abort and no reset helps: callers get errors within the sum of the deadlines,
# also those whose requests nobody could read; each step is counted; `sheaf why` and `sheaf stats` answer all the time.
# The image is the disk of another mount, so that it can be stopped.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

ask_why() {
	timeout -k 5 5 "$SHEAF" why --json "$tmp/outer"
}

# why_of EXPRESSION: of w, which is why.json
why_of() {
	ask_why | python3 -c 'import json, sys; w = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# On a busy machine the first have run into their deadline before the last are there.
all_slots_are_stuck() {
	[ "$(why_of 'w["slots"]["controller"] + w["slots"]["quarantined"] >= 64')" = True ]
}

some_have_failed() {
	[ "$(why_of 'w["slots"]["quarantined"] > 0')" = True ]
}

# start_readers COUNT: one block each; sets $readers
start_readers() {
	local i
	readers=()
	for ((i = 0; i < $1; i++)); do
		in_background timeout 60 dd if="$tmp/outer/disk" of=/dev/null bs=4k count=1 skip="$i" \
			iflag=direct status=none 2>/dev/null
		readers+=("$background")
	done
}

readers_are_gone() {
	local pid
	for pid in "${readers[@]}"; do
		is_gone "$pid" || return 1
	done
}

for transport in $(transports); do
	random_file "$tmp/image" 4194304
	# More slots than the outer one: a FUSE client blocks in the kernel when its server has taken all that it takes at a time.
	mount_sheaf --transport=dev --slots=256 "$tmp/image" "$tmp/inner"
	inner=$server
	mount_sheaf --transport="$transport" --timeout=9s --grace=500ms --direct=on "$tmp/inner/disk" "$tmp/outer"
	outer=$server
	stop_process "$inner"
	began=${EPOCHREALTIME/[.,]/}
	start_readers 90
	wait_until 30 all_slots_are_stuck || fail "$transport: not all slots are with the driver: $(why_of 'w["slots"]')"
	[ "$(why_of '{t["command"] for t in w["tasks"]}')" = "{'READ (16)'}" ] || fail "$transport: why does not say what waits"
	timeout -k 5 5 "$SHEAF" why "$tmp/outer" >"$tmp/why" || fail "$transport: sheaf why: $?"
	grep -q 'controller .*READ (16)' "$tmp/why" || fail "$transport: no task in: $(cat "$tmp/why")"
	# The mount cannot read its own file: after some seconds the socket is asked.
	[ "$(stat_of "$tmp/outer" 's["tasks"]["in_flight"] > 0')" = True ] || fail "$transport: sheaf stats does not answer"
	wait_until 20 some_have_failed || fail "$transport: nothing fails"
	aborts=$(why_of 'w["escalation"]["aborts"]')
	resets=$(why_of 'w["escalation"]["lu_resets"]')
	failed=$(why_of 'w["escalation"]["failed"]')
	echo "$transport: $aborts aborts, $resets resets, $failed failed"
	((failed > 0 && aborts >= failed)) || fail "$transport: $aborts aborts, $failed failed"
	((resets > 0 && resets < aborts)) || fail "$transport: $resets resets of one unit"
	# Timeout and two graces; and for those who got no slot a timeout more.
	wait_until 40 readers_are_gone || fail "$transport: readers hang"
	took=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
	echo "$transport: all readers ended after $took ms"
	[ "$took" -lt 23000 ] || fail "$transport: that is more than the sum of the deadlines"
	let_go_on "$inner"
	wait_until 20 is_gone "$outer" || fail "$transport: the server whose connection was aborted stays"
	timeout 60 "$SHEAF" umount "$tmp/outer" 2>/dev/null || true
	umount_sheaf "$tmp/inner"
done
