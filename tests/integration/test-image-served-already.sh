#!/bin/bash
# SPDX-License-Identifier: MIT
# An image that is served is refused to others: a second mount, under another name too, and to qemu-img.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/image" 1048576
ln "$tmp/image" "$tmp/link"
mkdir "$tmp/second"
mount_sheaf "$tmp/image" "$tmp/mnt"
refused 1 "$tmp/image.*served already.*$server" "$SHEAF" mount "$tmp/image" "$tmp/second"
refused 1 "$tmp/link.*served already" "$SHEAF" mount "$tmp/link" "$tmp/second"
refused 1 "$tmp/image.*served already" "$SHEAF" mount -r "$tmp/image" "$tmp/second"
cmp "$tmp/mnt/disk" "$tmp/image"
if command -v qemu-img >/dev/null; then
	refused 1 'lock' qemu-img resize -f raw "$tmp/image" 2M
	refused 1 'lock' qemu-img convert -f raw -O raw "$tmp/image" "$tmp/converted"
fi
umount_sheaf "$tmp/mnt"
# Readers share.
mount_sheaf -r "$tmp/image" "$tmp/mnt"
mount_sheaf -r "$tmp/image" "$tmp/second"
cmp "$tmp/mnt/disk" "$tmp/second/disk"
