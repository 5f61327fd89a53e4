#!/bin/bash
# SPDX-License-Identifier: MIT
# The probes are in the program, with their names and as many arguments as are documented; and bpftrace, where it works, sees with
# the examples what was done.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"

"$SHEAF" --version | grep -q 'probes *yes' || skip "sheaf was built without sys/sdt.h (systemtap-sdt-dev)"
requires_program readelf
readelf -n "$SHEAF" | awk '/Provider:/ { provider = $2 } /Name:/ { name = $2 } /Semaphore:/ { semaphore = ($NF != "0x0000000000000000") }
	/Arguments:/ && provider == "sheaf" { print name, NF - 1, semaphore }' | sort -u >"$tmp/probes"
cat "$tmp/probes"
for probe in "task_start 6" "bundle_submit 4" "bundle_complete 2" "task_end 6" "task_timeout 4" "task_error 6"; do
	grep -q "^$probe 1$" "$tmp/probes" || fail "there is no probe ${probe% *} with ${probe#* } arguments and a semaphore"
done
[ "$(wc -l <"$tmp/probes")" = 6 ] || fail "there are other probes too, which probes.h does not list"

requires_fuse
requires_root
requires_program bpftrace
if is_sanitized; then
	echo "the probes are there; what bpftrace sees of them is looked at in a build without sanitizers"
	exit 0
fi
requires "bpftrace does not work on this kernel" timeout 30 bpftrace -e 'BEGIN { exit(); }'

make_image "$tmp/image" 16M
mount_sheaf "$tmp/image" "$tmp/mnt"

# trace SCRIPT [ARGUMENT]: an example, with this program's path, until the reads are done; its words are in $tmp/SCRIPT.out
trace() {
	sed "s|/usr/local/bin/sheaf|$SHEAF|" "$here/../../examples/$1" >"$tmp/$1"
	in_background timeout -s INT 60 bpftrace -p "$server" "$tmp/$1" "${@:2}" >"$tmp/$1.out" 2>"$tmp/$1.err"
	local tracer=$background started
	# It says its first line before it has put the probes in: reads until one is seen would not end if none were.
	wait_until 30 grep -q . "$tmp/$1.out" || skip "bpftrace does not start: $(head -n 3 "$tmp/$1.err")"
	sleep 4
	started=$(stat_of "$tmp/mnt" 's["tasks"]["started"]')
	dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=300 iflag=direct status=none
	started=$(($(stat_of "$tmp/mnt" 's["tasks"]["started"]') - started))
	[ "$started" = 300 ] || fail "$started tasks for 300 reads"
	kill -INT "$(pgrep -P "$tracer")"
	wait "$tracer" || true
	cat "$tmp/$1.out"
}

trace bundle-sizes.bt
[ "$(awk '/^@request_tasks/ { n += $2 } END { print n + 0 }' "$tmp/bundle-sizes.bt.out")" -ge 300 ] || fail "bundle_submit was not seen 300 times"
[ "$(awk '/^@completion/ { on = 1 } /^@request/ { on = 0 } on && /^\[1, 2\)/ { n += $3 } END { print n + 0 }' "$tmp/bundle-sizes.bt.out")" -ge 300 ] ||
	fail "bundle_complete was not seen 300 times"
trace slow-tasks.bt 1
[ "$(grep -cE '^[0-9:]{8} +[0-9]+ +[0-9]+ +88 +[0-9]+ +0 +[0-9]+$' "$tmp/slow-tasks.bt.out")" = 300 ] ||
	fail "task_end was not seen 300 times"
[ "$(awk '/^@us\[136\]/ { on = 1; next } /^@/ { on = 0 } on && /^\[/ { sub(/^\[[^)\]]*[)\]] */, ""); n += $1 } END { print n + 0 }' \
	"$tmp/slow-tasks.bt.out")" = 300 ] || fail "the histogram does not have 300 reads"
