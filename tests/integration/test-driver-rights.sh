#!/bin/bash
# SPDX-License-Identifier: MIT
# What a driver may not: by default, and with --driver-sandbox and --driver-user.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

make_image "$tmp/image" 4M

field() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$driver/status"; }

# serve OPTION...: reads and writes, also after a death; sets $driver
serve() {
	mount_sheaf --driver=disk "$@" "$tmp/image" "$tmp/mnt"
	timeout 20 dd if=/dev/zero of="$tmp/mnt/disk" bs=4k count=64 conv=notrunc,fsync 2>/dev/null
	kill -KILL "$(driver_of "$tmp/mnt")"
	wait_until 10 has_restarted "$tmp/mnt" 1 || fail "no restart with $*"
	timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=64 iflag=direct 2>/dev/null
	driver=$(driver_of "$tmp/mnt")
}

serve
[ "$(field NoNewPrivs)" = 1 ] || fail "no_new_privs is not set"
# Its input, its output, its channel; image, region, doorbells, loops: nothing of the server's, and not the mount.
! readlink "/proc/$driver"/fd/* | grep -e fuse -e "$tmp/mnt" || fail "it has the mount open"
[ "$(ps -o sid= -p "$driver" | tr -d ' ')" != "$(ps -o sid= -p "$server" | tr -d ' ')" ] || fail "the session is the server's"
umount_sheaf "$tmp/mnt"
[ "$(id -u)" = 0 ] || exit 0

serve --driver-sandbox=caps
for name in CapInh CapPrm CapEff CapBnd CapAmb; do
	[ "$(field $name)" = 0000000000000000 ] || fail "$name is $(field $name)"
done
! grep -F " $tmp/mnt " "/proc/$driver/mountinfo" || fail "it sees the mount"
umount_sheaf "$tmp/mnt"

serve --driver-user=nobody --driver-sandbox=caps
[ "$(field Uid)" = "$(id -u nobody)" ] || fail "the user is $(field Uid)"
[ "$(field CapBnd)" = 0000000000000000 ] || fail "CapBnd is $(field CapBnd)"
umount_sheaf "$tmp/mnt"

if "$SHEAF" --version | grep -q 'seccomp *yes'; then
	is_sanitized && exit 0 # its run-time does more than a driver
	serve --driver-sandbox=seccomp
	[ "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$driver"/task/*/status | sort -u)" = 2 ] || fail "no filter"
	umount_sheaf "$tmp/mnt"
fi
