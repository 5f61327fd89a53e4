#!/bin/bash
# SPDX-License-Identifier: MIT
# What cannot be an image is refused with its name and the reason, and nothing is mounted.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

dir=$tmp/mnt
mkdir "$dir" "$tmp/folder"
make_image "$tmp/empty" 0
make_image "$tmp/odd" 1000
make_image "$tmp/odd4k" 8704
make_image "$tmp/good" 1M
mkfifo "$tmp/fifo"

table="missing|no such
empty|empty
odd|multiple.*512
folder|directory
fifo|FIFO"
while IFS='|' read -r name regex; do
	refused 1 "$tmp/$name.*$regex" "$SHEAF" mount "$tmp/$name" "$dir"
	! is_mounted "$dir" || fail "$name: something is mounted"
done <<<"$table"
refused 1 "$tmp/odd4k.*multiple.*4096" "$SHEAF" mount --block-size=4096 "$tmp/odd4k" "$dir"
refused 1 "/dev/null.*character" "$SHEAF" mount /dev/null "$dir"
# One bad image of several: none is served, and the good one is not left locked.
refused 1 "$tmp/empty" "$SHEAF" mount "$tmp/good" "$tmp/empty" "$dir"
mount_sheaf "$tmp/good" "$dir"
umount_sheaf "$dir"
