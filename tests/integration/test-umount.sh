#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf umount returns when the process is gone and the image holds everything.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/copy" 33554432
make_image "$tmp/image" 32M
for io in uring sync; do
	for workers in fused 2; do
		mount_sheaf --io=$io --workers=$workers "$tmp/image" "$tmp/mnt"
		dd if="$tmp/copy" of="$tmp/mnt/disk" bs=1M conv=notrunc status=none
		umount_sheaf "$tmp/mnt"
		is_gone "$server" || fail "$io, $workers: server $server is still there"
		! is_mounted "$tmp/mnt" || fail "$io, $workers: still mounted"
		same "$tmp/image" "$tmp/copy"
		dd if=/dev/zero of="$tmp/image" bs=1M count=32 conv=notrunc status=none
	done
done
