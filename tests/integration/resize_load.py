#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""resize_load.py FILE FROM BASE STOP: reads and writes from FROM to twice BASE of a disk whose size goes up and down, until STOP exists

The bytes below BASE are always there: all of it works, and what was written is read. Beyond them a write is done as a whole or is ENOSPC,
a read gives what was asked for or less, SEEK_HOLE and fallocate() fail only as a shorter disk makes them. Never EIO.
"""
import errno
import mmap
import os
import random
import sys

BLOCK = 4096
path, first, base, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
fd = os.open(path, os.O_RDWR | os.O_DIRECT)
plain = os.open(path, os.O_RDWR)
buffer = mmap.mmap(-1, 16 * BLOCK)
model = {}
counts = {"ok": 0, "short": 0, "nospace": 0}
rng = random.Random(1)


def expect(what, good, offset):
    if not good:
        sys.exit(f"{what} at {offset}")


def write(offset, length):
    data = rng.randbytes(length)
    odd = offset % BLOCK or length % BLOCK
    view = memoryview(buffer)[:length]
    view[:] = data
    try:
        n = os.pwrite(plain if odd else fd, view, offset)
        expect(f"short write of {n}", n == length, offset)
        counts["ok"] += 1
    except OSError as e:
        expect(f"write of {length}: {e}", e.errno == errno.ENOSPC and offset + length > base, offset)
        counts["nospace"] += 1
        return
    if offset + length <= base and not odd:
        for i in range(0, length, BLOCK):
            model[offset + i] = data[i : i + BLOCK]
    else:
        for i in range(offset // BLOCK * BLOCK, offset + length, BLOCK):
            model.pop(i, None)


def read(offset, length):
    view = memoryview(buffer)[:length]
    n = os.preadv(fd, [view], offset)
    if n == length:
        counts["ok"] += 1
    else:
        expect(f"read of {length} gives {n}", offset + length > base, offset)
        counts["short"] += 1
    for i in range(0, n, BLOCK):
        if offset + i in model:
            expect("other data", view[i : i + BLOCK] == model[offset + i], offset + i)


def others(offset, length):
    try:
        os.lseek(plain, offset, os.SEEK_HOLE)
    except OSError as e:
        expect(f"SEEK_HOLE: {e}", e.errno == errno.ENXIO and offset >= base, offset)
    if offset >= base:
        try:
            os.posix_fallocate(plain, offset, length)
        except OSError as e:
            expect(f"fallocate: {e}", e.errno in (errno.ENOSPC, errno.EINVAL, errno.ENXIO), offset)


while not os.path.exists(stop):
    offset = rng.randrange(first // BLOCK, 2 * base // BLOCK) * BLOCK
    length = rng.randrange(1, 17) * BLOCK
    kind = rng.randrange(8)
    if kind < 3:
        write(offset, length)
    elif kind == 3 and offset >= base:
        write(offset + 100, length - 300)
    elif kind < 7:
        read(offset, length)
    else:
        others(offset, length)
for at, data in model.items():
    expect("lost", os.pread(plain, BLOCK, at) == data, at)
print(counts)
