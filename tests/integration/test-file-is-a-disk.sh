#!/bin/bash
# SPDX-License-Identifier: MIT
# The exposed file keeps its size and its name: truncate, extend, unlink, rename, O_TRUNC, O_APPEND, writes past its end.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/image" 1048576
cp "$tmp/image" "$tmp/copy"
for cache in off on; do
	mount_sheaf --cache=$cache "$tmp/image" "$tmp/mnt"
	timeout 60 python3 - "$tmp/mnt" "$cache" <<'END'
import errno, os, sys

root, cache = sys.argv[1], sys.argv[2]
disk = root + "/disk"
size = 1 << 20


def refused(what, wanted, call, *args):
    try:
        call(*args)
    except OSError as e:
        if e.errno in wanted:
            return
        sys.exit(f"{what}: {e}")
    sys.exit(f"{what}: was done")


def names():
    return sorted(os.listdir(root))


refused("truncate", {errno.EPERM, errno.EINVAL}, os.truncate, disk, 4096)
refused("extend", {errno.EPERM, errno.EINVAL, errno.EFBIG}, os.truncate, disk, size + 4096)
os.truncate(disk, size)
fd = os.open(disk, os.O_RDWR)
refused("ftruncate to 0", {errno.EPERM, errno.EINVAL}, os.ftruncate, fd, 0)
refused("allocate more", {errno.ENOSPC}, os.posix_fallocate, fd, size, 4096)
refused("write at the end", {errno.ENOSPC}, os.pwrite, fd, b"x", size)
refused("write far behind the end", {errno.ENOSPC, errno.EFBIG}, os.pwrite, fd, b"x", size * 100)
if cache == "off":
    refused("write over the end", {errno.ENOSPC}, os.pwrite, fd, b"x" * 8192, size - 4096)
assert len(os.pread(fd, 8192, size - 4096)) == 4096, "a read over the end is not short"
assert os.pread(fd, 10, size) == b"", "a read behind the end has bytes"
os.close(fd)
fd = os.open(disk, os.O_WRONLY | os.O_TRUNC)
assert os.fstat(fd).st_size == size, "O_TRUNC changed the size"
os.close(fd)
fd = os.open(disk, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
os.close(fd)
fd = os.open(disk, os.O_WRONLY | os.O_APPEND)
refused("append", {errno.ENOSPC}, os.write, fd, b"x")
os.close(fd)
refused("unlink", {errno.EPERM}, os.unlink, disk)
refused("rename", {errno.EPERM}, os.rename, disk, root + "/other")
refused("create", {errno.EPERM, errno.EACCES, errno.ENOSYS}, os.open, root + "/new", os.O_RDWR | os.O_CREAT)
refused("mkdir", {errno.EPERM, errno.EACCES}, os.mkdir, root + "/new")
refused("rmdir", {errno.EPERM}, os.rmdir, root + "/.sheaf")
refused("link", {errno.EPERM, errno.ENOSYS}, os.link, disk, root + "/link")
refused("symlink", {errno.EPERM, errno.ENOSYS}, os.symlink, disk, root + "/link")
refused("chmod", {errno.EPERM}, os.chmod, disk, 0o777)
refused("write to stats.json", {errno.EACCES, errno.EPERM, errno.EROFS}, os.open, root + "/.sheaf/stats.json", os.O_WRONLY)
os.utime(disk, (1000, 2000))
assert os.stat(disk).st_mtime == 2000, "times cannot be set"
assert names() == [".sheaf", "disk"], names()
assert os.stat(disk).st_size == size
END
	cmp "$tmp/mnt/disk" "$tmp/copy" || fail "cache=$cache: the content changed"
	umount_sheaf "$tmp/mnt"
	same "$tmp/image" "$tmp/copy"
done
