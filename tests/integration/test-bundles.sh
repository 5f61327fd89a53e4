#!/bin/bash
# SPDX-License-Identifier: MIT
# Bundles grow with the load by themselves: more than one task at depth 32, exactly one at depth 1.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program fio

load() {
	timeout 60 fio --name=load --filename="$tmp/mnt/disk" --rw=randread --bs=4k --direct=1 --ioengine=libaio \
		--iodepth="$1" --runtime=1 --time_based --size=64M --output-format=terse >/dev/null
}

make_image "$tmp/image" 64M
dd if=/dev/zero of="$tmp/image" bs=1M count=64 conv=notrunc status=none
for options in "--workers=fused" "--workers=1"; do
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	load 1
	sizes=$(stat_of "$tmp/mnt" 's["request_bundles"]["count"], s["request_bundles"]["by_size"][1]')
	echo "$options, depth 1: bundles, and those of one task: $sizes"
	[ "$(stat_of "$tmp/mnt" 's["request_bundles"]["count"] == s["request_bundles"]["by_size"][1]')" = True ] ||
		fail "$options: more than one task a bundle at depth 1"
	umount_sheaf "$tmp/mnt"

	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	load 32
	echo "$options, depth 32: mean $(stat_of "$tmp/mnt" 's["request_bundles"]["mean"]')"
	[ "$(stat_of "$tmp/mnt" 's["request_bundles"]["mean"] > 1')" = True ] ||
		fail "$options: no bundles at depth 32"
	umount_sheaf "$tmp/mnt"
done
