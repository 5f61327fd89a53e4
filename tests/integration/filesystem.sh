# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# filesystem.sh - a filesystem in the image, through a loop device with direct I/O

# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_loop

tree=${SHEAF_TEST_TREE:-/usr/include}

checksums() {
	(cd "$1" && find . -xdev -type f -print0 | sort -z | xargs -0 md5sum)
}

# serve_device: image at $tmp/image, its disk as $loop
serve_device() {
	mount_sheaf "$tmp/image" "$tmp/mnt"
	loop_over --direct-io=on "$tmp/mnt/disk"
}

end_device() {
	timeout 30 losetup -d "$loop"
	# The kernel lets go of the file a moment after losetup.
	wait_until 10 no_loop_over "$loop" || fail "$loop stays"
	umount_sheaf "$tmp/mnt"
}

no_loop_over() {
	! losetup "$1" >/dev/null 2>&1
}

# make_filesystem TYPE DEVICE: mkfs.btrfs looks at all mounted loop devices, and fails while the mount of a test beside
# this one is dead. That passes.
make_filesystem() {
	timeout 60 "mkfs.$1" -q "$2" 2>"$tmp/mkfs.log" && return
	cat "$tmp/mkfs.log" >&2
	grep -q 'endpoint is not connected' "$tmp/mkfs.log" && return 1
	fail "mkfs.$1 failed"
}

# filesystem_survives TYPE CHECK...: make it, fill it, serve it again, compare, CHECK it
filesystem_survives() {
	local type=$1
	shift
	requires_program "mkfs.$type" "$1"
	grep -qw "$type" /proc/filesystems || modprobe "$type" 2>/dev/null || skip "no $type in this kernel"
	make_image "$tmp/image" 1G
	serve_device
	wait_until 60 make_filesystem "$type" "$loop" || fail "mkfs.$type does not succeed"
	mount_device "$loop" "$tmp/fs"
	timeout 120 cp -a "$tree" "$tmp/fs/tree"
	timeout 60 umount "$tmp/fs"
	end_device

	serve_device
	timeout 60 mount "$loop" "$tmp/fs"
	diff <(checksums "$tree") <(checksums "$tmp/fs/tree") || fail "$type: checksums differ"
	timeout 60 umount "$tmp/fs"
	timeout 60 "$@" "$loop" || fail "$type: $1 finds errors"
	end_device
}
