#!/bin/bash
# SPDX-License-Identifier: MIT
# statfs: blocks of 4096 bytes, from which a loop device takes its discard granularity, and the size of the disk.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 16M
mount_sheaf "$tmp/image" "$tmp/mnt"
[ "$(stat -f -c '%S %s %b' "$tmp/mnt")" = "4096 4096 4096" ] || fail "$(stat -f -c '%S %s %b' "$tmp/mnt")"
[ "$(stat -c '%o %s' "$tmp/mnt/disk")" = "4096 16777216" ] || fail "$(stat -c '%o %s' "$tmp/mnt/disk")"
