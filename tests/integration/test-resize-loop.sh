#!/bin/bash
# SPDX-License-Identifier: MIT
# A filesystem on a loop device on the disk: the device gets the new size with it, and the filesystem grows while it is in use. ext4 asks
# for CAP_SYS_RESOURCE; where root has not got that, ext4 grows after it, and others while in use.
# shellcheck source=tests/integration/filesystem.sh
. "$(dirname "$0")/filesystem.sh"
requires_program mkfs.ext4 resize2fs e2fsck
requires_loop
requires "sheaf is built without attach" timeout 20 "$SHEAF" attach --help

detach_if_mounted() {
	! is_mounted "$1" || timeout 60 "$SHEAF" detach "$1" || umount -l "$1"
}

blocks_of() {
	stat -f -c %b "$1"
}

# CAP_SYS_RESOURCE, bit 24
may_resize_ext4() {
	(((0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> 24) & 1))
}

# is_there TYPE TOOL: its tools are here, and the kernel has it
is_there() {
	command -v "mkfs.$1" "$2" >/dev/null && { modprobe -q "$1" 2>/dev/null || true; } && grep -qw "$1" /proc/filesystems
}

# grow TYPE DEVICE DIR: while it is in use
grow() {
	case $1 in
	ext4) timeout 60 resize2fs "$2" ;;
	xfs) timeout 60 xfs_growfs "$3" >/dev/null ;;
	btrfs) timeout 60 btrfs filesystem resize max "$3" ;;
	esac
}

check() {
	case $1 in
	ext4) e2fsck -fn "$2" ;;
	xfs) xfs_repair -n "$2" >/dev/null 2>&1 ;;
	btrfs) btrfs check --readonly "$2" >/dev/null 2>&1 ;;
	esac
}

# one TYPE OPTIONS
one() {
	local type=$1 options=$2 device before filler online=yes
	rm -f "$tmp/image"
	timeout 20 "$SHEAF" create --size 300M "$tmp/image"
	timeout 120 "$SHEAF" attach -o "$options" --mkfs "$type" "$tmp/image" "$tmp/fs"
	device=$(findmnt -n -o SOURCE "$tmp/fs")
	cp -a "$tree/linux" "$tmp/fs/tree"
	before=$(blocks_of "$tmp/fs")
	# Something goes on meanwhile.
	in_background timeout 60 dd if=/dev/zero of="$tmp/fs/filled" bs=1M count=60 oflag=direct status=none
	filler=$background
	timeout 60 "$SHEAF" resize "$tmp/fs" 600M | tee "$tmp/said"
	grep -qF "$device: has the new size" "$tmp/said" || fail "$device is not told"
	[ "$(blockdev --getsize64 "$device")" = $((600 << 20)) ] || fail "$device has another size"
	if [ "$type" = ext4 ] && ! may_resize_ext4; then
		online=no
	else
		grow "$type" "$device" "$tmp/fs" || fail "$type does not grow"
	fi
	wait_until 60 is_gone "$filler" || fail "who was writing hangs"
	wait "$filler" || fail "who was writing got an error"
	if [ "$online" = yes ]; then
		[ "$(blocks_of "$tmp/fs")" -gt $((before * 3 / 2)) ] || fail "$type has not grown"
		dd if=/dev/zero of="$tmp/fs/more" bs=1M count=300 status=none || fail "no room for more than it had before"
	fi
	diff <(checksums "$tree/linux") <(checksums "$tmp/fs/tree") || fail "checksums differ"
	timeout 60 "$SHEAF" detach "$tmp/fs"
	check "$type" "$tmp/image" || fail "$type has errors"
	[ "$(stat -c %s "$tmp/image")" = $((600 << 20)) ] || fail "the image has another size"
	if [ "$online" = no ]; then
		e2fsck -fp "$tmp/image" >/dev/null
		timeout 60 resize2fs "$tmp/image" || fail "ext4 does not grow into its image"
		check ext4 "$tmp/image" || fail "ext4 has errors"
	fi
	echo "$type, $options, online: $online"
}

mkdir -p "$tmp/fs"
cleanup_fn detach_if_mounted "$tmp/fs"
one ext4 transport=dev
one ext4 transport=auto
one ext4 driver=disk
! is_there xfs xfs_growfs || one xfs transport=auto
! is_there btrfs btrfs || one btrfs transport=auto
