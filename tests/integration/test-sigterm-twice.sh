#!/bin/bash
# SPDX-License-Identifier: MIT
# A second signal ends the server now, with what was written in the image.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

is_unmounted() { ! is_mounted "$tmp/mnt"; }

for transport in $(transports); do
	random_file "$tmp/copy" 1048576
	make_image "$tmp/image" 1048576
	mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
	exec 5<>"$tmp/mnt/disk"
	timeout 10 dd if="$tmp/copy" bs=64k status=none >&5
	kill -TERM "$server"
	wait_until 10 is_unmounted || fail "still mounted"
	is_alive "$server" || fail "the first signal ended it"
	kill -TERM "$server"
	wait_until 10 is_gone "$server" || fail "the second signal does not end it"
	! timeout 10 dd bs=4k count=1 status=none <&5 >/dev/null || fail "the file is served by nobody, and reads"
	exec 5>&-
	same "$tmp/image" "$tmp/copy"
done
