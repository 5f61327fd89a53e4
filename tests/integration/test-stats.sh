#!/bin/bash
# SPDX-License-Identifier: MIT
# stats.json is valid, has every name that is promised, and counts what was done.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 4M
for options in "--io=uring --workers=fused" "--io=sync --workers=2" "--single"; do
	# shellcheck disable=SC2086
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	timeout 20 "$SHEAF" stats --json "$tmp/mnt" >"$tmp/before"
	dd if=/dev/urandom of="$tmp/mnt/disk" bs=4k count=100 oflag=direct conv=notrunc,fsync status=none
	dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=50 iflag=direct status=none
	fallocate -p -o 1M -l 1M "$tmp/mnt/disk"
	timeout 20 "$SHEAF" stats --json "$tmp/mnt" >"$tmp/after"
	timeout 20 "$SHEAF" stats "$tmp/mnt" >"$tmp/text"
	python3 - "$tmp/before" "$tmp/after" "$options" "$server" "$tmp/image" <<'END'
import json, sys

before, after = (json.load(open(name)) for name in sys.argv[1:3])
options, server, image = sys.argv[3:6]
names = """version pid uptime_seconds transport transport_reason io io_reason deployment mode driver slots lanes tasks
    request_bundles completion_bundles doorbells io_uring_enters system_calls inline_completions violations lus
    clock_ns turns sleeps latency queues escalation"""
inner = {
    "driver": "name pid restarts last_restart_ms",
    "tasks": "started ended in_flight errors timeouts aborted reissued retries quarantined late",
    "escalation": "aborts lu_resets driver_restarts failed",
    "request_bundles": "count tasks mean by_size",
    "completion_bundles": "count tasks mean by_size",
}
lu = "lun image block_size blocks read_only reads writes read_bytes written_bytes flushes unmaps"
missing = [n for n in names.split() if n not in after]
missing += [f"{o}.{n}" for o in inner for n in inner[o].split() if n not in after[o]]
command = "count errors bytes total_ns mean_ns p50_ns p90_ns p99_ns p999_ns max_ns buckets"
kinds = "read write flush unmap write_same compare_and_write get_lba_status other"
missing += [f"latency.{k}.{n}" for k in kinds.split() for n in command.split() if n not in after["latency"].get(k, {})]
queue = "index slots tasks request_bundles completion_bundles latency lanes"
missing += [f"queues.{n}" for n in queue.split() if n not in after["queues"][0]]
missing += [f"lus.{n}" for n in lu.split() if n not in after["lus"][0]]
if missing:
    sys.exit(f"missing: {missing}")


def check(what, have, wanted):
    if have != wanted:
        sys.exit(f"{what}: {have}, not {wanted}")


check("pid", after["pid"], int(server))
if after["transport"] not in ("dev", "uring") or not after["transport_reason"]:
    sys.exit(f"transport: {after['transport']}")
if "--io=" in options:
    check("io", after["io"], "uring" if "uring" in options else "sync")
check("deployment", after["deployment"], "pool" if "workers=2" in options else "fused")
check("mode", after["mode"], "single" if "single" in options else "bundled")
for side in ("request_bundles", "completion_bundles"):
    b = after[side]
    check(side + " sizes", len(b["by_size"]), 33)
    check(side + " count", sum(b["by_size"]), b["count"])
    check(side + " tasks", sum(n * size for n, size in enumerate(b["by_size"])), b["tasks"])
    check(side + " mean", round(b["mean"], 3), round(b["tasks"] / b["count"], 3))
if after["system_calls"] < after["io_uring_enters"] + (100 if after["io"] == "sync" else 0):
    sys.exit(f"system calls: {after['system_calls']}")
check("tasks in flight", after["tasks"]["in_flight"], 0)
check("tasks ended", after["tasks"]["ended"], after["tasks"]["started"])
check("errors", after["tasks"]["errors"], 0)
check("violations", sum(after["violations"].values()), 0)
check("request tasks", after["request_bundles"]["tasks"], after["tasks"]["started"])
for name, c in after["latency"].items():
    check(name + " buckets", sum(n for _, n in c["buckets"]), c["count"])
    if c["count"] and not 0 <= c["p50_ns"] <= c["p90_ns"] <= c["p99_ns"] <= c["p999_ns"] <= c["max_ns"]:
        sys.exit(f"{name}: percentiles {c}")
check("tasks that were timed", sum(c["count"] for c in after["latency"].values()), after["tasks"]["ended"])
check("writes that were timed", after["latency"]["write"]["count"] - before["latency"]["write"]["count"], 100)
check("bytes of writes", after["latency"]["write"]["bytes"] - before["latency"]["write"]["bytes"], 409600)
if after["clock_ns"] <= before["clock_ns"]:
    sys.exit("clock_ns stands still")
for side in ("request_bundles", "completion_bundles"):
    check(side + " of queues", sum(q[side]["count"] for q in after["queues"]), after[side]["count"])
for q in after["queues"]:
    check("tasks of a queue that were timed", q["latency"]["count"], q["tasks"]["ended"])
    check("lanes of a queue", len(q["lanes"]), after["workers"])
    if q["lanes"]:
        check("tasks of lanes", sum(l["tasks"] for l in q["lanes"]), q["request_bundles"]["tasks"])
        check("in flight in lanes", sum(l["in_flight"] for l in q["lanes"]), 0)
check("queues", len(after["queues"]), after["loops"])
old, new = before["lus"][0], after["lus"][0]
check("writes", new["writes"] - old["writes"], 100)
check("written", new["written_bytes"] - old["written_bytes"], 409600)
check("reads", new["reads"] - old["reads"], 50)
check("read", new["read_bytes"] - old["read_bytes"], 204800)
check("unmaps", new["unmaps"] - old["unmaps"], 1)
if new["flushes"] <= old["flushes"]:
    sys.exit("no flushes")
check("blocks", new["blocks"] * new["block_size"], 4 << 20)
if not image.endswith(new["image"]) and new["image"] != image:
    sys.exit(f"image: {new['image']}")
END
	grep -q . "$tmp/text" || fail "sheaf stats says nothing"
	grep -Eq '^ +write +100 ' "$tmp/text" || fail "sheaf stats does not time the writes"
	umount_sheaf "$tmp/mnt"
done
