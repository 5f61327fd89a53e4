#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf umount of a busy mount fails and names who holds it; the mount goes on.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/image" 1048576
mount_sheaf "$tmp/image" "$tmp/mnt"
sleep 100 7<"$tmp/mnt/disk" &
holder=$!
cleanup_fn end_process "$holder"
holds() { [ -e "/proc/$holder/fd/7" ] && [ "$(cat "/proc/$holder/comm")" = sleep ]; }
wait_until 10 holds
refused 1 "$holder.*sleep|sleep.*$holder" "$SHEAF" umount "$tmp/mnt"
is_alive "$server" || fail "the server went"
cmp "$tmp/mnt/disk" "$tmp/image"
end_process "$holder"
umount_sheaf "$tmp/mnt"
is_gone "$server" || fail "the server stays"
