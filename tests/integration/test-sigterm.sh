#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGTERM: the mount goes at once, who has the disk open is served until it closes it.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/image" 1048576
cp "$tmp/image" "$tmp/copy"
is_unmounted() { ! is_mounted "$tmp/mnt"; }

for signal in TERM INT HUP; do
	for transport in $(transports); do
		mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
		exec 5<>"$tmp/mnt/disk"
		kill "-$signal" "$server"
		wait_until 10 is_unmounted || fail "SIG$signal: still mounted"
		sleep 0.2
		is_alive "$server" || fail "SIG$signal: the server left an open file"
		echo "SIG$signal" | timeout 10 dd of=/proc/self/fd/5 conv=notrunc,fsync status=none
		echo "SIG$signal" | dd of="$tmp/copy" conv=notrunc status=none
		timeout 10 cmp /proc/self/fd/5 "$tmp/copy" || fail "SIG$signal: open file reads wrong"
		exec 5>&-
		wait_until 10 is_gone "$server" || fail "SIG$signal: the server stays after the last close"
		same "$tmp/image" "$tmp/copy"
	done
done
