# SPDX-License-Identifier: MIT
"""sg_io.py NODE RULE [ARGUMENT...] - one rule of ioctl(SG_IO) on DIR/.sheaf/sgN, as a program would meet it.

Exit 0: the rule holds; 1: it does not, with a line that says why.
"""
import ctypes
import errno
import fcntl
import mmap
import os
import sys
import time

SG_IO, NONE, TO_DEV, FROM_DEV = 0x2285, -1, -2, -3
libc = ctypes.CDLL(None, use_errno=True)


class Header(ctypes.Structure):
    """struct sg_io_hdr of <scsi/sg.h>"""
    _fields_ = [("interface_id", ctypes.c_int), ("dxfer_direction", ctypes.c_int),
                ("cmd_len", ctypes.c_ubyte), ("mx_sb_len", ctypes.c_ubyte),
                ("iovec_count", ctypes.c_ushort), ("dxfer_len", ctypes.c_uint),
                ("dxferp", ctypes.c_void_p), ("cmdp", ctypes.c_void_p), ("sbp", ctypes.c_void_p),
                ("timeout", ctypes.c_uint), ("flags", ctypes.c_uint), ("pack_id", ctypes.c_int),
                ("usr_ptr", ctypes.c_void_p), ("status", ctypes.c_ubyte),
                ("masked_status", ctypes.c_ubyte), ("msg_status", ctypes.c_ubyte),
                ("sb_len_wr", ctypes.c_ubyte), ("host_status", ctypes.c_ushort),
                ("driver_status", ctypes.c_ushort), ("resid", ctypes.c_int),
                ("duration", ctypes.c_uint), ("info", ctypes.c_uint)]


def call(fd, number, argument):
    """0 or a positive errno; the argument is an address."""
    ctypes.set_errno(0)
    r = libc.ioctl(fd, ctypes.c_ulong(number), ctypes.c_void_p(argument))
    return r if r >= 0 else ctypes.get_errno()


class Command:
    """One command; all addresses can be spoiled before send()."""

    def __init__(self, cdb, direction=NONE, length=0, address=None, sense_room=64):
        self.cdb = ctypes.create_string_buffer(bytes(cdb), len(cdb))
        self.sense = ctypes.create_string_buffer(b"\xee" * 64, 64)
        self.data = ctypes.create_string_buffer(max(length, 1))
        self.kept = address if isinstance(address, ctypes.Array) else None
        if self.kept is not None:
            address = ctypes.addressof(address)
        self.h = Header(interface_id=ord("S"), dxfer_direction=direction, cmd_len=len(cdb),
                        mx_sb_len=sense_room, dxfer_len=length, timeout=20000,
                        dxferp=address or ctypes.addressof(self.data),
                        cmdp=ctypes.addressof(self.cdb), sbp=ctypes.addressof(self.sense))

    def send(self, fd):
        return call(fd, SG_IO, ctypes.addressof(self.h))


def expect(what, is_so):
    if not is_so:
        sys.exit(f"not so: {what}")


def inquiry(length=36):
    return Command([0x12, 0, 0, length >> 8, length & 255, 0], FROM_DEV, length)


def write10(address=None, blocks=1, lba=0):
    return Command([0x2a, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0], TO_DEV,
                   blocks * 512, address)


def read10(address=None, blocks=1, lba=0):
    return Command([0x28, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0], FROM_DEV,
                   blocks * 512, address)


def hostile(fd):
    """Every pointer and field of the header."""
    for bad in (0x10, 0xffff800000000000, 2**64 - 4096):
        for field in ("cmdp", "dxferp", "sbp"):
            command = read10(lba=2**31) if field == "sbp" else inquiry()
            setattr(command.h, field, bad)
            expect(f"{field} {bad:x}: EFAULT", command.send(fd) == errno.EFAULT)
        expect(f"header {bad:x}: EFAULT", call(fd, SG_IO, bad) == errno.EFAULT)
    libc.mmap.restype = ctypes.c_void_p
    page = libc.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1,
                     ctypes.c_long(0))
    command = inquiry()
    command.h.dxferp = page
    expect("data into a read-only page: EFAULT", command.send(fd) == errno.EFAULT)
    for field, value, error in (("interface_id", ord("Q"), errno.EINVAL),
                                ("dxfer_len", 2**20 + 1, errno.EINVAL),
                                ("dxfer_len", 2**32 - 1, errno.EINVAL),
                                ("iovec_count", 1025, errno.EINVAL),
                                ("flags", 4, errno.EINVAL), ("cmd_len", 0, errno.EMSGSIZE),
                                ("cmd_len", 5, errno.EMSGSIZE), ("cmd_len", 17, errno.EMSGSIZE)):
        command = inquiry()
        setattr(command.h, field, value)
        r = command.send(fd)
        expect(f"{field} {value}: {errno.errorcode[error]}, not {r}", r == error)
    command = inquiry()
    expect("and all is well after that", command.send(fd) == 0 and command.data.raw[8:13] == b"SHEAF")
    expect("unknown ioctl: EINVAL", call(fd, 0x22ff, 0) == errno.EINVAL)


