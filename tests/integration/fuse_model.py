#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random operations on a served disk, compared with a plain byte array; seeded.

usage: fuse_model.py DISK OPERATIONS [SEED]

Reads and writes of any offset and length, vectors, fallocate in the modes that a disk has, SEEK_DATA and
SEEK_HOLE, fsync, mmap. Ends with 0 when every byte was as it had to be.
"""
import mmap
import os
import random
import sys
import ctypes

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
libc = ctypes.CDLL(None, use_errno=True)


def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) < 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))


def check(model, offset, data, what):
    expected = bytes(model[offset:offset + len(data)])
    if data != expected:
        at = next(i for i in range(len(data)) if data[i] != expected[i])
        sys.exit(f"{what}: byte {offset + at} is {data[at]}, expected {expected[at]}")


def pick_range(rng, size):
    longest = rng.choice((1, 16, 600, 4096, 9000, 70000, 1 << 20, 2 << 20))
    length = rng.randint(1, longest)
    offset = rng.randrange(0, size)
    if rng.random() < 0.4:  # whole blocks
        offset &= ~4095
        length = (length + 4095) & ~4095
    return offset, min(length, size - offset)


def step(rng, fd, model, n):
    size = len(model)
    offset, length = pick_range(rng, size)
    kind = rng.choices(("read", "write", "punch", "zero", "alloc", "seek", "sync", "past"),
                       (30, 40, 6, 6, 2, 4, 2, 2))[0]
    what = f"operation {n}: {kind} {offset}+{length}"
    if kind == "read":
        check(model, offset, os.pread(fd, length, offset), what)
    elif kind == "write":
        data = rng.randbytes(length)
        if os.pwrite(fd, data, offset) != length:
            sys.exit(what + ": short")
        model[offset:offset + length] = data
    elif kind == "punch" or kind == "zero":
        mode = KEEP_SIZE | (PUNCH_HOLE if kind == "punch" else ZERO_RANGE)
        fallocate(fd, mode, offset, length)
        model[offset:offset + length] = bytes(length)
    elif kind == "alloc":
        fallocate(fd, KEEP_SIZE, offset, length)
    elif kind == "seek":
        try:
            data = os.lseek(fd, offset, os.SEEK_DATA)
        except OSError:
            data = size
        check(model, offset, bytes(data - offset), what)  # what lies before it is a hole: zeros
        hole = os.lseek(fd, offset, os.SEEK_HOLE)
        if not offset <= hole <= size:
            sys.exit(what + f": hole at {hole}")
    elif kind == "sync":
        os.fsync(fd)
    else:
        room = rng.randrange(0, 100)
        try:
            done = os.pwrite(fd, b"x" * 100, size - room)
            # Through the page cache the kernel sends the part that fits by itself.
            if os.environ.get("SHEAF_CACHE") != "on" or done != room:
                sys.exit(what + ": a write past the end was taken")
            model[size - room:] = b"x" * room
        except OSError as e:
            if e.errno != 28:  # ENOSPC
                sys.exit(what + f": {e}")
        if len(os.pread(fd, 4096, size - 10)) != 10 or os.pread(fd, 10, size):
            sys.exit(what + ": a read past the end is not short")


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    fd = os.open(path, os.O_RDWR)
    size = os.fstat(fd).st_size
    model = bytearray()
    while len(model) < size:
        model += os.pread(fd, 1 << 20, len(model))
    for n in range(count):
        step(rng, fd, model, n)
    with mmap.mmap(fd, size) as m:
        for _ in range(50):
            offset, length = pick_range(rng, size)
            data = rng.randbytes(length)
            m[offset:offset + length] = data
            model[offset:offset + length] = data
        m.flush()
    os.fsync(fd)
    for offset in range(0, size, 1 << 20):
        check(model, offset, os.pread(fd, 1 << 20, offset), "at the end")
    os.close(fd)
    if len(sys.argv) > 4:  # what the disk must be after another mount
        with open(sys.argv[4], "wb") as f:
            f.write(model)


if __name__ == "__main__":
    main()
