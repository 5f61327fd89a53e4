#!/bin/bash
# SPDX-License-Identifier: MIT
# ext4 over a loop device, the driver killed with -9 every second: all files are there, and fsck finds nothing.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"
requires_loop
requires_program mkfs.ext4 e2fsck
seconds=${SHEAF_KILL_SECONDS:-6}

# fill DIR: copies of a tree until the time is over
fill() {
	local end=$((SECONDS + seconds)) n=0
	while [ "$SECONDS" -lt "$end" ]; do
		rm -rf "$1/tree$((n % 3))"
		cp -a "$tmp/tree" "$1/tree$((n % 3))"
		n=$((n + 1))
	done
	sync -f "$1"
}

mkdir "$tmp/tree"
for n in $(seq 200); do
	random_file "$tmp/tree/file$n" $((n * 97))
done
make_image "$tmp/image" 256M
mount_sheaf --driver=disk "$tmp/image" "$tmp/mnt"
loop_over --direct-io=on "$tmp/mnt/disk"
timeout 60 mkfs.ext4 -q "$loop"
mount_device "$loop" "$tmp/fs"
in_background fill "$tmp/fs"
filler=$background
kill_drivers "$tmp/mnt" "$filler"
wait "$filler" || fail "a write failed"
[ "$kills" -ge 2 ] || fail "only $kills kills"
for copy in "$tmp"/fs/tree*; do
	diff -r "$tmp/tree" "$copy" || fail "$copy differs"
done
timeout 60 umount "$tmp/fs"
timeout 60 e2fsck -fn "$loop" || fail "e2fsck finds errors"
[ "$(stat_of "$tmp/mnt" 's["tasks"]["errors"]')" = 0 ] || fail "tasks ended with an error"
timeout 30 losetup -d "$loop"
echo "$kills kills"
