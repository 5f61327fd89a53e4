#!/bin/bash
# SPDX-License-Identifier: MIT
# Options as --x=V and as -o x=V; mount(8)'s and fstab's own are taken quietly; a range of the image; owner and mode.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

random_file "$tmp/image" 4194304
mount_sheaf -o rw,_netdev,nofail,noauto,user,x-systemd.automount,noatime,defaults "$tmp/image" "$tmp/mnt" 2>"$tmp/said"
[ ! -s "$tmp/said" ] || fail "fstab's options are not taken quietly: $(cat "$tmp/said")"
umount_sheaf "$tmp/mnt"

mount_sheaf -o io=sync,workers=2,block_size=4096 --slots=8 "$tmp/image" "$tmp/mnt"
[ "$(stat_of "$tmp/mnt" '[s["io"], s["deployment"], s["slots"], s["lus"][0]["block_size"]]')" = \
	"['sync', 'pool', 8, 4096]" ] || fail "options have no effect"
umount_sheaf "$tmp/mnt"

mount_sheaf --offset=1048576 -o sizelimit=1M "$tmp/image" "$tmp/mnt"
cmp "$tmp/mnt/disk" <(tail -c +1048577 "$tmp/image" | head -c 1048576) || fail "offset, sizelimit: wrong bytes"
dd if=/dev/zero of="$tmp/mnt/disk" bs=64k count=16 conv=notrunc status=none
umount_sheaf "$tmp/mnt"
cmp -n 1048576 -i 1048576:0 "$tmp/image" /dev/zero

mount_sheaf -o mode=640 "$tmp/image" "$tmp/mnt"
[ "$(stat -c %a "$tmp/mnt/disk")" = 640 ] || fail "mode"
umount_sheaf "$tmp/mnt"
[ "$(id -u)" = 0 ] || exit 0
mount_sheaf --uid=65534 --gid=65533 --mode=0600 "$tmp/image" "$tmp/mnt"
[ "$(stat -c '%u %g %a' "$tmp/mnt/disk")" = "65534 65533 600" ] || fail "uid, gid, mode"
"${as_nobody[@]}" head -c 4096 "$tmp/mnt/disk" | cmp -n 4096 - "$tmp/image"
umount_sheaf "$tmp/mnt"
