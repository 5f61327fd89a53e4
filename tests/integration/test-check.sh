#!/bin/bash
# SPDX-License-Identifier: MIT
# The example drivers keep all rules; and what sheaf check does with a driver that is none.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
examples=$(dirname "$SHEAF")/examples
[ -e "$examples/ramdisk.so" ] || skip "$examples has no drivers"
seconds=60
! is_sanitized || seconds=120

# keeps DRIVER [OPTION...]: all rules
keeps() {
	local driver=$1
	shift
	if ! timeout -k 5 130 "$SHEAF" check --time=$seconds "$@" "$driver" >"$tmp/out"; then
		cat "$tmp/out"
		fail "$driver $*: breaks rules"
	fi
	! grep -q "^not ok" "$tmp/out" || fail "$driver $*: exit code 0, and a rule is broken"
	[ "$(grep -c "^ok [0-9]* " "$tmp/out")" -ge 30 ] || fail "$driver $*: fewer than 30 rules were looked at"
	echo "$driver $*: $(tail -n 1 "$tmp/out")"
	grep "# skip" "$tmp/out" || true
}

# passed RULE: it was looked at, by the last one that keeps()
passed() {
	grep -q "^ok [0-9]* $1\$" "$tmp/out" || fail "not looked at: $1"
}

keeps "$examples/ramdisk.so"
passed "all of its life, from create to destroy, can be had twice in one process"
keeps "$examples/ramdisk.so size=8M" --seed=5
keeps "$examples/stripe.so" --images=1
keeps "$examples/stripe.so chunk=4K" --images=3 --block-size=4096
keeps "$examples/single-task.so" --images=1
keeps "$examples/slow.so latency=lognormal:200us,0.5 seed=3"
keeps "$examples/slow.so latency=uniform:100us,300us" --images=1
# The same sources as programs.
keeps "$examples/ramdisk"
passed "killed while tasks are out, it is started again and serves"
keeps "$examples/stripe" --images=2
passed "what was written and flushed is there after a crash"
keeps "$examples/single-task" --images=1
passed "what was written and flushed is there after a crash"
keeps "$examples/slow latency=uniform:100us,300us" --images=1
passed "killed half way through its bring-up, it comes up again"
passed "what was written and flushed is there after a crash"
keeps "$examples/ramdisk.so" --read-only
grep -q "what is written is read again # skip: it writes" "$tmp/out" || fail "--read-only wrote"
[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'sheaf-check.*' -newer "$tmp/.connections" -user "$(id -u)")" ] ||
	echo "a scratch image is there, which another test may have made"

refused 1 "no such file" "$SHEAF" check "$tmp/none.so"
refused 1 "no such file here" "$SHEAF" check none.so
echo "text" >"$tmp/text.so"
refused 1 "text.so.*not a driver" "$SHEAF" check "$tmp/text.so"
refused 1 "sheaf_driver_entry" "$SHEAF" check "$(ldconfig -p | sed -n 's/.*libc.so.6.*=> //p' | head -n 1)"
refused 1 "no such program" "$SHEAF" check "no-such-driver word"
refused 1 "cannot be started" "$SHEAF" check "$tmp/no-such-program"
refused 2 "DRIVER" "$SHEAF" check
refused 1 "size=lots" "$SHEAF" check "$examples/ramdisk.so size=lots"
refused 1 "size=lots" "$SHEAF" check "$examples/ramdisk size=lots"
