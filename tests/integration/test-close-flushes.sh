#!/bin/bash
# SPDX-License-Identifier: MIT
# A close of the disk after writes flushes it, also when files of .sheaf/ were read, closed, synced or asked for holes before: an
# operation that the kernel is once told not to exist it never sends again, for any file of the mount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

for transport in $(transports); do
	make_image "$tmp/image" 4M
	mount_sheaf --transport="$transport" "$tmp/image" "$tmp/mnt"
	timeout 20 python3 - "$tmp/mnt/.sheaf" <<'END'
import os, sys

for name in "stats.json", "metrics":
    fd = os.open(f"{sys.argv[1]}/{name}", os.O_RDONLY)
    os.read(fd, 100)
    for attempt in lambda: os.fsync(fd), lambda: os.lseek(fd, 0, os.SEEK_HOLE):
        try:
            attempt()
        except OSError:
            pass
    os.close(fd)
END
	before=$(stat_of "$tmp/mnt" 's["lus"][0]["flushes"]')
	timeout 20 dd if=/dev/urandom of="$tmp/mnt/disk" bs=64k count=4 conv=notrunc status=none
	closed=$(stat_of "$tmp/mnt" 's["lus"][0]["flushes"]')
	[ "$closed" -gt "$before" ] || fail "$transport: a close flushes nothing"
	timeout 20 dd if=/dev/urandom of="$tmp/mnt/disk" bs=64k count=4 conv=notrunc,fsync status=none
	[ "$(stat_of "$tmp/mnt" 's["lus"][0]["flushes"]')" -gt "$closed" ] || fail "$transport: fsync flushes nothing"
	# Holes are still told of.
	timeout 20 python3 -c 'import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); assert os.lseek(fd, 0, os.SEEK_HOLE) < 4 << 20' \
		"$tmp/mnt/disk" || fail "$transport: no holes"
	umount_sheaf "$tmp/mnt"
	rm "$tmp/image"
done
