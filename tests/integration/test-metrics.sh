#!/bin/bash
# SPDX-License-Identifier: MIT
# .sheaf/metrics is what Prometheus takes, says the same as stats.json, and counts what was done.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

# read_metrics FILE: at once, as promtool and Prometheus do
read_metrics() {
	timeout 20 cat "$tmp/mnt/.sheaf/metrics" >"$1"
	if command -v promtool >/dev/null; then
		timeout 20 promtool check metrics <"$1" || fail "promtool does not take it"
	fi
}

# All that a label's value escapes.
image=$tmp/$'quote" backslash\\ newline\n end'
make_image "$image" 4M
make_image "$tmp/second" 4M
for options in "--workers=fused --loops=2" "--workers=2 --loops=2" "--single"; do
	# shellcheck disable=SC2086
	mount_sheaf $options "$image" "$tmp/second" "$tmp/mnt"
	read_metrics "$tmp/before"
	dd if=/dev/urandom of="$tmp/mnt/disk0" bs=4k count=100 oflag=direct conv=notrunc,fsync status=none
	dd if="$tmp/mnt/disk1" of=/dev/null bs=4k count=50 iflag=direct status=none
	fallocate -p -o 1M -l 1M "$tmp/mnt/disk0"
	read_metrics "$tmp/after"
	timeout 20 "$SHEAF" stats --json "$tmp/mnt" >"$tmp/stats"
	PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 python3 - "$tmp/before" "$tmp/after" "$tmp/stats" "$options" "$image" <<'END'
import json, sys
import prometheus

texts = [open(name, newline="").read() for name in sys.argv[1:3]]
stats = json.load(open(sys.argv[3]))
options, image = sys.argv[4:6]
try:
    (before, types), (after, types_after) = (prometheus.parse(text) for text in texts)
except prometheus.Bad as bad:
    sys.exit(f"not Prometheus' format: {bad}")


def check(what, have, wanted):
    if have != wanted:
        sys.exit(f"{what}: {have}, not {wanted}")


def value(of, name, **labels):
    key = ("sheaf_" + name, tuple(sorted(labels.items())))
    if key not in of:
        sys.exit(f"{key} is missing")
    return of[key]


def grown(name, **labels):
    return value(after, name, **labels) - value(before, name, **labels)


def total(of, name):
    return sum(v for (n, _), v in of.items() if n == "sheaf_" + name)


check("families", types_after, types)
check("samples", set(after), set(before))
for key, old in before.items():
    if key[0].endswith(("_total", "_bucket", "_count", "_sum")) and after[key] < old:
        sys.exit(f"{key} went back from {old} to {after[key]}")
lus = [{"lun": "0", "image": image}, {"lun": "1", "image": stats["lus"][1]["image"]}]
check("writes", grown("lu_writes_total", **lus[0]), 100)
check("written", grown("lu_written_bytes_total", **lus[0]), 409600)
check("reads", grown("lu_reads_total", **lus[1]), 50)
check("reads of the other", grown("lu_reads_total", **lus[0]), 0)
check("size", value(after, "lu_size_bytes", **lus[0]), 4 << 20)
check("write commands", grown("task_duration_seconds_count", command="write"), 100)
check("unmap commands", grown("task_duration_seconds_count", command="unmap"), 1)
check("bytes read", grown("command_bytes_total", command="read"), 204800)
if not 0 < grown("task_duration_seconds_sum", command="write") < 100:
    sys.exit("the time of writes")
# Nothing but stats.json itself was asked for since.
check("tasks", total(after, "tasks_ended_total"), stats["tasks"]["ended"])
check("tasks by command", total(after, "task_duration_seconds_count"), stats["tasks"]["ended"])
check("in request bundles", value(after, "bundle_tasks_sum", queue="0", direction="request"),
      stats["queues"][0]["request_bundles"]["tasks"])
lanes = [key for key in after if key[0] == "sheaf_lane_tasks_total"]
check("lanes", len(lanes), 4 if "workers=2" in options else 0)
if lanes:
    check("tasks of lanes", total(after, "lane_tasks_total"), stats["tasks"]["ended"])
info = next(dict(labels) for name, labels in after if name == "sheaf_info")
check("mode", info["mode"], "single" if "single" in options else "bundled")
check("deployment", info["deployment"], "pool" if lanes else "fused")
END
	umount_sheaf "$tmp/mnt"
done
