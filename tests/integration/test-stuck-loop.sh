#!/bin/bash
# SPDX-License-Identifier: MIT
# Front loops stand still in a system call of their image, where no deadline of theirs works: `sheaf why` says so, and callers are let go of,
# as the server aborts its connection, and ends itself where that does not do. A FUSE client blocks when its server has taken all that it takes at a time: that makes
# the image such a one.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

says_that_it_stands_still() {
	timeout -k 5 5 "$SHEAF" why "$tmp/outer" >"$tmp/why" && grep -q 'stands still' "$tmp/why"
}

readers_are_gone() {
	local pid
	for pid in "${readers[@]}"; do
		is_gone "$pid" || return 1
	done
}

for transport in $(transports); do
	random_file "$tmp/image" 4194304
	mount_sheaf --transport=dev --slots=8 "$tmp/image" "$tmp/inner"
	inner=$server
	mount_sheaf --transport="$transport" --io=uring --timeout=3s --grace=500ms --direct=on "$tmp/inner/disk" "$tmp/outer"
	outer=$server
	stop_process "$inner"
	readers=()
	for i in $(seq 90); do
		in_background timeout 60 dd if="$tmp/outer/disk" of=/dev/null bs=4k count=1 skip="$i" \
			iflag=direct status=none 2>/dev/null
		readers+=("$background")
	done
	wait_until 20 says_that_it_stands_still || fail "$transport: sheaf why does not say that a loop stands still"
	wait_until 30 readers_are_gone || fail "$transport: readers hang"
	let_go_on "$inner"
	wait_until 20 is_gone "$outer" || fail "$transport: the server whose connection was aborted stays"
	timeout 60 "$SHEAF" umount "$tmp/outer" 2>/dev/null || true
	umount_sheaf "$tmp/inner"
done
