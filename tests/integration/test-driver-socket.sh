#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver that connects to --driver-socket, another one after its death, and nobody else.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

run_driver() { exec timeout 60 "$SHEAF" driver disk --connect="$tmp/socket"; }
has_socket() { [ -S "$tmp/socket" ]; }
connect_driver() {
	wait_until 20 has_socket
	run_driver
}

make_image "$tmp/image" 4M
in_background connect_driver
mount_sheaf --driver-socket="$tmp/socket" "$tmp/image" "$tmp/mnt"
[ "$(stat -c %a "$tmp/socket")" = 600 ] || fail "mode of the socket"
timeout 20 dd if=/dev/zero of="$tmp/mnt/disk" bs=4k count=64 conv=notrunc,fsync 2>/dev/null
refused 1 "connects by itself" "$SHEAF" driver restart --driver=disk "$tmp/mnt"

kill -KILL "$(driver_of "$tmp/mnt")"
in_background run_driver
wait_until 20 has_restarted "$tmp/mnt" 1 || fail "the second driver is not taken"
timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=64 iflag=direct 2>/dev/null || fail "the second driver does not serve"
umount_sheaf "$tmp/mnt"
! has_socket || fail "the socket stays"
