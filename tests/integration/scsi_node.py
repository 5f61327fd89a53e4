# SPDX-License-Identifier: MIT
"""scsi_node.py NODE RULE [ARGUMENT...] - one rule of commands that are written to DIR/.sheaf/sgN (src/fuse/scsi_message.h), as a program
that means no good would meet it.

Exit 0: the rule holds; 1: it does not, with a line that says why.
"""
import errno
import mmap
import os
import struct
import sys
import threading
import time

MAGIC, HEADER, ANSWER, DATA, LONGEST = 0x53435348, 64, 320, 4096, 1 << 20
COMPLETE, FUNCTION_COMPLETE = 2, 4


def request(cdb=(0, 0, 0, 0, 0, 0), data_in=0, data_out=b"", function=0, tag=7, magic=MAGIC, version=1, header=HEADER,
            cdb_length=None, attribute=0, zero=0, said_out=None, timeout=0):
    cdb = bytes(cdb)
    h = struct.pack("=IHHQIIIIBB6s16s8s", magic, version, header, tag, function, timeout,
                    len(data_out) if said_out is None else said_out, data_in,
                    len(cdb) if cdb_length is None else cdb_length, attribute, bytes([zero] * 6), cdb, bytes([zero] * 8))
    return h + (bytes(DATA - HEADER) + data_out if data_out else b"")


class Answer:
    def __init__(self, raw):
        (magic, version, header, self.tag, self.response, self.status, self.bytes, self.residual, self.us,
         sense) = struct.unpack("=IHHQIIIIII", raw[:40])
        expect("the answer's head", (magic, version, header) == (MAGIC, 1, ANSWER))
        expect("its length", len(raw) == ANSWER + self.bytes)
        self.sense, self.data = raw[40:40 + sense], raw[ANSWER:]


def expect(what, is_so):
    if not is_so:
        print(f"not so: {what}", flush=True)
        os._exit(1)


def error_of(call, *args):
    """0 or an errno."""
    try:
        call(*args)
        return 0
    except OSError as e:
        return e.errno


def write(fd, message, offset=0):
    """In whole pages, as the longest ones must be."""
    pages = mmap.mmap(-1, max(len(message), 1))
    pages[:len(message)] = message
    return os.pwrite(fd, memoryview(pages)[:len(message)], offset)


def read(fd, n=LONGEST, offset=0):
    """In whole pages too: the kernel asks for less at a time where the memory begins within one."""
    pages = mmap.mmap(-1, max(n, 1))
    return pages[:os.preadv(fd, [memoryview(pages)[:n]], offset)]


def send(fd, *args, **named):
    message = request(*args, **named)
    expect("all of it was written", write(fd, message) == len(message))
    return Answer(read(fd))


