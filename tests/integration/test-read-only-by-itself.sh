#!/bin/bash
# SPDX-License-Identifier: MIT
# An image that cannot be written is served read-only by itself; beside a writable one only its own file is.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_root

small_filesystem "$tmp/fixed" 8M
random_file "$tmp/fixed/image" 1048576
cp "$tmp/fixed/image" "$tmp/copy"
mount -o remount,ro "$tmp/fixed"
mount_sheaf "$tmp/fixed/image" "$tmp/mnt"
[ "$(stat -c %a "$tmp/mnt/disk")" = 444 ] || fail "mode $(stat -c %a "$tmp/mnt/disk")"
refused 1 "read-only file system" dd if=/dev/zero of="$tmp/mnt/disk" bs=512 count=1 conv=notrunc
same "$tmp/mnt/disk" "$tmp/copy"
umount_sheaf "$tmp/mnt"

make_image "$tmp/image" 1M
mount_sheaf "$tmp/fixed/image" "$tmp/image" "$tmp/mnt"
refused 1 "read-only file system" dd if=/dev/zero of="$tmp/mnt/disk0" bs=512 count=1 conv=notrunc
dd if="$tmp/copy" of="$tmp/mnt/disk1" bs=64k conv=notrunc status=none
same "$tmp/mnt/disk0" "$tmp/copy"
umount_sheaf "$tmp/mnt"
same "$tmp/image" "$tmp/copy"
