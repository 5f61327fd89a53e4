#!/bin/bash
# SPDX-License-Identifier: MIT
# The connection is aborted while a driver has a command of SG_IO: the ioctl ends at once, and when the command ends later nothing
# is written into the memory of who sent it, who may use it for something else by then.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"
requires_root

said() {
	grep -qx "$1" "$tmp/said"
}

make_image "$tmp/img" 16M
for transport in $(transports); do
	rm -f "$tmp/go"
	mount_sheaf --transport="$transport" --driver=disk "$tmp/img" "$tmp/mnt"
	driver=$(driver_of "$tmp/mnt")
	stop_process "$driver"
	in_background timeout 60 python3 "$here/sg_io.py" "$tmp/mnt/.sheaf/sg0" aborted "$tmp/go" >"$tmp/said" 2>&1
	wait_until 20 said sends || fail "$transport: $(cat "$tmp/said")"
	is_out() {
		timeout 20 "$SHEAF" why "$tmp/mnt" | grep -qF "READ (10)"
	}
	wait_until 20 is_out || fail "$transport: the driver has no command"
	abort_connection "${connections[$tmp/mnt]}"
	wait_until 20 said over || fail "$transport: $(cat "$tmp/said")"
	umount -l "$tmp/mnt"
	let_go_on "$driver"
	# It serves until the command is over, and with it what would be written.
	wait_until 30 is_gone "$server" || fail "$transport: the server stays"
	: >"$tmp/go"
	wait "$background" || fail "$transport: $(cat "$tmp/said")"
	echo "$transport: ok"
done
