#!/bin/bash
# SPDX-License-Identifier: MIT
# An image on a full disk: the writer gets ENOSPC, all other data stays, and space that comes back is used.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_root

for options in "--io=uring" "--io=sync"; do
	small_filesystem "$tmp/small" 6M
	make_image "$tmp/small/image" 64M
	mount_sheaf $options "$tmp/small/image" "$tmp/mnt"
	random_file "$tmp/data" 4194304
	dd if="$tmp/data" of="$tmp/mnt/disk" bs=1M conv=notrunc,fsync status=none
	refused 1 "no space left" dd if=/dev/urandom of="$tmp/mnt/disk" bs=1M seek=8 count=16 conv=notrunc
	cmp -n 4194304 "$tmp/mnt/disk" "$tmp/data" || fail "data that was there is hurt"
	# What has its space can be written.
	dd if="$tmp/data" of="$tmp/mnt/disk" bs=1M conv=notrunc,fsync status=none
	fallocate -p -o 8M -l 16M "$tmp/mnt/disk"
	dd if="$tmp/data" of="$tmp/mnt/disk" bs=1M count=1 seek=30 conv=notrunc,fsync status=none
	umount_sheaf "$tmp/mnt"
	cmp -n 4194304 "$tmp/small/image" "$tmp/data"
	cmp -n 1048576 -i 31457280:0 "$tmp/small/image" "$tmp/data"
	umount "$tmp/small"
done
