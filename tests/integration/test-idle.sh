#!/bin/bash
# SPDX-License-Identifier: MIT
# An idle mount sleeps: no CPU time, no thread wakes up, no system call.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

threads() {
	awk '/^(voluntary|nonvoluntary)_ctxt/ { n += $2 } END { print n }' /proc/"$server"/task/*/status
}

cpu_time() {
	sed 's/.*) //' "/proc/$server/stat" | awk '{ print $12, $13 }'
}

# Somebody else may look at the mount (a desktop's file manager): one quiet second of ten is enough.
stays_quiet() {
	local i before
	for ((i = 0; i < 10; i++)); do
		before="$(threads) $(cpu_time)"
		sleep 1
		[ "$before" != "$(threads) $(cpu_time)" ] || return 0
		echo "$before, then $(threads) $(cpu_time)"
	done
	return 1
}

make_image "$tmp/image" 16M
for options in "--transport=dev --workers=fused" "--workers=fused" "--io=uring --workers=2" "--io=sync --workers=fused" "--io=sync --workers=2"; do
	# shellcheck disable=SC2086
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	dd if=/dev/urandom of="$tmp/mnt/disk" bs=64k conv=notrunc,fsync status=none count=64
	stays_quiet || fail "$options: the idle server runs"
	if [[ $options != --io=sync* ]]; then
		# Two looks one after the other cost a few calls themselves, and a second between them no more.
		enters=$(stat_of "$tmp/mnt" 's["io_uring_enters"]')
		sleep 1
		more=$(($(stat_of "$tmp/mnt" 's["io_uring_enters"]') - enters))
		[ "$more" -lt 100 ] || fail "$options: $more io_uring_enter calls while idle"
	fi
	umount_sheaf "$tmp/mnt"
done
