#!/bin/bash
# SPDX-License-Identifier: MIT
# -r: mode 0444, EROFS for whoever opens it for writing, and a loop device over it is read-only.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

# Who is not root hears of the mode first.
refusal="permission denied"
[ "$(id -u)" != 0 ] || refusal="read-only file system"
random_file "$tmp/image" 1048576
cp "$tmp/image" "$tmp/copy"
for option in -r "-o ro"; do
	# shellcheck disable=SC2086
	mount_sheaf $option "$tmp/image" "$tmp/mnt"
	[ "$(stat -c %a "$tmp/mnt/disk")" = 444 ] || fail "mode $(stat -c %a "$tmp/mnt/disk")"
	[ "$(stat_of "$tmp/mnt" 's["lus"][0]["read_only"]')" = True ] || fail "stats.json: not read-only"
	refused 1 "$refusal" dd if=/dev/zero of="$tmp/mnt/disk" bs=512 count=1 conv=notrunc
	same "$tmp/mnt/disk" "$tmp/copy"
	# What is opened for writing all the same: SCSI tools open the node so, and commands of `sheaf` the control file.
	true 3<>"$tmp/mnt/.sheaf/sg0" || fail "sg0 cannot be opened for writing"
	true >"$tmp/mnt/.sheaf/control" || fail "control cannot be opened for writing"
	umount_sheaf "$tmp/mnt"
done
same "$tmp/image" "$tmp/copy"
if [ "$(id -u)" = 0 ] && losetup -f >/dev/null 2>&1; then
	mount_sheaf -r "$tmp/image" "$tmp/mnt"
	loop_over "$tmp/mnt/disk"
	[ "$(blockdev --getro "$loop")" = 1 ] || fail "$loop is writable"
	same "$loop" "$tmp/copy"
fi
