#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf umount of a stopped server does not hang: it says so and how to go on, and --force ends the mount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

# sheaf mounts fusectl where that was not done; leave the machine as it was.
control=/sys/fs/fuse/connections
[ "$(id -u)" != 0 ] || is_mounted $control || cleanup_fn umount_if_mounted $control

make_image "$tmp/image" 1M
mount_sheaf "$tmp/image" "$tmp/mnt"
stop_process "$server"
refused 1 "$server.*stopped" "$SHEAF" umount "$tmp/mnt"
is_mounted "$tmp/mnt" || fail "unmounted all the same"
timeout 60 "$SHEAF" umount --force "$tmp/mnt" || fail "--force ends with $?"
! is_mounted "$tmp/mnt" || fail "--force left the mount"
is_gone "$server" || fail "--force left the server"
mount_sheaf "$tmp/image" "$tmp/mnt"
umount_sheaf "$tmp/mnt"
