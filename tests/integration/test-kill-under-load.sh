#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 of a server under load: readers and writers end with an error, what was fsynced is there on the next mount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

writer() {
	python3 - "$1" "$2" <<'END'
import os, sys
fd, log = os.open(sys.argv[1], os.O_RDWR), open(sys.argv[2], "w")
for n in range(1, 1 << 20):
    os.pwrite(fd, b"%07d\n" % n * 512, (n - 1) % 4096 * 4096)
    os.fsync(fd)
    print(n, file=log, flush=True)
END
}

has_written() { [ "$(wc -l <"$tmp/log")" -ge 30 ]; }

for transport in $(transports); do
	make_image "$tmp/image" 16M
	mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
	users=()
	: >"$tmp/log"
	for i in 1 2 3 4; do
		# shellcheck disable=SC2016
		in_background bash -c 'while dd if="$1" of=/dev/null bs=64k 2>/dev/null; do :; done' _ "$tmp/mnt/disk"
		users+=("$background")
	done
	in_background writer "$tmp/mnt/disk" "$tmp/log"
	users+=("$background")
	wait_until 30 has_written || fail "the writer does not get on"
	kill -KILL "$server"
	for pid in "${users[@]}"; do
		wait_until 10 is_gone "$pid" || fail "pid $pid hangs"
	done
	wait_until 10 is_gone "$server" || fail "the server stays"

	mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
	last=$(tail -n 1 "$tmp/log")
	echo "fsynced: $last records"
	python3 - "$tmp/mnt/disk" "$last" <<'END'
import sys
last = int(sys.argv[2])
with open(sys.argv[1], "rb") as f:
    for n in range(max(1, last - 4000), last + 1):
        f.seek((n - 1) % 4096 * 4096)
        if f.read(4096) != b"%07d\n" % n * 512:
            sys.exit(f"record {n} is lost")
END
	umount_sheaf "$tmp/mnt"
done
