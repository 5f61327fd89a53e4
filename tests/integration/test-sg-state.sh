#!/bin/bash
# SPDX-License-Identifier: MIT
# The unit's state as a mount shows it: a stopped unit fails reads until it is started, and can be unmounted; a sanitize goes on after its
# command, without the mount's reads; one that is cut off, by umount or by the server's death, leaves an image that says so.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program sg_start sg_turs sg_raw sg_requests

read_block() {
	timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=1 iflag=direct status=none 2>/dev/null
}

is_ready() {
	timeout 20 sg_turs "$node" >/dev/null 2>&1
}

reads_again() {
	is_ready && read_block
}

mark() {
	python3 -c 'import os, sys
try:
	print(os.getxattr(sys.argv[1], "user.sheaf.unfinished").decode())
except OSError:
	print("none")' "$tmp/img"
}

# sanitize AND_MORE_BITS: OVERWRITE, 31 times, with IMMED: long enough to be seen
sanitize() {
	printf '\x1f\0\0\1\x5a' >"$tmp/list"
	timeout 20 sg_raw -s 5 -i "$tmp/list" "$node" 48 "$1" 00 00 00 00 00 00 05 00 >/dev/null 2>&1 || fail "sanitize is refused"
}

block_erase() {
	timeout 60 sg_raw "$node" 48 02 00 00 00 00 00 00 00 00 >/dev/null 2>&1
}

make_image "$tmp/img" 64M
for options in --transport=auto --workers=1; do
	mount_sheaf "$options" "$tmp/img" "$tmp/mnt"
	node=$tmp/mnt/.sheaf/sg0
	timeout 20 sg_start --stop "$node" || fail "stop"
	! is_ready || fail "a stopped unit is ready"
	! read_block || fail "a stopped unit is read"
	timeout 20 sg_start --start "$node" || fail "start"
	reads_again || fail "a unit that was started again does not read"
	timeout 20 sg_start --stop "$node" || fail "stop"
	umount_sheaf "$tmp/mnt" || fail "a stopped unit is not unmounted"
done

mount_sheaf "$tmp/img" "$tmp/mnt"
node=$tmp/mnt/.sheaf/sg0
reads_again || fail "the next mount begins stopped"
sanitize 81
! is_ready || fail "a unit is ready while it is sanitized"
timeout 20 sg_requests --progress "$node" >"$tmp/progress" 2>&1 || true
grep -qi progress "$tmp/progress" || fail "no progress is told: $(cat "$tmp/progress")"
! read_block || fail "a unit is read while it is sanitized"
wait_until 60 is_ready || fail "the sanitize does not end"
read_block || fail "it does not read afterwards"
[ "$(mark)" = none ] || fail "a mark is left: $(mark)"
[ "$(timeout 20 od -An -tx1 -N1 "$tmp/mnt/disk" | tr -d ' ')" = 5a ] || fail "the file is not what was written"

# Cut off.
if ! python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.sheaf.test", b"x")' "$tmp" 2>/dev/null; then
	echo "no extended attributes here: what is cut off is not looked at"
	umount_sheaf "$tmp/mnt"
	exit 0
fi
sanitize 81
kill -KILL "$server"
wait_until 10 is_gone "$server" || fail "the server does not die"
umount_plainly "$tmp/mnt" || umount -l "$tmp/mnt"
[ "$(mark)" = sanitize ] || fail "the image has no mark: $(mark)"
mount_sheaf "$tmp/img" "$tmp/mnt"
! is_ready || fail "a sanitize that was cut off looks finished"
! read_block || fail "blocks of a sanitize that was cut off are read"
block_erase || fail "it cannot be sanitized again"
reads_again || fail "it is not ready after that"
[ "$(mark)" = none ] || fail "a mark is left: $(mark)"
# AUSE: it may be left as it is.
sanitize a1
umount_sheaf "$tmp/mnt" || echo "umount says that it could not flush, which is so"
[ "$(mark)" = sanitize-unrestricted ] || fail "the image has no mark after umount: $(mark)"
mount_sheaf "$tmp/img" "$tmp/mnt"
! is_ready || fail "a sanitize that umount cut off looks finished"
timeout 20 sg_raw "$node" 48 1f 00 00 00 00 00 00 00 00 >/dev/null 2>&1 || fail "EXIT FAILURE MODE"
reads_again || fail "it is not ready after EXIT FAILURE MODE"
[ "$(mark)" = none ] || fail "a mark is left: $(mark)"
umount_sheaf "$tmp/mnt"
