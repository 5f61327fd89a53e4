#!/bin/bash
# SPDX-License-Identifier: MIT
# One submitter's long transfers are shared by the loops: entries of the ring go from loop to loop, the bytes stay right, short requests
# bring the entries back, memory goes back after the burst, and the mount ends as ever, at rest and under load.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program fio
transports | grep -q uring || skip "no FUSE-over-io_uring here"

# One submitter; two CPUs and two loops.
load() {
	timeout 100 fio --name=load --filename="$tmp/mnt/disk" --direct=1 --ioengine=libaio --size=64M --allow_file_create=0 "$@" \
		>"$tmp/fio" 2>&1
}
handovers() { stat_of "$tmp/mnt" 's["handovers"]'; }

make_image "$tmp/image" 64M
mount_sheaf --transport=uring --loops=2 "$tmp/image" "$tmp/mnt"
for bs in 128k 1M; do
	before=$(handovers)
	load --rw=randwrite --bs=$bs --iodepth=8 --verify=crc32c --verify_state_save=0 --verify_fatal=1 || fail "$bs: $(tail -n 3 "$tmp/fio")"
	load --rw=randread --bs=$bs --iodepth=8 --runtime=2 --time_based || fail "$bs: $(tail -n 3 "$tmp/fio")"
	echo "$bs: $(($(handovers) - before)) hand-overs"
	[ "$(handovers)" -gt "$before" ] || fail "$bs: one loop did it all"
done
# Long and short ones, from several submitters at once.
load --rw=randrw --bsrange=4k-1M --iodepth=8 --numjobs=3 --offset_increment=16M --size=16M --verify=crc32c --verify_state_save=0 --verify_fatal=1 ||
	fail "mixed: $(tail -n 3 "$tmp/fio")"
[ "$(stat_of "$tmp/mnt" 'sum(s["violations"].values())')" = 0 ] || fail "the driver was blamed"

# Short ones come home, and then there is nothing to hand over.
load --rw=randread --bs=4k --iodepth=32 --runtime=1 --time_based
before=$(handovers)
load --rw=randread --bs=4k --iodepth=32 --runtime=1 --time_based
echo "4k: $(($(handovers) - before)) hand-overs in $(stat_of "$tmp/mnt" 's["tasks"]["ended"]') tasks in all"
[ $(($(handovers) - before)) -le 64 ] || fail "entries go to and fro with short requests"
umount_sheaf "$tmp/mnt"
cmp -s "$tmp/image" /dev/zero && fail "nothing was written"

# The end comes while entries are away from home: by an abort of the connection, and by kill -9.
for end in abort kill; do
	mount_sheaf --transport=uring --loops=2 "$tmp/image" "$tmp/mnt"
	in_background load --rw=randrw --bs=1M --iodepth=8 --runtime=30 --time_based
	reader=$background
	some_went() { [ "$(handovers)" -gt 0 ]; }
	wait_until 20 some_went || fail "$end: no hand-over"
	case $end in
	abort) abort_connection "$(connection_at "$tmp/mnt")" ;;
	kill) kill -KILL "$server" ;;
	esac
	wait_until 20 is_gone "$reader" || fail "$end: fio hangs"
	wait_until 20 is_gone "$server" || fail "$end: the server stays"
	timeout 60 "$SHEAF" umount "$tmp/mnt" || fail "$end: the dead mount stays"
done
