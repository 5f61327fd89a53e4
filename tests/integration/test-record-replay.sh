#!/bin/bash
# SPDX-License-Identifier: MIT
# What fio did to a disk, recorded and replayed to the disk of another mount, is the same CDBs there: in the same order at depth 1,
# as many of each at more.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program fio

# start_record DIR FILE: sets $recorder
start_record() {
	in_background timeout 100 "$SHEAF" record --quiet "$1" "$2"
	recorder=$background
	wait_until 10 test -s "$2" || fail "sheaf record writes nothing"
}

stop_record() {
	kill -INT "$(pgrep -P "$recorder")"
	wait "$recorder" || fail "sheaf record ended with $?"
}

# cdbs RECORDING: ranges too, since that of UNMAP is not in its CDB
cdbs() {
	"$SHEAF" replay --print "$1" | awk 'NR > 1 { print $NF, $(NF - 4), $(NF - 3) }'
}

# load DEPTH: reads, writes of several sizes, syncs, writes that are durable, holes
load() {
	timeout 60 fio --name=load --filename="$tmp/a/disk" --rw=randrw --bsrange=512-128k --direct=1 --ioengine=libaio \
		--iodepth="$1" --fdatasync=25 --number_ios=600 --size=32M --randseed=7 --output-format=terse >/dev/null
	dd if=/dev/urandom of="$tmp/a/disk" bs=8k count=5 seek=100 conv=notrunc oflag=direct,dsync status=none
	fallocate -p -o 1M -l 3M "$tmp/a/disk"
	fallocate -z -o 6M -l 64K "$tmp/a/disk"
	sync "$tmp/a/disk"
}

make_image "$tmp/image-a" 32M
make_image "$tmp/image-b" 32M
for transport in $(transports); do
	for depth in 1 16; do
		mount_sheaf --transport="$transport" "$tmp/image-a" "$tmp/a"
		mount_sheaf --transport="$transport" "$tmp/image-b" "$tmp/b"
		rm -f "$tmp"/first "$tmp"/second
		start_record "$tmp/a" "$tmp/first"
		load "$depth"
		stop_record
		start_record "$tmp/b" "$tmp/second"
		timeout 60 "$SHEAF" replay --to "$tmp/b/disk" --write --speed full --depth "$depth" "$tmp/first" >"$tmp/played" ||
			fail "$transport, depth $depth: replay ended with $?"
		stop_record
		cdbs "$tmp/first" >"$tmp/first.cdbs"
		cdbs "$tmp/second" >"$tmp/second.cdbs"
		echo "$transport, depth $depth: $(wc -l <"$tmp/first.cdbs") tasks, $(sort -u "$tmp/first.cdbs" | wc -l) different"
		[ "$(wc -l <"$tmp/first.cdbs")" -gt 400 ] || fail "$transport, depth $depth: not all tasks are in the recording"
		for opcode in 88 8a 8a08 35 42 93; do
			grep -q "^$opcode" "$tmp/first.cdbs" || fail "no task with opcode $opcode was recorded"
		done
		if [ "$depth" != 1 ]; then
			sort -o "$tmp/first.cdbs" "$tmp/first.cdbs"
			sort -o "$tmp/second.cdbs" "$tmp/second.cdbs"
			# The last flush may be played while writes before it are still out; then the player's close flushes once more.
			if [ "$(grep -c "^35" "$tmp/second.cdbs")" = $(($(grep -c "^35" "$tmp/first.cdbs") + 1)) ]; then
				sed -i "0,/^35/{/^35/d}" "$tmp/second.cdbs"
			fi
		fi
		diff "$tmp/first.cdbs" "$tmp/second.cdbs" >"$tmp/difference" ||
			fail "$transport, depth $depth: other CDBs: $(head -n 5 "$tmp/difference")"
		umount_sheaf "$tmp/a"
		umount_sheaf "$tmp/b"
	done
done
