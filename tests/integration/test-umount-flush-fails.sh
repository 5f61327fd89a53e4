#!/bin/bash
# SPDX-License-Identifier: MIT
# When the image cannot be made durable, sheaf umount says so: its disk is full under the page cache.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_loop
requires_program mkfs.ext4

# ext4 believes in 64 MiB, the tmpfs under it has 12.
small_filesystem "$tmp/small" 12M
make_image "$tmp/small/device" 64M
loop_over "$tmp/small/device"
mkfs.ext4 -q -O ^has_journal -E lazy_itable_init=1,nodiscard "$loop"
mount_device "$loop" "$tmp/lying"
make_image "$tmp/lying/image" 32M
mount_sheaf "$tmp/lying/image" "$tmp/mnt"
random_file "$tmp/data" 25165824
# The failure may show here already, at the close.
dd if="$tmp/data" of="$tmp/mnt/disk" bs=1M conv=notrunc || echo "dd saw it"
dd if="$tmp/data" of="$tmp/mnt/disk" bs=1M count=8 conv=notrunc || echo "dd saw it"
refused 1 "$tmp/(mnt|lying).*(error|space|flush|durable|I/O)" "$SHEAF" umount "$tmp/mnt"
