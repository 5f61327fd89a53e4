#!/bin/bash
# SPDX-License-Identifier: MIT
# mmap: a shared mapping's stores reach the image, a private one's do not, and reads see writes.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

kernel_at_least() { [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]; }

for cache in off on; do
	[ $cache = on ] || kernel_at_least 6.6 || continue # shared mappings of direct files
	random_file "$tmp/image" 4194304
	cp "$tmp/image" "$tmp/copy"
	mount_sheaf --cache=$cache "$tmp/image" "$tmp/mnt"
	timeout 60 python3 - "$tmp/mnt/disk" "$tmp/copy" <<'END'
import mmap, os, random, sys

rng = random.Random(1)
size = 4 << 20
fd = os.open(sys.argv[1], os.O_RDWR)
model = bytearray(open(sys.argv[2], "rb").read())
with mmap.mmap(fd, size) as m:
    if m[:] != model:
        sys.exit("a mapping reads wrong")
    for _ in range(200):
        at, data = rng.randrange(size - 10000), rng.randbytes(rng.randrange(1, 10000))
        m[at:at + len(data)] = data
        model[at:at + len(data)] = data
    m.flush()
    if os.pread(fd, 1 << 20, 12345) != model[12345:12345 + (1 << 20)]:
        sys.exit("read does not see what msync wrote")
with mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE) as m:
    m[0:4096] = bytes(4096)
if os.pread(fd, 4096, 0) != model[:4096]:
    sys.exit("a private mapping's store got out")
os.pwrite(fd, b"written" * 100, 777)
model[777:1477] = b"written" * 100
with mmap.mmap(fd, size, prot=mmap.PROT_READ) as m:
    if m[:] != model:
        sys.exit("a new mapping does not see what was written")
open(sys.argv[2], "wb").write(model)
END
	umount_sheaf "$tmp/mnt"
	same "$tmp/image" "$tmp/copy"
done
