#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver dies with a write in flight in a child of its: the write never lands over newer data.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

[ -x "${SHEAF_TEST_DRIVERS:-}/late" ] || skip "tests/drivers/late is not there; SHEAF_TEST_DRIVERS names its folder"

make_image "$tmp/image" 1M
python3 -c 'import sys; sys.stdout.write("A" * 4096)' >"$tmp/old"
python3 -c 'import sys; sys.stdout.write("B" * 4096)' >"$tmp/new"
mount_sheaf --driver="$SHEAF_TEST_DRIVERS/late $tmp/flag" "$tmp/image" "$tmp/mnt"

has_flag() { [ -e "$tmp/flag" ]; }

in_background dd if="$tmp/old" of="$tmp/mnt/disk" bs=4k conv=notrunc oflag=direct
writer=$background
wait_until 10 has_flag || fail "the write did not come to the driver"
kill -KILL "$(driver_of "$tmp/mnt")"
wait "$writer" || fail "the write that was issued again failed"
timeout 20 dd if="$tmp/new" of="$tmp/mnt/disk" bs=4k conv=notrunc oflag=direct
# The child's time comes, and it is not there any more.
sleep 3
head -c 4096 "$tmp/mnt/disk" >"$tmp/is"
same "$tmp/is" "$tmp/new"
[ "$(stat_of "$tmp/mnt" 's["tasks"]["reissued"]')" -ge 1 ] || fail "nothing was issued again"
umount_sheaf "$tmp/mnt"
same <(head -c 4096 "$tmp/image") "$tmp/new"
