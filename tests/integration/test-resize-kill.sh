#!/bin/bash
# SPDX-License-Identifier: MIT
# The server, or the driver, is killed with -9 in the middle of resizes: there is one size afterwards, whichever, and nothing hangs.
# shellcheck source=tests/integration/resize.sh
. "$(dirname "$0")/resize.sh"

seconds=${SHEAF_KILL_SECONDS:-3}

# again_and_again DIR: until it fails, or $tmp/stop is there
again_and_again() {
	local size
	while [ ! -e "$tmp/stop" ]; do
		for size in 40M 17M 33M 16M; do
			timeout -k 5 100 "$SHEAF" resize --force "$1" "$size" || return 1
		done
	done
}

for options in --transport=dev --transport=auto --workers=2 --driver=disk; do
	make_image "$tmp/image" 16M
	head -c $((16 * M)) /dev/urandom >"$tmp/first"
	dd if="$tmp/first" of="$tmp/image" conv=notrunc status=none
	for i in 1 2; do
		mount_sheaf "$options" "$tmp/image" "$tmp/mnt"
		in_background again_and_again "$tmp/mnt" >"$tmp/said" 2>&1
		loop_pid=$background
		sleep "0.$((3 + i))"
		kill -KILL "$server"
		wait_until 60 is_gone "$loop_pid" || fail "$options: sheaf resize hangs on a dead server"
		umount_plainly "$tmp/mnt" || umount -l "$tmp/mnt"
		mount_sheaf "$options" "$tmp/image" "$tmp/mnt" # refuses what is no multiple of a block
		size=$(stat -c %s "$tmp/image")
		case $((size / M)) in
		16 | 17 | 33 | 40) ;;
		*) fail "$options: $size bytes" ;;
		esac
		has_size "$tmp/mnt" "$size" "$tmp/image"
		cmp -n $((16 * M)) "$tmp/mnt/disk" "$tmp/first" || fail "$options: what stayed has changed"
		umount_sheaf "$tmp/mnt"
	done
	echo "$options: ok"
done

for transport in $(transports); do
	rm -f "$tmp/stop"
	make_image "$tmp/image" 16M
	dd if="$tmp/first" of="$tmp/image" conv=notrunc status=none
	mount_sheaf --transport="$transport" --driver=disk --driver-restarts=100 "$tmp/image" "$tmp/mnt"
	in_background again_and_again "$tmp/mnt" >"$tmp/said" 2>&1
	loop_pid=$background
	end=$((SECONDS + seconds))
	kills=0
	while [ "$SECONDS" -lt "$end" ]; do
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		driver=$(driver_of "$tmp/mnt")
		[ "$driver" = None ] || ! kill -KILL "$driver" 2>/dev/null || kills=$((kills + 1))
	done
	: >"$tmp/stop"
	wait_until 100 is_gone "$loop_pid" || fail "$transport: sheaf resize hangs"
	wait "$loop_pid" || fail "$transport: $(cat "$tmp/said")"
	resize --force "$tmp/mnt" 20M
	has_size "$tmp/mnt" $((20 * M)) "$tmp/image"
	cmp "$tmp/mnt/disk" "$tmp/image" || fail "$transport: the file is not the image"
	cmp -n $((16 * M)) "$tmp/mnt/disk" "$tmp/first" || fail "$transport: what stayed has changed"
	dd if=/dev/zero of="$tmp/mnt/disk" bs=1M seek=19 count=1 conv=notrunc oflag=direct status=none || fail "the end cannot be written"
	[ "$kills" -ge 3 ] || fail "$transport: only $kills kills"
	echo "$transport: $kills drivers killed, $(wc -l <"$tmp/said") resizes"
	umount_sheaf "$tmp/mnt"
done
