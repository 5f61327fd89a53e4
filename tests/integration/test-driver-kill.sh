#!/bin/bash
# SPDX-License-Identifier: MIT
# The driver is killed with -9 every second under fio --verify: no error, no mismatch, on both transports.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

requires_program fio
seconds=${SHEAF_KILL_SECONDS:-8}

for transport in $(transports); do
	make_image "$tmp/image" 64M
	mount_sheaf --driver=disk --transport="$transport" "$tmp/image" "$tmp/mnt"
	in_background timeout $((seconds + 60)) fio --name=verify --filename="$tmp/mnt/disk" --direct=1 \
		--rw=randrw --bs=4k --size=16M --offset_increment=16M --numjobs=4 --iodepth=16 --ioengine=libaio \
		--verify=crc32c --verify_state_save=0 --verify_backlog=256 --verify_fatal=1 --time_based --runtime="$seconds" --output="$tmp/fio.log"
	fio=$background
	kill_drivers "$tmp/mnt" "$fio"
	wait "$fio" || {
		cat "$tmp/fio.log"
		fail "$transport: fio ended with an error"
	}
	wait_until 10 has_restarted "$tmp/mnt" "$kills" || fail "$(restarts_of "$tmp/mnt") restarts, $kills kills"
	[ "$kills" -ge 3 ] || fail "only $kills kills"
	[ "$(stat_of "$tmp/mnt" 's["tasks"]["errors"]')" = 0 ] || fail "tasks ended with an error"
	echo "$transport: $kills kills, $(stat_of "$tmp/mnt" 's["tasks"]["reissued"]') tasks issued again, the last restart took \
$(stat_of "$tmp/mnt" 's["driver"]["last_restart_ms"]') ms"
	umount_sheaf "$tmp/mnt"
done
