#!/bin/bash
# SPDX-License-Identifier: MIT
# Memory goes back after a burst, no byte with it; then the mount sleeps as before.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

resident_max_kib=24576

resident_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$server/status"
}

is_small() {
	[ "$(resident_kib)" -lt $resident_max_kib ]
}

threads_ran() {
	awk '/^(voluntary|nonvoluntary)_ctxt/ { n += $2 } END { print n }' /proc/"$server"/task/*/status
	sed 's/.*) //' "/proc/$server/stat" | awk '{ print $12, $13 }'
}

# Somebody else may look at the mount: one quiet second of ten is enough.
stays_quiet() {
	local i before
	for ((i = 0; i < 10; i++)); do
		before=$(threads_ran)
		sleep 1
		[ "$before" != "$(threads_ran)" ] || return 0
	done
	return 1
}

# 32 at a time, 1 MiB and 4 KiB each; every write is read back, and the pauses between two rounds hit the
# moment at which memory goes: one to two seconds after the last request, in steps of milliseconds.
burst() {
	timeout 120 python3 - "$tmp/mnt/disk" "$@" <<'END'
import hashlib, os, random, sys, threading, time
fd = os.open(sys.argv[1], os.O_RDWR)
rounds, size, depth, seed = int(sys.argv[2]), 128 << 20, 32, int(sys.argv[3])
print("seed", seed)
chance, want, failed = random.Random(seed), {}, []

def pattern(offset, length, salt):
    unit = hashlib.sha256(b"%d %d" % (offset, salt)).digest()
    return unit * (length // len(unit))

def write(offset, length, salt):
    if os.pwrite(fd, pattern(offset, length, salt), offset) != length:
        failed.append(("short write", offset))
    want[offset] = (length, salt)

def verify(offset):
    length, salt = want[offset]
    if os.pread(fd, length, offset) != pattern(offset, length, salt):
        failed.append(("wrong bytes", offset, length, salt))

def at_once(call, arguments):
    arguments = list(arguments)
    def take():
        while arguments:
            try:
                call(*arguments.pop())
            except Exception as error:
                failed.append(error)
    threads = [threading.Thread(target=take) for _ in range(depth)]
    [t.start() for t in threads]
    [t.join() for t in threads]

for r in range(rounds):
    length = (1 << 20, 4096)[r % 2]
    base = (r % 2) * size // 2
    at_once(write, [(base + i * length, length, r) for i in range(2 * depth)])
    time.sleep(chance.choice((0, 0.95, 1.0, 1.05, 1.5, 2.0, 2.2)))
    # A write and a read at once, each the first after the pause.
    at_once(verify, [(o,) for o in chance.sample(sorted(want), min(len(want), 2 * depth))])
at_once(verify, [(o,) for o in want])
os.fsync(fd)
sys.exit(str(failed[:5]) if failed else 0)
END
}

folder=$tmp
if [ -w /dev/shm ] && mkdir "/dev/shm/${tmp##*/}"; then
	folder=/dev/shm/${tmp##*/}
	cleanup_fn rm -rf "$folder"
fi
make_image "$tmp/image" 128M
make_image "$folder/image" 128M
check() {
	local image=$1
	shift
	mount_sheaf "$@" "$image" "$tmp/mnt"
	burst 7 $RANDOM || fail "$*: $image"
	if ! is_sanitized; then
		[ "$folder" = "$tmp" ] || echo "$* ${image%/*}: $(resident_kib) KiB after a burst"
		wait_until 40 is_small || fail "$*: $(resident_kib) KiB are resident"
		echo "$* ${image%/*}: $(resident_kib) KiB at rest"
	fi
	sleep 2
	is_sanitized || stays_quiet || fail "$*: the idle server runs"
	umount_sheaf "$tmp/mnt"
}

for transport in $(transports); do
	check "$folder/image" "--transport=$transport" --workers=fused
	check "$tmp/image" "--transport=$transport" --workers=fused
done
check "$folder/image" --workers=2
check "$folder/image" --io=sync
