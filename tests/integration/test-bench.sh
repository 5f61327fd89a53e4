#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf bench with a tiny plan: its files can be read, its figures agree with each other, and nothing is left behind.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program python3

# A place that can be looked through afterwards.
export TMPDIR=$tmp/place
mkdir "$TMPDIR"
make_image "$tmp/image" 8M
sum=$(md5sum <"$tmp/image")
paths=engine,$(transports | paste -sd,)

# One of ours is only read, and says so.
timeout -k 5 120 "$SHEAF" bench "$tmp/image" --paths="$paths" --limits=single,4,auto --works=read,write --sizes=4K \
	--depths=1,16 --seconds=40ms --rounds=2 --out="$tmp/out" >"$tmp/table" 2>"$tmp/messages" || {
	cat "$tmp/messages"
	fail "sheaf bench"
}
grep -q 'with --write' "$tmp/messages" || fail "does not say that writes are left out"
[ "$(md5sum <"$tmp/image")" = "$sum" ] || fail "the image was written to"
[ -z "$(ls -A "$TMPDIR")" ] || fail "left behind: $(ls -A "$TMPDIR")"
[ "$(awk '{ print length }' "$tmp/table" | sort -n | tail -1)" -le 80 ] || fail "the table is too wide"

python3 - "$tmp/out" "$paths" <<'END'
import csv, json, sys
import xml.dom.minidom
from html.parser import HTMLParser

out, paths = sys.argv[1:]
report = json.load(open(f"{out}/bench.json"))
rows = list(csv.DictReader(open(f"{out}/bench.csv")))
rounds = list(csv.DictReader(open(f"{out}/rounds.csv")))
cells = report["cells"]


def check(what, holds):
    if not holds:
        sys.exit(f"not so: {what}")


# The engine has no driver in a process of its own.
wanted = sum(2 if path == "engine" else 3 for path in paths.split(",")) * 3 * 2
check(f"{wanted} cells, {len(cells)}", len(cells) == wanted == len(rows) and len(rounds) == 2 * wanted)
for cell, row in zip(cells, rows):
    name = " ".join(str(cell[n]) for n in ("path", "deployment", "limit", "work", "bytes", "depth"))
    check(f"{name}: only reads", cell["work"] == "read")
    check(f"{name}: the CSV has the same", float(row["iops"]) == float(f'{cell["iops"]["median"]:.6g}'))
    check(f"{name}: no errors", cell["errors"] == 0)
    limit = {"single": 1, "auto": 32}.get(cell["limit"]) or int(cell["limit"])
    sizes = cell["request_bundles_by_size"]
    check(f"{name}: no bundle is beyond the limit, {sizes}", not any(sizes[limit + 1 :]))
    bundled = sum(n * count for n, count in enumerate(sizes))
    check(f"{name}: bundles have all tasks, {bundled} of {cell['tasks']}", bundled == cell["tasks"] > 0)
    if cell["limit"] == "single":
        back = cell["completion_bundles_by_size"]
        check(f"{name}: one by one back, {back}", not any(back[2:]))
    if cell["depth"] == 1:
        check(f"{name}: one at a time, {sizes}", sizes[1] > 0.95 * sum(sizes))
    for metric in ("request_bundle_mean", "completion_bundle_mean", "iops", "latency_p99_us", "cpu_us_per_task"):
        m = cell[metric]
        check(f"{name}: {metric}", 0 < m["min"] <= m["median"] <= m["max"] and len(m["rounds"]) == 2)
    check(f"{name}: mean bundle", cell["request_bundle_mean"]["max"] <= limit)
    check(f"{name}: percentiles", cell["latency_p50_us"]["median"] <= cell["latency_p99.9_us"]["median"])
    check(f"{name}: calls", cell["system_calls"] >= cell["io_uring_enters"])
    parts = cell["cpu_user_us_per_task"]["median"] + cell["cpu_system_us_per_task"]["median"]
    check(f"{name}: CPU {parts}", abs(parts - cell["cpu_us_per_task"]["median"]) < 0.01 * parts + 0.001)
for name in ("iops", "cpu", "latency", "bundles"):
    xml.dom.minidom.parse(f"{out}/{name}.svg")


class Page(HTMLParser):
    seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        for name, value in attrs:
            check(f"{tag} {name}={value} is not from elsewhere", name not in ("src", "href"))


page = Page()
page.feed(open(f"{out}/bench.html").read())
check("four plots", page.seen.count("svg") == 4)
check("no script", "script" not in page.seen)
END

# A scratch image is written, and gone afterwards; so it is when a signal ends it early.
before=$(ls -d /dev/shm/sheaf-bench.* 2>/dev/null || true)
timeout -k 5 60 "$SHEAF" bench --paths=engine --limits=auto --deployments=fused --works=mixed --seconds=20ms --rounds=1 \
	--out="$tmp/out" >"$tmp/table"
in_background "$SHEAF" bench --limits=auto --seconds=300ms --rounds=9 --out="$tmp/out2" >/dev/null 2>"$tmp/messages"
sleep 2
kill -INT "$background"
wait_until 30 is_gone "$background" || fail "does not end at ^C"
grep -q interrupted "$tmp/messages" || fail "does not say that it was interrupted"
[ "$(ls -d /dev/shm/sheaf-bench.* 2>/dev/null || true)" = "$before" ] || fail "a scratch image is left"
[ -z "$(ls -A "$TMPDIR")" ] || fail "left behind: $(ls -A "$TMPDIR")"

refused 2 'not known' "$SHEAF" bench --limits=3
refused 2 'one of them' "$SHEAF" bench --quick --full
refused 1 'No such file' "$SHEAF" bench "$tmp/none"
