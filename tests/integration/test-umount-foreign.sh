#!/bin/bash
# SPDX-License-Identifier: MIT
# umount(8) and fusermount3 -u end a mount as well; the server goes by itself.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

for command in "umount" "fusermount3 -u"; do
	requires_program "${command%% *}"
	[ "$command" != umount ] || [ "$(id -u)" = 0 ] || continue
	random_file "$tmp/copy" 1048576
	make_image "$tmp/image" 1M
	mount_sheaf "$tmp/image" "$tmp/mnt"
	dd if="$tmp/copy" of="$tmp/mnt/disk" bs=64k conv=notrunc status=none
	# shellcheck disable=SC2086
	timeout 20 $command "$tmp/mnt"
	wait_until 10 is_gone "$server" || fail "$command: the server stays"
	same "$tmp/image" "$tmp/copy"
done
