#!/bin/bash
# SPDX-License-Identifier: MIT
# ioctl(SG_IO) on .sheaf/sg0: hostile headers, outcomes, scatter lists, a pointer into a mapping of the same disk; callers that
# stall are bounded, can be killed, and leave the mount working; other users get nothing.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

rule() {
	timeout 60 python3 "$here/sg_io.py" "$@" || fail "$options: ${*:2}"
}

# Another mount, whose server will stand still.
make_image "$tmp/still.img" 16M
mount_sheaf --transport=dev "$tmp/still.img" "$tmp/still"
still_pid=$(server_of "$tmp/still")

flushes() {
	stat_of "$tmp/mnt" 's["lus"][0]["flushes"]'
}

for options in --transport=dev --transport=auto --cache=on "--workers=1"; do
	make_image "$tmp/img" 16M
	mount_sheaf "$options" "$tmp/img" "$tmp/mnt"
	node=$tmp/mnt/.sheaf/sg0
	[ "$(stat -c %a "$node")" = 600 ] || fail "mode of sg0"
	rule "$node" hostile
	rule "$node" outcome
	rule "$node" scatter
	rule "$node" into_mapping "$tmp/mnt/disk"

	# What was written by commands is what is read, through the page cache too, and a close flushes it.
	cat "$tmp/mnt/disk" >/dev/null
	rule "$node" scatter
	cmp "$tmp/mnt/disk" "$tmp/img" || fail "$options: the file is not the image"
	# A command that changes nothing costs nobody what is cached.
	if [ "$options" = --cache=on ]; then
		cat "$tmp/mnt/disk" >/dev/null
		before=$(stat_of "$tmp/mnt" 's["lus"][0]["reads"]')
		"$SHEAF" scsi "$tmp/mnt" tur || fail "test-unit-ready"
		! command -v sg_turs >/dev/null || sg_turs "$node" || fail "sg_turs"
		cat "$tmp/mnt/disk" >/dev/null
		[ "$(stat_of "$tmp/mnt" 's["lus"][0]["reads"]')" = "$before" ] || fail "TEST UNIT READY throws the page cache away"
	fi
	before=$(flushes)
	printf x | dd of="$tmp/mnt/disk" bs=1 conv=notrunc status=none
	[ "$(flushes)" -gt "$before" ] || fail "$options: closing stats.json has cost the disk its FLUSH"

	# Stalled callers: a bounded number, the next is told so; they can be killed, and nobody else notices.
	callers=()
	rm -f "$tmp/go" "$tmp"/stall.*
	for i in {1..12}; do
		in_background python3 "$here/sg_io.py" "$node" stall "$tmp/still/disk" "$tmp/go" >"$tmp/stall.$i" 2>&1
		callers+=("$background")
	done
	all_mapped() {
		[ "$(cat "$tmp"/stall.* | wc -l)" = 12 ]
	}
	wait_until 60 all_mapped || fail "$options: callers do not begin"
	stop_process "$still_pid"
	: >"$tmp/go"
	is_refused() {
		grep -qx EBUSY "$tmp"/stall.*
	}
	wait_until 20 is_refused || fail "$options: nobody is told EBUSY"
	timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=64k iflag=direct status=none || fail "$options: reads hang"
	kill -KILL "${callers[@]}" 2>/dev/null || true
	timeout 20 dd if="$tmp/img" of="$tmp/mnt/disk" bs=64k conv=notrunc status=none || fail "$options: writes hang"
	let_go_on "$still_pid"
	for pid in "${callers[@]}"; do
		wait_until 20 is_gone "$pid" || fail "$options: a killed caller stays"
	done
	rule "$node" outcome
	umount_sheaf "$tmp/mnt"
done
umount_sheaf "$tmp/still"
