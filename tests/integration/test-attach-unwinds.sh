#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf attach of an image without a filesystem fails and leaves nothing: no server, no loop device, no lock.
# shellcheck source=tests/integration/filesystem.sh
. "$(dirname "$0")/filesystem.sh"
requires "sheaf is built without attach" timeout 20 "$SHEAF" attach --help

random_file "$tmp/image" 4194304
cp "$tmp/image" "$tmp/copy"
mkdir "$tmp/fs"
refused 1 "$tmp/(image|fs)" "$SHEAF" attach "$tmp/image" "$tmp/fs"
! is_mounted "$tmp/fs" || fail "something is mounted"
mount_sheaf "$tmp/image" "$tmp/mnt"
umount_sheaf "$tmp/mnt"
refused 1 "$tmp/missing" "$SHEAF" attach "$tmp/missing" "$tmp/fs"
refused 1 "$tmp/nowhere" "$SHEAF" attach --mkfs ext4 "$tmp/image" "$tmp/nowhere"
same "$tmp/image" "$tmp/copy"
refused 1 "$tmp/fs" "$SHEAF" detach "$tmp/fs"
