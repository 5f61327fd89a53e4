#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf top: as text, as JSON and on a terminal; and a mount that goes away, or stops, meanwhile.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 16M
mount_sheaf "$tmp/image" "$tmp/mnt"

# One reader, until the test ends it.
load() {
	exec 2>/dev/null
	while dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=2000 iflag=direct; do :; done
}
in_background load
reader=$background

timeout 60 "$SHEAF" top --batch -n 2 -d 300ms "$tmp/mnt" >"$tmp/text" || fail "top --batch: $?"
cat "$tmp/text"
[ "$(grep -c ' sheaf top ' "$tmp/text")" = 2 ] || fail "not two pages"
grep -Eq '^read +[1-9]' "$tmp/text" || fail "no reads"
grep -q '^errors 0, retries 0, timeouts 0' "$tmp/text" || fail "no errors line"
grep -q "image" "$tmp/text" || fail "no disk"
timeout 60 "$SHEAF" top --json -n 3 -d 200ms "$tmp/mnt" >"$tmp/json" || fail "top --json: $?"
python3 - "$tmp/json" <<'END'
import json, sys

lines = [json.loads(line) for line in open(sys.argv[1])]
if len(lines) != 3:
    sys.exit(f"{len(lines)} lines")
for s in lines:
    read = s["latency"]["read"]
    if not 0.1 < s["seconds"] < 5 or not read["per_second"] > 0:
        sys.exit(f"rates: {s}")
    if not 0 < read["p50_ns"] <= read["p99_ns"] <= read["p999_ns"] <= read["max_ns"]:
        sys.exit(f"latencies: {read}")
    # Tasks and bytes are read one after the other while more come.
    if abs(read["bytes_per_second"] / read["per_second"] - 4096) > 200:
        sys.exit(f"bytes: {read}")
    b = s["request_bundles"]
    if sum(b["by_size"]) != b["count"] or not b["mean"] >= 1:
        sys.exit(f"bundles: {b}")
    # One reader, one request at a time.
    if not 0 < s["mean_depth"] <= 1.05:
        sys.exit(f"depth: {s['mean_depth']}")
END

refused 2 'no terminal|without ncurses' "$SHEAF" top "$tmp/mnt"
refused 2 'count' "$SHEAF" top -n 2 "$tmp/mnt"
refused 1 'nothing of sheaf' "$SHEAF" top --batch "$tmp"
refused 2 'interval' "$SHEAF" top --interval=1ms "$tmp/mnt"

# on_terminal STEP...: sheaf top on a terminal of its own. A step is "see REGEX" (within 20 s), "key KEY", "size ROWSxCOLUMNS",
# "run COMMAND" or "ends STATUS" (within 3 s).
on_terminal() {
	timeout -k 5 120 python3 - "$SHEAF" "$tmp/mnt" "$@" <<'END'
import fcntl, os, pty, re, select, signal, struct, subprocess, sys, termios, time

program, mount = sys.argv[1:3]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", LC_ALL="C")
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    os.execv(program, [program, "top", "-d", "300ms", mount])
seen = ""


def take(seconds):
    """What comes within that time, without the terminal's control sequences; None: it was closed."""
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return ""
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return None
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][0-9A-B]|[=>])", " ", data.decode(errors="replace"))


def end(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        take(0.05)
    return None


def die(text):
    os.kill(pid, signal.SIGKILL)
    sys.exit(f"{text}; seen: {seen[-3000:]!r}")


for step in sys.argv[3:]:
    verb, _, rest = step.partition(" ")
    if verb == "see":
        until = time.monotonic() + 20
        while not re.search(rest, seen):
            # Only what changed is sent, unless all is drawn anew.
            os.write(terminal, b"\f")
            more = take(0.2)
            if more is None or time.monotonic() > until:
                die(f"never seen: {rest}")
            seen += more
    elif verb == "key":
        seen = ""
        os.write(terminal, {"space": b" "}.get(rest, rest.encode()))
    elif verb == "size":
        seen = ""
        rows, columns = map(int, rest.split("x"))
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(pid, signal.SIGWINCH)
    elif verb == "run":
        seen = ""
        subprocess.run(rest, shell=True, check=True, timeout=60, stdin=subprocess.DEVNULL)
    elif verb == "ends":
        status = end(3)
        if status != int(rest):
            die(f"ended with {status}")
END
}

if "$SHEAF" --version | grep -q 'ncurses *yes'; then
	on_terminal "see tasks/s" "see read" "see every 0.3 s" "key +" "see every 0.4 s" "key -" "see every 0.3 s" \
		"key h" "see this help" "key h" "see tasks/s" "key p" "see PAUSED" "key space" "see tasks/s" \
		"size 10x40" "see every" "size 50x120" "see lun" "key q" "ends 0" || fail "keys and sizes"

	# It does not answer: keys still work.
	stop_process "$server"
	on_terminal "see is stopped" "key q" "ends 0" || fail "a stopped server"
	let_go_on "$server"

	end_process "$reader"
	# It goes away, and comes back.
	on_terminal "see tasks/s" "run '$SHEAF' umount '$tmp/mnt'" "see no longer mounted" \
		"run '$SHEAF' mount '$tmp/image' '$tmp/mnt' >/dev/null 2>&1" "run sleep 1" "see every" \
		"key q" "ends 0" || fail "a mount that goes away"
	remember_mount "$tmp/mnt"
else
	end_process "$reader"
fi

# As text it ends then, and says why.
in_background timeout 60 "$SHEAF" top --batch -d 100ms "$tmp/mnt" >"$tmp/last" 2>"$tmp/why"
wait_until 20 grep -q tasks/s "$tmp/last" || fail "no page"
umount_sheaf "$tmp/mnt"
wait_until 20 is_gone "$background" || fail "it goes on without a mount"
grep -q 'no longer mounted' "$tmp/why" || fail "does not say that it is gone: $(cat "$tmp/why")"
