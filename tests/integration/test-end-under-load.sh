#!/bin/bash
# SPDX-License-Identifier: MIT
# A second signal in the middle of writes: all that was acknowledged is in the image, the last flush works though every slot is in
# use, writers get an error and do not hang, and the server ends with 0.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

# Eight writers at a time; each prints the first block that is its own and the last that was acknowledged.
cat >"$tmp/write.py" <<'EOF'
import mmap, os, struct, sys, threading

THREADS, BLOCK = 8, 4096
fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
blocks = os.fstat(fd).st_size // BLOCK // THREADS

def write(w):
    page, last = mmap.mmap(-1, BLOCK), -1
    try:
        for i in range(blocks):
            page[:] = struct.pack("<II", w, i + 1) * (BLOCK // 8)
            if os.pwritev(fd, [page], (w * blocks + i) * BLOCK) != BLOCK:
                break
            last = i
    except OSError as error:
        os.write(2, f"{error}\n".encode())
    os.write(1, f"last {w * blocks} {last}\n".encode()) # print() mixes the lines of threads

threads = [threading.Thread(target=write, args=(w,)) for w in range(THREADS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
EOF
cat >"$tmp/check.py" <<'EOF'
import struct, sys

BLOCK = 4096
lasts = sorted(tuple(map(int, l.split()[1:])) for l in open(sys.argv[2]) if l.startswith("last"))
assert len(lasts) == 8, lasts
with open(sys.argv[1], "rb") as image:
    for w, (first, last) in enumerate(lasts):
        image.seek(first * BLOCK)
        for i in range(last + 1):
            assert image.read(BLOCK) == struct.pack("<II", w, i + 1) * (BLOCK // 8), (w, i)
print("acknowledged:", sum(last + 1 for _, last in lasts))
EOF

is_unmounted() { ! is_mounted "$tmp/mnt"; }
many_tasks() { [ "$(stat_of "$tmp/mnt" 's["tasks"]["ended"]')" -gt 500 ]; }

# end_under_load OPTION...
end_under_load() {
	local writer status=0
	rm -f "$tmp/image"
	make_image "$tmp/image" 1G
	mkdir -p "$tmp/mnt"
	in_background "$SHEAF" mount -f "$@" "$tmp/image" "$tmp/mnt" 2>"$tmp/says"
	server=$background
	wait_until 10 test -e "$tmp/mnt/disk" || fail "$*: not mounted"
	remember_mount "$tmp/mnt"
	in_background timeout 60 python3 "$tmp/write.py" "$tmp/mnt/disk" >"$tmp/acknowledged"
	writer=$background
	wait_until 20 many_tasks || fail "$*: no writes"
	kill -TERM "$server"
	wait_until 10 is_unmounted || fail "$*: still mounted"
	kill -TERM "$server"
	wait_until 10 is_gone "$server" || fail "$*: the second signal does not end it"
	wait_until 10 is_gone "$writer" || fail "$*: writers hang"
	wait "$server" || status=$?
	[ $status = 0 ] || fail "$*: ended with $status: $(cat "$tmp/says")"
	timeout 60 python3 "$tmp/check.py" "$tmp/image" "$tmp/acknowledged" || fail "$*: what was acknowledged is not in the image"
}

cleanup_fn end_mount "$tmp/mnt"
servers[$tmp/mnt]=
for transport in $(transports); do
	end_under_load --transport="$transport"
done
end_under_load --transport=dev --slots=2
end_under_load --transport=dev --workers=1 --slots=4
end_under_load --io=sync --slots=2
