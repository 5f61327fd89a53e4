#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf why of a mount that is well: nothing waits, and the last tasks are those that were done; the file and the socket say the
# same, and neither talks to others.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

for options in "--workers=fused" "--workers=2 --loops=1" "--single"; do
	make_image "$tmp/image" 4M
	# shellcheck disable=SC2086
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	dd if=/dev/zero of="$tmp/mnt/disk" bs=64k seek=3 count=1 conv=notrunc,fsync status=none
	timeout 20 "$SHEAF" why --json "$tmp/mnt" >"$tmp/by_socket"
	timeout 20 cat "$tmp/mnt/.sheaf/why.json" >"$tmp/by_file"
	python3 - "$tmp/by_socket" "$tmp/by_file" "$server" "$options" <<'END'
import json, sys

server, options = int(sys.argv[3]), sys.argv[4]
for name in sys.argv[1:3]:
    why = json.load(open(name))
    if why["pid"] != server or why["timeout_ms"] != 30000 or why["grace_ms"] != 5000:
        sys.exit(f"{name}: {why['pid']}, {why['timeout_ms']}, {why['grace_ms']}")
    if why["tasks"] or why["management"] is not None or any(why["escalation"].values()):
        sys.exit(f"{name}: an idle mount waits for something")
    slots = why["slots"]
    if slots["total"] != sum(n for owner, n in slots.items() if owner != "total"):
        sys.exit(f"{name}: slots do not add up: {slots}")
    if any(queue["in_flight"] or queue["stands_still_ns"] > 10**9 for queue in why["queues"]):
        sys.exit(f"{name}: {why['queues']}")
    done = [task for lane in why["lanes"] for task in lane["last"]]
    writes = [t for t in done if t["command"] == "WRITE (16)" and t["lba"] == 384 and t["blocks"] == 128]
    if len(writes) != 1 or writes[0]["transferred"] != 65536 or writes[0]["bytes"] != 65536 or writes[0]["status"]:
        sys.exit(f"{name}: the write: {writes}")
    if not any(t["command"].startswith("SYNCHRONIZE CACHE") for t in done):
        sys.exit(f"{name}: no flush")
    if any(lane["worker"] is None for lane in why["lanes"]) == ("workers=2" in options):
        sys.exit(f"{name}: {[lane['worker'] for lane in why['lanes']]}")
END
	timeout 20 "$SHEAF" why --last=3 "$tmp/mnt" >"$tmp/text"
	grep -q '^in flight     nothing$' "$tmp/text" || fail "not idle: $(cat "$tmp/text")"
	grep -q 'SYNCHRONIZE CACHE' "$tmp/text" || fail "the last tasks are missing: $(cat "$tmp/text")"
	[ "$(timeout 20 "$SHEAF" why --last=0 "$tmp/mnt" | grep -c '^last')" = 0 ] || fail "--last=0 shows some"
	if [ "$(id -u)" = 0 ]; then
		refused 1 "" "${as_nobody[@]}" "$SHEAF" why "$tmp/mnt"
		! "${as_nobody[@]}" python3 - "$(connection_at "$tmp/mnt")" <<'END' || fail "the socket talks to anybody"
import socket, sys

with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(10)
    s.connect(f"\0sheaf-mount-{sys.argv[1]}")
    try:
        s.sendall(b"why.json\n")
        sys.exit(0 if s.recv(1) else 1)
    except ConnectionError:
        sys.exit(1)
END
	fi
	umount_sheaf "$tmp/mnt"
done
refused 1 "nothing of sheaf" "$SHEAF" why "$tmp"
refused 2 "last" "$SHEAF" why --last=257 "$tmp"
