#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGSTOP and SIGCONT of the server: readers wait, then go on with the right bytes.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

for transport in $(transports); do
	random_file "$tmp/image" 4194304
	cp "$tmp/image" "$tmp/copy"
	mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
	stop_process "$server"
	readers=()
	for i in 1 2 3; do
		in_background dd if="$tmp/mnt/disk" of="$tmp/read$i" bs=64k status=none
		readers+=("$background")
	done
	sleep 1
	for pid in "${readers[@]}"; do
		is_alive "$pid" || fail "a read was answered by a stopped server"
	done
	kill -CONT "$server"
	for i in 1 2 3; do
		wait_until 20 is_gone "${readers[i - 1]}" || fail "reader $i does not go on"
		wait "${readers[i - 1]}" || fail "reader $i saw an error"
		same "$tmp/read$i" "$tmp/copy"
	done
	umount_sheaf "$tmp/mnt"
done
