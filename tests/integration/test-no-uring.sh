#!/bin/bash
# SPDX-License-Identifier: MIT
# Where io_uring is forbidden: one line of warning, the reason in stats.json, and it serves; --io=uring then fails.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

export SHEAF_TEST_NO_URING=1
random_file "$tmp/image" 1048576
mount_sheaf "$tmp/image" "$tmp/mnt" 2>"$tmp/said"
cat "$tmp/said"
[ "$(grep -c io_uring "$tmp/said")" = 1 ] || fail "not one line of warning"
[ "$(stat_of "$tmp/mnt" 's["io"]')" = sync ] || fail "not on synchronous calls"
stat_of "$tmp/mnt" 's["io_reason"]' | grep -q io_uring || fail "no reason in stats.json"
same "$tmp/mnt/disk" "$tmp/image"
umount_sheaf "$tmp/mnt"
refused 1 "io_uring" "$SHEAF" mount --io=uring "$tmp/image" "$tmp/mnt"
! is_mounted "$tmp/mnt" || fail "mounted all the same"
