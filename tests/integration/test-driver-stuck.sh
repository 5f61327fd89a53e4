#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver that stops answering: tasks end by their deadline, and another driver serves.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

make_image "$tmp/image" 4M
mount_sheaf --driver=disk --timeout=1s "$tmp/image" "$tmp/mnt"
before=$(driver_of "$tmp/mnt")
kill -STOP "$before"
cleanup_fn let_go_on "$before"
SECONDS=0
timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || true
[ "$SECONDS" -lt 12 ] || fail "a read waited for $SECONDS s"
timeout 60 "$SHEAF" driver restart "$tmp/mnt" || [ "$(driver_of "$tmp/mnt")" != "$before" ] || fail "no other driver"
is_gone "$before" || fail "the stopped driver is still there"
timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=16 iflag=direct 2>/dev/null || fail "the new driver does not serve"
umount_sheaf "$tmp/mnt"

# One that dies at once, again and again: the limit, and an error instead of a wait.
cat >"$tmp/once" <<END
#!/bin/bash
[ ! -e "$tmp/started" ] || exit 3
: >"$tmp/started"
exec "$SHEAF" driver disk
END
chmod +x "$tmp/once"
mount_sheaf --driver="$tmp/once" --driver-restarts=2 "$tmp/image" "$tmp/mnt"
kill -KILL "$(driver_of "$tmp/mnt")"
SECONDS=0
! timeout 30 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || fail "a disk without a driver reads"
[ "$SECONDS" -lt 20 ] || fail "it took $SECONDS s to give up"
[ "$(driver_of "$tmp/mnt")" = None ] || fail "there is a driver"
rm "$tmp/started"
timeout 60 "$SHEAF" driver restart "$tmp/mnt"
timeout 20 dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || fail "the mended driver does not serve"
umount_sheaf "$tmp/mnt"
