#!/bin/bash
# SPDX-License-Identifier: MIT
# A mount whose server was killed is cleared by sheaf umount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 1M
mount_sheaf "$tmp/image" "$tmp/mnt"
kill -KILL "$server"
wait_until 10 is_gone "$server"
is_mounted "$tmp/mnt" || fail "the dead mount went by itself"
umount_sheaf "$tmp/mnt"
! is_mounted "$tmp/mnt" || fail "the dead mount is still there"
mount_sheaf "$tmp/image" "$tmp/mnt"
umount_sheaf "$tmp/mnt"
