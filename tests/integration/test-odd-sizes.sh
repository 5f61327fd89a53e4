#!/bin/bash
# SPDX-License-Identifier: MIT
# dd with block sizes that fit nothing: every byte where it belongs.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/data" 3000000
for options in "--io=uring" "--io=sync --workers=2" "--block-size=4096"; do
	for bs in 511 4097 65535 1048575 3000000; do
		rm -f "$tmp/image"
		make_image "$tmp/image" 4M
		# shellcheck disable=SC2086
		mount_sheaf $options "$tmp/image" "$tmp/mnt"
		timeout 60 dd if="$tmp/data" of="$tmp/mnt/disk" bs=$bs conv=notrunc oflag=seek_bytes seek=333 status=none
		timeout 60 dd if="$tmp/mnt/disk" of="$tmp/read" bs=$bs iflag=skip_bytes,count_bytes skip=333 count=3000000 status=none
		same "$tmp/read" "$tmp/data"
		umount_sheaf "$tmp/mnt"
		(head -c 333 /dev/zero && cat "$tmp/data" && head -c 1193971 /dev/zero) | cmp - "$tmp/image" ||
			fail "$options, bs=$bs: the image differs"
	done
done
