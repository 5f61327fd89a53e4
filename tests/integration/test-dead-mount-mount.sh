#!/bin/bash
# SPDX-License-Identifier: MIT
# A mount whose server was killed is cleared by the next sheaf mount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/image" 1048576
mount_sheaf "$tmp/image" "$tmp/mnt"
kill -KILL "$server"
wait_until 10 is_gone "$server"
mount_sheaf "$tmp/image" "$tmp/mnt"
same "$tmp/mnt/disk" "$tmp/image"
[ "$(grep -c " $tmp/mnt " /proc/self/mountinfo)" = 1 ] || fail "the dead mount is under the new one"
umount_sheaf "$tmp/mnt"
