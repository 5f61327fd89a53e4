#!/bin/bash
# SPDX-License-Identifier: MIT
# What sheaf resize refuses, and what it says; each leaves disk and image as they were.
# shellcheck source=tests/integration/resize.sh
. "$(dirname "$0")/resize.sh"

stays() {
	has_size "$tmp/mnt" "$1" "$tmp/image"
}

make_image "$tmp/image" 16M
mount_sheaf "$tmp/image" "$tmp/mnt"
refused 2 'multiple of a block' "$SHEAF" resize "$tmp/mnt" 1000
refused 2 'no size' "$SHEAF" resize "$tmp/mnt" big
refused 2 'no size for it' "$SHEAF" resize "$tmp/mnt" 0
refused 2 'no size for it' "$SHEAF" resize --force "$tmp/mnt" -- -16M
refused 1 'force' "$SHEAF" resize "$tmp/mnt" 8M
refused 1 'no mount' "$SHEAF" resize "$tmp" 8M
for line in 'resize' 'resize ' 'resize 1' 'resize 1 0' 'resize 1 0 x' 'resize 1 0 512 more' 'resize 1 0 99999999999999999999999' 'nonsense'; do
	! echo "$line" 2>/dev/null >"$tmp/mnt/.sheaf/control" || fail "'$line' is taken"
done
stays $((16 * M))
umount_sheaf "$tmp/mnt"

# The filesystem of the image forbids.
if [ "$(id -u)" = 0 ]; then
	(
		ulimit -f $((1024 * 1024)) # KiB
		timeout 60 "$SHEAF" mount "$tmp/image" "$tmp/mnt"
	) || fail "mount under a limit"
	mount_at="$tmp/mnt"
	servers[$mount_at]=" $(server_of "$mount_at")"
	refused 1 'no files of that size' "$SHEAF" resize "$tmp/mnt" 2G
	stays $((16 * M))
	resize "$tmp/mnt" 18M
	stays $((18 * M))
	umount_sheaf "$tmp/mnt"
	make_image "$tmp/image" 16M
fi

mount_sheaf -r "$tmp/image" "$tmp/mnt"
refused 1 'read-only' "$SHEAF" resize --force "$tmp/mnt" 32M
stays $((16 * M))
umount_sheaf "$tmp/mnt"

mount_sheaf --sizelimit=8M "$tmp/image" "$tmp/mnt"
refused 1 'sizelimit' "$SHEAF" resize --force "$tmp/mnt" 12M
has_size "$tmp/mnt" $((8 * M))
umount_sheaf "$tmp/mnt"

# From an offset on it is the image's end that moves.
mount_sheaf --offset=4M "$tmp/image" "$tmp/mnt"
head -c 4M /dev/urandom >"$tmp/first"
dd if="$tmp/first" of="$tmp/image" conv=notrunc status=none
resize "$tmp/mnt" 32M
has_size "$tmp/mnt" $((32 * M))
[ "$(stat -c %s "$tmp/image")" = $((36 * M)) ] || fail "the image has not what offset and disk take"
resize --force "$tmp/mnt" 1M
[ "$(stat -c %s "$tmp/image")" = $((5 * M)) ] || fail "the image has not what offset and disk take"
cmp -n $((4 * M)) "$tmp/image" "$tmp/first" || fail "what is before the offset has changed"
umount_sheaf "$tmp/mnt"

# Blocks of 4096.
make_image "$tmp/image" 16M
mount_sheaf --block-size=4096 "$tmp/image" "$tmp/mnt"
refused 2 'multiple of a block' "$SHEAF" resize "$tmp/mnt" 16777728
truncate -s 16777728 "$tmp/image"
refused 1 'multiple of a block' "$SHEAF" resize "$tmp/mnt"
truncate -s 16M "$tmp/image"
umount_sheaf "$tmp/mnt"

# A medium that is not sheaf's.
ramdisk=$(dirname "$SHEAF")/examples/ramdisk
if [ -x "$ramdisk" ]; then
	mount_sheaf --driver="$ramdisk size=16M" "$tmp/mnt"
	refused 1 'medium of its own' "$SHEAF" resize "$tmp/mnt" 32M
	has_size "$tmp/mnt" $((16 * M))
	umount_sheaf "$tmp/mnt"
fi

# A device has the size that it has; grown, the disk follows.
if [ "$(id -u)" = 0 ] && losetup -f >/dev/null 2>&1; then
	make_image "$tmp/behind" 16M
	loop_over "$tmp/behind"
	mount_sheaf "$loop" "$tmp/mnt"
	refused 1 'without a size' "$SHEAF" resize "$tmp/mnt" 32M
	refused 1 'without a size' "$SHEAF" resize --force "$tmp/mnt" 8M
	resize "$tmp/mnt" 16M
	has_size "$tmp/mnt" $((16 * M))
	truncate -s 24M "$tmp/behind"
	losetup --set-capacity "$loop"
	resize "$tmp/mnt"
	has_size "$tmp/mnt" $((24 * M))
	truncate -s 20M "$tmp/behind"
	losetup --set-capacity "$loop"
	refused 1 'force' "$SHEAF" resize "$tmp/mnt"
	resize --force "$tmp/mnt"
	has_size "$tmp/mnt" $((20 * M))
	umount_sheaf "$tmp/mnt"
fi

# Not for strangers.
if [ "$(id -u)" = 0 ]; then
	make_image "$tmp/image" 16M
	mount_sheaf --allow-other=on --mode=0644 "$tmp/image" "$tmp/mnt"
	refused 1 'owner of the mount' "${as_nobody[@]}" "$SHEAF" resize "$tmp/mnt" 32M
	stays $((16 * M))
	umount_sheaf "$tmp/mnt"
fi
