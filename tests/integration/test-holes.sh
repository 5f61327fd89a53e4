#!/bin/bash
# SPDX-License-Identifier: MIT
# Sparse stays sparse: SEEK_DATA and SEEK_HOLE show the image's holes, punching gives its space back.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program fallocate

blocks() { stat -c %b "$tmp/image"; }

make_image "$tmp/image" 64M
random_file "$tmp/data" 4194304
for options in "--io=uring" "--io=sync --workers=1" "--block-size=4096"; do
	# shellcheck disable=SC2086
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	dd if="$tmp/data" of="$tmp/mnt/disk" bs=1M seek=8 conv=notrunc,fsync status=none
	written=$(blocks)
	((written >= 8192 && written < 10000)) || fail "$options: a sparse image has $written blocks"
	timeout 60 python3 - "$tmp/mnt/disk" <<'END'
import errno, os, sys

fd = os.open(sys.argv[1], os.O_RDONLY)
M = 1 << 20


def seek(offset, whence, wanted):
    try:
        found = os.lseek(fd, offset, whence)
    except OSError as e:
        found = errno.errorcode[e.errno]
    if found != wanted:
        sys.exit(f"lseek {offset} {whence}: {found}, not {wanted}")


seek(0, os.SEEK_DATA, 8 * M)
seek(0, os.SEEK_HOLE, 0)
seek(8 * M, os.SEEK_DATA, 8 * M)
seek(9 * M + 1, os.SEEK_DATA, 9 * M + 1)
seek(8 * M, os.SEEK_HOLE, 12 * M)
seek(12 * M + 5, os.SEEK_HOLE, 12 * M + 5)
seek(12 * M, os.SEEK_DATA, "ENXIO")
seek(64 * M - 1, os.SEEK_HOLE, 64 * M - 1)
seek(64 * M, os.SEEK_DATA, "ENXIO")
seek(64 * M, os.SEEK_HOLE, "ENXIO")
END
	before=$(blocks)
	fallocate -p -o 9M -l 2M "$tmp/mnt/disk"
	sync "$tmp/mnt/disk"
	echo "$options: blocks $before, after the punch $(blocks)"
	[ $((before - $(blocks))) -ge 4096 ] || fail "$options: punching gave nothing back"
	cmp -n 2097152 -i 9437184:0 "$tmp/mnt/disk" /dev/zero || fail "$options: a hole that is not zero"
	# An odd hole: its edges are bytes.
	fallocate -p -o $((8388608 + 100)) -l 5000 "$tmp/mnt/disk"
	cmp -n 100 -i 8388608:0 "$tmp/mnt/disk" "$tmp/data"
	cmp -n 5000 -i $((8388608 + 100)):0 "$tmp/mnt/disk" /dev/zero
	cmp -n 1000 -i $((8388608 + 5100)):5100 "$tmp/mnt/disk" "$tmp/data"
	# Zero range is zero, and keeps its space.
	fallocate -z -o 11M -l 1M "$tmp/mnt/disk"
	cmp -n 1048576 -i 11534336:0 "$tmp/mnt/disk" /dev/zero
	fallocate -p -o 0 -l 64M "$tmp/mnt/disk"
	sync "$tmp/mnt/disk"
	[ "$(blocks)" -lt 100 ] || fail "$options: $(blocks) blocks after all was punched"
	umount_sheaf "$tmp/mnt"
done
