#!/bin/bash
# SPDX-License-Identifier: MIT
# fstrim on a filesystem in the image gives the space of deleted files back to the image's filesystem.
# shellcheck source=tests/integration/filesystem.sh
. "$(dirname "$0")/filesystem.sh"

requires_program mkfs.ext4 fstrim
make_image "$tmp/image" 256M
serve_device
timeout 60 mkfs.ext4 -q -E nodiscard "$loop"
mount_device "$loop" "$tmp/fs"
random_file "$tmp/fs/big" 100000000
sync -f "$tmp/fs"
full=$(stat -c %b "$tmp/image")
rm "$tmp/fs/big"
sync -f "$tmp/fs"
timeout 60 fstrim -v "$tmp/fs"
timeout 60 umount "$tmp/fs"
end_device
trimmed=$(stat -c %b "$tmp/image")
echo "blocks: $full with the file, $trimmed after fstrim"
[ $((full - trimmed)) -gt 180000 ] || fail "the image kept its space"
timeout 60 e2fsck -fn "$tmp/image"
