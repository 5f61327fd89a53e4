#!/bin/bash
# SPDX-License-Identifier: MIT
# allow_other as root: auto and on let others in, as far as the mode does; off keeps them out.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_root
requires_program setpriv

random_file "$tmp/image" 1048576
chmod 644 "$tmp/image"
for allow in auto on off; do
	mount_sheaf --allow-other=$allow --mode=0644 "$tmp/image" "$tmp/mnt"
	if [ "$allow" = off ]; then
		! "${as_nobody[@]}" cat "$tmp/mnt/disk" >/dev/null 2>&1 || fail "off: others read"
	else
		"${as_nobody[@]}" cat "$tmp/mnt/disk" | cmp - "$tmp/image" || fail "$allow: others cannot read"
		! "${as_nobody[@]}" dd if=/dev/zero of="$tmp/mnt/disk" bs=512 count=1 conv=notrunc 2>/dev/null ||
			fail "$allow: others write to mode 0644"
	fi
	umount_sheaf "$tmp/mnt"
done
# The default mode is the owner's alone.
mount_sheaf "$tmp/image" "$tmp/mnt"
! "${as_nobody[@]}" cat "$tmp/mnt/disk" >/dev/null 2>&1 || fail "others read mode 0600"
umount_sheaf "$tmp/mnt"
