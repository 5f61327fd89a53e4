#!/bin/bash
# SPDX-License-Identifier: MIT
# A recording has every task and nothing else, agrees with the counters, belongs to the owner, and to one reader at a time, also
# one that was killed; a mount whose reader is gone can be unmounted.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 16M
for options in "--workers=fused" "--workers=2 --loops=2" "--single"; do
	# shellcheck disable=SC2086
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	record=$tmp/mnt/.sheaf/record
	[ "$(stat -c %a "$record")" = 400 ] || fail "mode $(stat -c %a "$record")"

	# Reads of .sheaf are no tasks: nothing but the header is there.
	timeout 20 cat "$record" "$tmp/mnt/.sheaf/stats.json" "$record" >/dev/null
	timeout 20 "$SHEAF" record --seconds 500ms "$tmp/mnt" "$tmp/idle" >"$tmp/said"
	[ "$(stat -c %s "$tmp/idle")" = 96 ] || fail "$options: $(stat -c %s "$tmp/idle") bytes of an idle mount"
	grep -q ": 0 tasks, 0 more" "$tmp/said" || fail "says $(cat "$tmp/said")"

	# One reader; the next when it was killed.
	exec 7<"$record"
	refused 1 "somebody records" "$SHEAF" record "$tmp/mnt" "$tmp/second"
	[ ! -e "$tmp/second" ] || fail "a file is left of a recording that did not begin"
	exec 7<&-
	in_background "$SHEAF" record --quiet "$tmp/mnt" "$tmp/killed"
	wait_until 10 test -s "$tmp/killed" || fail "sheaf record writes nothing"
	kill -KILL "$background"
	wait "$background" 2>/dev/null || true

	started=$(stat_of "$tmp/mnt" 's["tasks"]["started"]')
	bundles=$(stat_of "$tmp/mnt" 's["request_bundles"]["count"]')
	rm -f "$tmp/file"
	in_background timeout 60 "$SHEAF" record --seconds 2s "$tmp/mnt" "$tmp/file"
	recorder=$background
	wait_until 10 test -s "$tmp/file" || fail "the reader that was killed is not forgotten"
	dd if=/dev/urandom of="$tmp/mnt/disk" bs=4k count=200 oflag=direct conv=notrunc,fsync status=none
	dd if="$tmp/mnt/disk" of=/dev/null bs=64k count=20 iflag=direct status=none
	wait "$recorder" || fail "sheaf record ended with $?"
	started=$(($(stat_of "$tmp/mnt" 's["tasks"]["started"]') - started))
	bundles=$(($(stat_of "$tmp/mnt" 's["request_bundles"]["count"]') - bundles))
	"$SHEAF" replay "$tmp/file" >"$tmp/summary"
	grep -q ": $started tasks .*, 0 more" "$tmp/summary" || fail "$options: not $started tasks: $(head -n 1 "$tmp/summary")"
	grep -q "^bundles *$bundles, " "$tmp/summary" || fail "$options: not $bundles bundles: $(grep ^bundles "$tmp/summary")"
	grep -q "^WRITE (16) *200 " "$tmp/summary" || fail "$options: not 200 writes: $(cat "$tmp/summary")"
	grep -q "^READ (16) *20 " "$tmp/summary" || fail "$options: not 20 reads: $(cat "$tmp/summary")"
	refused 1 "there is such a file" "$SHEAF" record "$tmp/mnt" "$tmp/file"
	rm -f "$tmp/killed" "$tmp/idle"
	umount_sheaf "$tmp/mnt"
done

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mount_sheaf --mode=0666 "$tmp/image" "$tmp/mnt"
	"${as_nobody[@]}" test -r "$tmp/mnt/disk" || fail "a disk of mode 666 cannot be read"
	! "${as_nobody[@]}" cat "$tmp/mnt/.sheaf/record" >/dev/null 2>&1 || fail "anybody may record"
	umount_sheaf "$tmp/mnt"
fi
