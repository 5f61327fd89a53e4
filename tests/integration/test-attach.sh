#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf attach and detach: from an image to a mounted filesystem and back, in one command each.
# shellcheck source=tests/integration/filesystem.sh
. "$(dirname "$0")/filesystem.sh"
requires_program mkfs.ext4
requires "sheaf is built without attach" timeout 20 "$SHEAF" attach --help

detach_if_mounted() {
	! is_mounted "$1" || timeout 60 "$SHEAF" detach "$1" || umount -l "$1"
}

loops_over_us() {
	losetup -l -n -O BACK-FILE | grep -c "$(basename "$tmp")" || true
}

timeout 20 "$SHEAF" create --size 300M "$tmp/image"
mkdir "$tmp/fs"
cleanup_fn detach_if_mounted "$tmp/fs"
timeout 120 "$SHEAF" attach --mkfs ext4 "$tmp/image" "$tmp/fs"
is_mounted "$tmp/fs" || fail "nothing is mounted"
[ "$(stat -f -c %T "$tmp/fs")" = ext2/ext3 ] || fail "not ext4"
cp -a "$tree/linux" "$tmp/fs/tree"
timeout 60 "$SHEAF" detach "$tmp/fs"
! is_mounted "$tmp/fs" || fail "still mounted"
e2fsck -fn "$tmp/image" || fail "the filesystem has errors"

timeout 120 "$SHEAF" attach -t ext4 "$tmp/image" "$tmp/fs"
diff <(checksums "$tree/linux") <(checksums "$tmp/fs/tree") || fail "checksums differ"
# In use: refused, and nothing is lost.
sleep 100 7<"$tmp/fs/tree" &
holder=$!
cleanup_fn end_process "$holder"
holds() { [ -e "/proc/$holder/fd/7" ]; }
wait_until 10 holds
refused 1 "$tmp/fs" "$SHEAF" detach "$tmp/fs"
diff <(checksums "$tree/linux") <(checksums "$tmp/fs/tree") || fail "a refused detach hurt"
end_process "$holder"
timeout 60 "$SHEAF" detach "$tmp/fs"
mount_sheaf "$tmp/image" "$tmp/mnt" || fail "the image is still served"
umount_sheaf "$tmp/mnt"
