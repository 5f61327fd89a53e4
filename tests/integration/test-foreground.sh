#!/bin/bash
# SPDX-License-Identifier: MIT
# -f: the server is the process that was started; it ends with 0 after the unmount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 1M
mkdir "$tmp/mnt"
cleanup_fn end_mount "$tmp/mnt"
servers[$tmp/mnt]=
in_background "$SHEAF" mount -f "$tmp/image" "$tmp/mnt"
wait_until 10 test -e "$tmp/mnt/disk" || fail "not mounted"
remember_mount "$tmp/mnt"
[ "$(server_of "$tmp/mnt")" = "$background" ] || fail "another process serves"
umount_sheaf "$tmp/mnt"
wait "$background" || fail "ended with $?"