def outcome(fd):
    """status, sense within mx_sb_len, residual."""
    command = Command([0x12, 0, 0, 0, 255, 0], FROM_DEV, 255)
    expect("INQUIRY", command.send(fd) == 0)
    h = command.h
    expect(f"residual {h.resid}", h.resid == 255 - 5 - command.data.raw[4] and h.status == 0 and h.info == 0)
    for room, got in ((64, 18), (8, 8), (0, 0)):
        command = read10(lba=2**31)
        command.h.mx_sb_len = room
        expect("READ past the end", command.send(fd) == 0)
        h = command.h
        expect(f"CHECK CONDITION, not {h.status}", h.status == 2 and h.masked_status == 1)
        expect("driver status and info", h.driver_status == 8 and h.info & 1 and h.host_status == 0)
        expect(f"{h.sb_len_wr} bytes of sense", h.sb_len_wr <= room and (h.sb_len_wr > 0) == (got > 0))
        expect("not a byte more", command.sense.raw[h.sb_len_wr:] == b"\xee" * (64 - h.sb_len_wr))
        expect("residual", h.resid == 512)
    command = inquiry()
    command.h.flags = 0x10000  # SG_FLAG_NO_DXFER
    expect("NO_DXFER", command.send(fd) == 0 and command.data.raw[8:13] == bytes(5))


def scatter(fd):
    """A list of pieces, longer and shorter than the data."""
    pieces = [ctypes.create_string_buffer(n) for n in (100, 1, 411, 100)]
    data = os.urandom(512)
    expect("WRITE", write10(ctypes.create_string_buffer(data, 512)).send(fd) == 0)
    array = (ctypes.c_size_t * 8)(*(x for p in pieces for x in (ctypes.addressof(p), len(p))))
    command = read10(ctypes.addressof(array))
    command.h.iovec_count = 4
    expect("READ into a list", command.send(fd) == 0)
    expect("the bytes", b"".join(p.raw for p in pieces)[:512] == data)
    expect("no more than the length", pieces[3].raw == bytes(100))


def into_mapping(fd, disk):
    """A data pointer into a mapping of the very disk that the command is for."""
    with open(disk, "r+b") as f:
        view = mmap.mmap(f.fileno(), 1 << 20)
        here = ctypes.c_char.from_buffer(view)
        address = ctypes.addressof(here)
        data = os.urandom(4096)
        expect("WRITE", write10(ctypes.create_string_buffer(data, 4096), 8, 0).send(fd) == 0)
        # Pages that are not there yet: reading them goes to this mount, while this mount's command is in flight.
        expect("WRITE from the mapping", write10(address, 8, 1024).send(fd) == 0)
        expect("READ into the mapping", read10(address + 65536, 8, 1024).send(fd) == 0)
        expect("the bytes", view[65536:65536 + 4096] == data)
        del here
        view.flush()
        view.close()


def late(fd):
    """A command that takes longer than the mount's deadline: the ioctl succeeds, and says so."""
    while True:
        ready = Command([0] * 6)
        expect("TEST UNIT READY", ready.send(fd) == 0)
        if ready.h.status == 0:  # no unit attention of a reset before
            break
    command = read10(lba=64)
    r = command.send(fd)
    expect(f"the outcome, not {errno.errorcode.get(r, r)}", r == 0)
    expect(f"a host status, not {command.h.host_status}", command.h.host_status in (3, 7))
    expect("nothing came", command.h.resid == 512)


def aborted(fd, go):
    """A command that ends when its ioctl() was ended by an abort of the connection: what it would tell is nobody's any more."""
    command = read10(blocks=8)
    command.data[:] = b"\x55" * len(command.data)
    command.h.resid = command.h.duration = 4242
    print("sends", flush=True)
    r = command.send(fd)
    expect(f"ECONNABORTED or ENOTCONN, not {r}", r in (errno.ECONNABORTED, errno.ENOTCONN))
    print("over", flush=True)
    while not os.path.exists(go):
        time.sleep(0.05)
    expect("data as it was", command.data.raw == b"\x55" * len(command.data))
    expect("header as it was", command.h.resid == command.h.duration == 4242 and command.h.info == 0)


def stall(fd, disk, go):
    """A data pointer into a mapping of another mount, whose server stands still once @go is there."""
    with open(disk, "r+b") as f:
        view = mmap.mmap(f.fileno(), 1 << 20)
        here = ctypes.c_char.from_buffer(view)
        command = write10(ctypes.addressof(here), 8)
        print("mapped", flush=True)
        while not os.path.exists(go):
            time.sleep(0.05)
        r = command.send(fd)
        print(errno.errorcode.get(r, r), flush=True)
        os._exit(0)


rules = {r.__name__: r for r in (hostile, outcome, scatter, into_mapping, late, aborted, stall)}
rules[sys.argv[2]](os.open(sys.argv[1], os.O_RDWR), *sys.argv[3:])
