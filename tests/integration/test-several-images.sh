#!/bin/bash
# SPDX-License-Identifier: MIT
# Several images on one mount are disk0, disk1 and so on, each with its own bytes, size and counters.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

sizes=(1048576 4194304 2097152)
for i in 0 1 2; do
	random_file "$tmp/copy$i" "${sizes[i]}"
	make_image "$tmp/image$i" "${sizes[i]}"
done
for options in "--workers=fused" "--workers=2"; do
	mount_sheaf "$options" "$tmp"/image{0,1,2} "$tmp/mnt"
	[ "$(ls "$tmp/mnt")" = "disk0
disk1
disk2" ] || fail "names: $(ls "$tmp/mnt")"
	writers=()
	for i in 0 1 2; do
		[ "$(stat -c %s "$tmp/mnt/disk$i")" = "${sizes[i]}" ] || fail "size of disk$i"
		in_background dd if="$tmp/copy$i" of="$tmp/mnt/disk$i" bs=10000 conv=notrunc status=none
		writers+=("$background")
	done
	for pid in "${writers[@]}"; do
		wait "$pid" || fail "a writer failed"
	done
	[ "$(stat_of "$tmp/mnt" '[u["written_bytes"] for u in s["lus"]]')" = "[1048576, 4194304, 2097152]" ] ||
		fail "counters: $(stat_of "$tmp/mnt" 's["lus"]')"
	umount_sheaf "$tmp/mnt"
	for i in 0 1 2; do
		same "$tmp/image$i" "$tmp/copy$i"
		dd if=/dev/zero of="$tmp/image$i" bs=1M count=$((sizes[i] / 1048576)) conv=notrunc status=none
	done
done
