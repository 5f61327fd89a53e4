#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 of a stopped server: a reader that waits ends with an error.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

for transport in $(transports); do
	make_image "$tmp/image" 1M
	mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
	stop_process "$server"
	in_background dd if="$tmp/mnt/disk" of=/dev/null bs=64k
	sleep 0.5
	is_alive "$background" || fail "a read was answered by a stopped server"
	kill -KILL "$server"
	wait_until 10 is_gone "$background" || fail "the reader hangs"
	! wait "$background" || fail "the reader saw no error"
	wait_until 10 is_gone "$server" || fail "the server stays"
done