def write10(data, lba=0):
    return [0x2a, 0, *lba.to_bytes(4, "big"), 0, *(len(data) // 512).to_bytes(2, "big"), 0]


def read10(blocks, lba=0):
    return [0x28, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0]


def is_well(fd):
    answer = send(fd, [0x12, 0, 0, 0, 36, 0], 36, tag=99)
    expect("INQUIRY", answer.response == COMPLETE and answer.status == 0 and answer.data[8:13] == b"SHEAF"
           and answer.tag == 99)


def no_attention(fd):
    while send(fd).status == 2:
        pass


def outcome(fd):
    """Status, sense, residual, the longest data both ways, task management."""
    is_well(fd)
    no_attention(fd)
    answer = send(fd, [0x12, 0, 0, 0, 255, 0], 255)
    expect("the residual", answer.residual == 255 - answer.bytes and answer.bytes == 5 + answer.data[4])
    answer = send(fd, read10(1, 2**31), 512)
    expect("sense", answer.status == 2 and answer.sense[2] & 15 == 5 and answer.sense[12] == 0x21)
    expect("nothing came", answer.bytes == 0 and answer.residual == 512)
    longest = (LONGEST - DATA) // 512
    data = os.urandom(longest * 512)
    answer = send(fd, write10(data, 8), data_out=data)
    expect("a long WRITE", answer.status == 0 and answer.residual == 0)
    answer = send(fd, read10(longest, 8), longest * 512)
    expect("the same is read", answer.status == 0 and answer.data == data)
    for function in (4, 5, 1, 2):
        answer = send(fd, [], function=function)
        expect(f"function {function}", answer.response == FUNCTION_COMPLETE)
    expect("who reset it is told", send(fd).sense[2] & 15 == 6)
    no_attention(fd)
    expect("attributes", all(send(fd, attribute=a).response == COMPLETE for a in range(4)))


def hostile(fd):
    """Every field, and lengths that do not agree."""
    short = request()
    for what, message, error in (
            ("nothing", b"x", errno.EINVAL), ("a byte too few", short[:-1], errno.EINVAL),
            ("a byte too many", short + b"\0", errno.EINVAL), ("another magic", request(magic=1), errno.EINVAL),
            ("another version", request(version=2), errno.EPROTONOSUPPORT),
            ("another header", request(header=72), errno.EPROTONOSUPPORT),
            ("no CDB", request([]), errno.EINVAL), ("a CDB of 5", request(bytes(5)), errno.EINVAL),
            ("a CDB of 17", request(bytes(16), cdb_length=17), errno.EINVAL),
            ("a CDB of 255", request(bytes(16), cdb_length=255), errno.EINVAL),
            ("another attribute", request(attribute=4), errno.EINVAL),
            ("reserved bytes", request(zero=1), errno.EINVAL),
            ("another function", request(function=6), errno.EINVAL),
            ("a function with a CDB", request(function=4), errno.EINVAL),
            ("a function with data", request([], function=4, data_in=1), errno.EINVAL),
            ("both ways", request(write10(bytes(512)), 512, bytes(512)), errno.EINVAL),
            ("too much in", request(data_in=LONGEST - DATA + 1), errno.EINVAL),
            ("2^32 - 1 in", request(data_in=2**32 - 1), errno.EINVAL),
            ("2^32 - 1 out", request(said_out=2**32 - 1), errno.EINVAL),
            ("more out than there is", request(write10(bytes(512)), data_out=bytes(512), said_out=513), errno.EINVAL),
            ("less out than there is", request(write10(bytes(512)), data_out=bytes(512), said_out=511), errno.EINVAL),
            ("none out, and there is", request(data_out=bytes(512), said_out=0), errno.EINVAL)):
        r = error_of(write, fd, message)
        expect(f"{what}: {errno.errorcode[error]}, not {errno.errorcode.get(r, r)}", r == error)
        expect(f"{what}: no answer", read(fd) == b"")
    expect("at an offset", error_of(write, fd, short, 1) == errno.EINVAL)
    expect("reading at an offset", error_of(read, fd, LONGEST, 1) == errno.EINVAL)
    expect("2 MiB", error_of(write, fd, request(data_out=bytes(2 * LONGEST))) == errno.EINVAL)
    is_well(fd)


def order(fd):
    """An answer is read before the next command, whole."""
    expect("nothing to read", read(fd) == b"")
    write(fd, request([0x12, 0, 0, 0, 36, 0], 36, tag=1))
    expect("the next too early", error_of(write, fd, request()) == errno.EBUSY)
    for n in (1, ANSWER, ANSWER + 35):
        expect(f"{n} bytes are too few", error_of(read, fd, n) == errno.EMSGSIZE)
    expect("and it is still there", Answer(read(fd, ANSWER + 36)).tag == 1)
    expect("once", read(fd) == b"")
    other = os.open(sys.argv[1], os.O_RDWR)
    write(fd, request(tag=2))
    expect("each file has its own", read(other) == b"")
    is_well(other)
    os.close(other)
    expect("reading needs no more", Answer(read(fd)).tag == 2)
    # Closed with an answer that nobody read, often: the number of files with answers is bounded.
    for _ in range(200):
        other = os.open(sys.argv[1], os.O_RDWR)
        write(other, request())
        os.close(other)
    # And so many at a time.
    many = [os.open(sys.argv[1], os.O_RDWR) for _ in range(100)]
    results = [error_of(write, f, request()) for f in many]
    expect("bounded", results.count(0) in (63, 64) and results.count(errno.EBUSY) == 100 - results.count(0))
    for f in many:
        os.close(f)
    time.sleep(0.2)  # RELEASE is sent later than close() returns
    is_well(fd)


def threads(fd):
    """Many threads on one file: each gets an answer, or is told; nothing is mixed."""
    end = time.monotonic() + 3
    done = []

    def work(me):
        n = 0
        while time.monotonic() < end:
            length = 36 + me
            r = error_of(write, fd, request([0x12, 0, 0, 0, length, 0], length, tag=me))
            expect(f"write: {r}", r in (0, errno.EBUSY))
            try:
                raw = read(fd, LONGEST)
            except OSError as e:
                expect(f"read: {e.errno}", e.errno == errno.EBUSY)
                continue
            if raw:
                answer = Answer(raw)
                expect("an answer that belongs together", answer.bytes == 36 + answer.tag and
                       answer.data[8:13] == b"SHEAF")
                n += 1
        done.append(n)
    all_of_them = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in all_of_them:
        t.start()
    for t in all_of_them:
        t.join()
    expect(f"answers came: {done}", sum(done) > 100)
    read(fd)
    is_well(fd)


def put_in_mapping(fd, message):
    """In a child: a page that cannot be read or written is a signal for it, and as good as any refusal."""
    child = os.fork()
    if child == 0:
        try:
            view = mmap.mmap(fd, mmap.PAGESIZE)
            view[:len(message)] = message
            view.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def mapped(fd):
    """What is written back of a shared mapping comes in root's name; it is no command."""
    data = os.urandom(512)
    no_attention(fd)
    expect("WRITE", send(fd, write10(data, 100), data_out=data).status == 0)
    # WRITE SAME of zeros, which needs no data.
    put_in_mapping(fd, request([0x93, 1, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 1, 0, 0]))
    # The mapping's pages are the caller's own affair; a new file sees nothing of them.
    other = os.open(sys.argv[1], os.O_RDWR)
    expect("nothing was written", send(other, read10(1, 100), 512).data == data)
    os.close(other)


def parallel(fd, go):
    """A command that takes long does not hold another file's: here one whose driver stands still, and a reset."""
    os.write(1, b"ready\n")
    while not os.path.exists(go):
        time.sleep(0.02)
    r = error_of(write, fd, request(read10(8, 64), 4096))
    print(errno.errorcode.get(r, r), flush=True)


def foreign(fd):
    """A file that was passed to another user."""
    data = os.urandom(512)
    no_attention(fd)
    expect("WRITE", send(fd, write10(data, 100), data_out=data).status == 0)
    kept = os.fork()
    if kept:
        expect("the other user", os.waitpid(kept, 0)[1] == 0)
        other = os.open(sys.argv[1], os.O_RDWR)
        expect("nothing was written", send(other, read10(1, 100), 512).data == data)
        return
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    expect("pwrite: EPERM", error_of(write, fd, request()) == errno.EPERM)
    expect("pread: EPERM", error_of(read, fd) == errno.EPERM)
    put_in_mapping(fd, request([0x93, 1, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 1, 0, 0]))


rules = {r.__name__: r for r in (outcome, hostile, order, threads, mapped, parallel, foreign)}
rules[sys.argv[2]](os.open(sys.argv[1], os.O_RDWR), *sys.argv[3:])
