#!/bin/bash
# SPDX-License-Identifier: MIT
# No driver is left behind: by umount, SIGTERM, or kill -9 of the server; and it has its log in the server.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"

make_image "$tmp/image" 4M
for how in umount TERM KILL; do
	mount_sheaf --driver=disk "$tmp/image" "$tmp/mnt"
	driver=$(driver_of "$tmp/mnt")
	[ "$(stat_of "$tmp/mnt" 's["deployment"]')" = process ] || fail "deployment"
	timeout 20 dd if=/dev/zero of="$tmp/mnt/disk" bs=64k count=8 conv=notrunc 2>/dev/null
	if [ $how = umount ]; then
		umount_sheaf "$tmp/mnt"
	else
		kill -$how "$server"
	fi
	wait_until 10 is_gone "$server" || fail "$how: the server stays"
	wait_until 10 is_gone "$driver" || fail "$how: the driver stays"
	[ $how != KILL ] || umount_sheaf "$tmp/mnt"
done

# The last flush is done by a driver that came after a death.
mount_sheaf --driver=disk "$tmp/image" "$tmp/mnt"
timeout 20 dd if=/dev/zero of="$tmp/mnt/disk" bs=64k count=8 conv=notrunc 2>/dev/null
kill -KILL "$(driver_of "$tmp/mnt")"
umount_sheaf "$tmp/mnt"

# In the foreground, what a driver prints is in the server's messages.
cat >"$tmp/loud" <<END
#!/bin/bash
echo "hello from the driver" >&2
exec "$SHEAF" driver disk
END
chmod +x "$tmp/loud"
mkdir -p "$tmp/front"
in_background "$SHEAF" mount -f --driver="$tmp/loud with 'two words'" "$tmp/image" "$tmp/front" 2>"$tmp/log"
wait_until 20 is_mounted "$tmp/front" || fail "not mounted"
umount_sheaf "$tmp/front"
wait_until 10 is_gone "$background" || fail "the server stays"
grep -q "driver: hello from the driver" "$tmp/log" || {
	cat "$tmp/log"
	fail "the driver's message is not in the log"
}
