#!/bin/bash
# SPDX-License-Identifier: MIT
# Only the owner of the mount and root may send commands by .sheaf/sg0: others have no access, and a descriptor that they
# were given is of no use to them.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_root
requires_program setpriv

make_image "$tmp/img" 1M
mount_sheaf --allow-other=on --mode=0666 "$tmp/img" "$tmp/mnt"
node=$tmp/mnt/.sheaf/sg0
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
"${as_nobody[@]}" cat "$tmp/mnt/disk" >/dev/null || fail "the disk is for all"
# shellcheck disable=SC2016 # the other shell's
if "${as_nobody[@]}" bash -c 'exec 9<"$1"' - "$node" 2>/dev/null; then
	fail "nobody opened the node"
fi
python3 -c '
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
value = ctypes.c_int(-1)
for number in (0x2285, 0x2282):
    r = libc.ioctl(9, ctypes.c_ulong(number), ctypes.byref(value))
    assert r < 0 and ctypes.get_errno() == errno.EPERM, (number, r, ctypes.get_errno())
assert value.value == -1
' 9<>"$node" || fail "a descriptor that was passed on"
python3 "$here/sg_io.py" "$node" outcome || fail "root"
umount_sheaf "$tmp/mnt"
