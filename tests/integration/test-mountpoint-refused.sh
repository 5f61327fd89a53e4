#!/bin/bash
# SPDX-License-Identifier: MIT
# A mountpoint that is missing, no directory, in use, or holds the image itself is refused with its name.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 1M
make_image "$tmp/other" 1M
mkdir "$tmp/over"
make_image "$tmp/over/image" 1M
mkdir "$tmp/over/below"
refused 1 "$tmp/missing" "$SHEAF" mount "$tmp/image" "$tmp/missing"
refused 1 "$tmp/other.*not a directory" "$SHEAF" mount "$tmp/image" "$tmp/other"
refused 1 "$tmp/over/image.*below.*mountpoint" "$SHEAF" mount "$tmp/over/image" "$tmp/over"
mount_sheaf "$tmp/image" "$tmp/mnt"
refused 1 "$tmp/mnt" "$SHEAF" mount "$tmp/other" "$tmp/mnt"
! is_mounted "$tmp/over" || fail "mounted over its own image"
umount_sheaf "$tmp/mnt"
# The image beside the mountpoint, in one folder, is well.
mount_sheaf "$tmp/over/image" "$tmp/over/below"
umount_sheaf "$tmp/over/below"
