#!/bin/bash
# SPDX-License-Identifier: MIT
# Sizes that go up and down under load, on all deployments and both transports: nothing below the smallest size notices, beyond it
# requests get what a disk of one of the sizes gives, and fio finds all that it wrote.
# shellcheck source=tests/integration/resize.sh
. "$(dirname "$0")/resize.sh"
requires_program fio

for transport in $(transports); do
	for deployment in --workers=auto --workers=2 --driver=disk; do
		rm -f "$tmp/stop"
		make_image "$tmp/image" 32M
		mount_sheaf --transport="$transport" "$deployment" "$tmp/image" "$tmp/mnt"
		in_background timeout 120 fio --name=verify --filename="$tmp/mnt/disk" --direct=1 --rw=randrw --bs=4k --size=8M \
			--iodepth=16 --ioengine=libaio --verify=crc32c --verify_state_save=0 --verify_backlog=256 --verify_fatal=1 \
			--time_based --runtime=3 --output="$tmp/fio.log"
		fio=$background
		# The rest is another one's.
		in_background timeout 120 python3 "$here/resize_load.py" "$tmp/mnt/disk" $((8 * M)) $((16 * M)) "$tmp/stop" >"$tmp/load.log" 2>&1
		load=$background
		rounds=0
		exec 7<"$tmp/mnt/disk"
		while is_alive "$fio"; do
			for size in 40M 17M 24M 16M 33M; do
				resize --force "$tmp/mnt" "$size" >"$tmp/said"
				seen=$(python3 -c 'import os; print(os.lseek(7, 0, 2))')
				[ "$seen" = $((${size%M} * M)) ] || fail "$transport $deployment: the end is at $seen, not $size"
				rounds=$((rounds + 1))
			done
		done
		exec 7<&-
		: >"$tmp/stop"
		wait_until 60 is_gone "$load" || fail "$transport $deployment: the load does not end"
		wait "$load" || fail "$transport $deployment: $(cat "$tmp/load.log")"
		wait "$fio" || fail "$transport $deployment: $(cat "$tmp/fio.log")"
		has_size "$tmp/mnt" $((33 * M)) "$tmp/image"
		cmp "$tmp/mnt/disk" "$tmp/image" || fail "the file is not the image"
		[ "$rounds" -ge 5 ] || fail "$transport $deployment: only $rounds resizes"
		echo "$transport $deployment: $rounds resizes, $(cat "$tmp/load.log")"
		umount_sheaf "$tmp/mnt"
	done
done
