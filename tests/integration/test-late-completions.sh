#!/bin/bash
# SPDX-License-Identifier: MIT
# The image's server is stopped past the deadline of many tasks, then goes on: readers see errors, the late completions free
# their slots, and the disk serves on. The image is the disk of another mount, so that it can be stopped.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

some_have_failed() {
	timeout -k 5 5 "$SHEAF" why --json "$tmp/outer" |
		python3 -c 'import json, sys; sys.exit(json.load(sys.stdin)["escalation"]["failed"] == 0)'
}

for transport in $(transports); do
	random_file "$tmp/image" 4194304
	mount_sheaf --transport=dev --slots=256 "$tmp/image" "$tmp/inner"
	inner=$server
	mount_sheaf --transport="$transport" --timeout=2s --direct=on "$tmp/inner/disk" "$tmp/outer"
	kill -STOP "$inner"
	cleanup_fn let_go_on "$inner"
	readers=()
	# More than there are slots, so that spares run out too.
	for i in $(seq 90); do
		in_background timeout 60 dd if="$tmp/outer/disk" of=/dev/null bs=4k count=1 skip="$i" \
			iflag=direct status=none 2>/dev/null
		readers+=("$background")
	done
	# Not the mount: it cannot read when the driver has all slots.
	wait_until 20 some_have_failed || fail "$transport: no task was timed out"
	sleep 0.5
	kill -CONT "$inner"
	for pid in "${readers[@]}"; do
		wait "$pid" || true
	done
	timeouts=$(stat_of "$tmp/outer" 's["tasks"]["timeouts"]')
	[ "$timeouts" -gt 0 ] || fail "$transport: no task was timed out"
	nothing_in_quarantine() {
		[ "$(stat_of "$tmp/outer" 's["tasks"]["quarantined"]')" = 0 ]
	}
	wait_until 20 nothing_in_quarantine || fail "$transport: slots stay in quarantine"
	[ "$(stat_of "$tmp/outer" 's["tasks"]["late"]')" = "$timeouts" ] ||
		fail "$transport: not every late completion was recognised"
	timeout 60 dd if="$tmp/outer/disk" of="$tmp/read" bs=1M status=none || fail "$transport: it serves no more"
	same "$tmp/read" "$tmp/image"
	umount_sheaf "$tmp/outer"
	umount_sheaf "$tmp/inner"
done
