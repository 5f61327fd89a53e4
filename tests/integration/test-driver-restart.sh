#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf driver restart, under load: who uses the disk sees no error; a new driver that does not do is left for the old one.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

has_other_driver() { [ "$(driver_of "$tmp/mnt")" != "$1" ]; }

# write_all: the disk, again and again, each pass with bytes of its own
write_all() {
	python3 - "$tmp/mnt/disk" "$tmp/stop" <<'END'
import os, sys
fd, n = os.open(sys.argv[1], os.O_RDWR), 0
while not os.path.exists(sys.argv[2]):
    n += 1
    block = bytes([n % 251]) * 65536
    for at in range(0, 4 << 20, 65536):
        os.pwrite(fd, block, at)
    os.fsync(fd)
    for at in range(0, 4 << 20, 65536):
        if os.pread(fd, 65536, at) != block:
            sys.exit(f"pass {n}: wrong bytes at {at}")
print(n, "passes")
END
}

make_image "$tmp/image" 4M
mount_sheaf --driver=disk "$tmp/image" "$tmp/mnt"
in_background write_all
writer=$background
for driver in "" "--driver=disk"; do
	before=$(driver_of "$tmp/mnt")
	turns=$(stat_of "$tmp/mnt" 's["turns"]')
	timeout 60 "$SHEAF" driver restart ${driver:+"$driver"} "$tmp/mnt"
	has_other_driver "$before" || fail "the driver is the old one"
	is_gone "$before" || fail "the old driver is still there"
	# The loops of all drivers are counted, also of those that are gone.
	[ "$(stat_of "$tmp/mnt" 's["turns"]')" -ge "$turns" ] || fail "the counters went back"
done
refused 1 "did not take over" "$SHEAF" driver restart --driver=/bin/true "$tmp/mnt"
[ "$(stat_of "$tmp/mnt" 's["driver"]["refused"]')" = 1 ] || fail "a refused driver is not counted"
[ "$(restarts_of "$tmp/mnt")" = 3 ] || fail "$(restarts_of "$tmp/mnt") restarts"

# By hand, as who writes to the file; anything else is refused.
echo restart >"$tmp/mnt/.sheaf/control"
wait_until 20 has_restarted "$tmp/mnt" 4 || fail "no restart by .sheaf/control"
! echo nonsense 2>/dev/null >"$tmp/mnt/.sheaf/control" || fail "nonsense was taken"
[ "$(stat -c %a "$tmp/mnt/.sheaf/control")" = 200 ] || fail "mode of .sheaf/control"
: >"$tmp/stop"
wait "$writer" || fail "the writer saw an error"
[ "$(stat_of "$tmp/mnt" 's["tasks"]["errors"]')" = 0 ] || fail "tasks ended with an error"
umount_sheaf "$tmp/mnt"
