#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf check finds what is wrong with each driver of tests/drivers, by the rule that it breaks, and survives it.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
drivers=$(dirname "$SHEAF")/tests/drivers
[ -e "$drivers/broken-twice.so" ] || skip "$drivers has no drivers; make check builds them"
# What a sanitizer finds is what these drivers are made for.
unset ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
export ASAN_OPTIONS=detect_leaks=0

# A task may take a twelfth of it, and a rule a quarter.
seconds=12
! is_sanitized || seconds=30

# check DRIVER: its words go to $tmp. One that is a program may have an image, and more time: processes are started.
check() {
	local words=("--time=$seconds" "$drivers/broken-$1.so")
	[ ! -x "$drivers/broken-$1" ] || words=(--time=60 --images=1 "$drivers/broken-$1")
	timeout -k 5 90 "$SHEAF" check "${words[@]}" >"$tmp/$1.out" 2>"$tmp/$1.err"
}

# Those wait most of their time for tasks that do not end, and do it together.
declare -A begun
for name in never bundle slot reset abort-drops exits dirty memory; do
	check $name &
	begun[$name]=$!
done

# broken DRIVER RULE: the line that must say `not ok`
broken() {
	local status=0
	if [ -v "begun[$1]" ]; then
		wait "${begun[$1]}" || status=$?
	else
		check "$1" || status=$?
	fi
	[ "$status" = 1 ] || fail "broken-$1: exit code $status"
	if ! grep -q "^not ok [0-9]* $2: ." "$tmp/$1.out"; then
		cat "$tmp/$1.out" "$tmp/$1.err"
		fail "broken-$1 is not found to break '$2'"
	fi
	echo "$1: $(grep "^not ok [0-9]* $2" "$tmp/$1.out")"
}

broken api "it says which interface it was built for.*"
broken no-hook "it says which interface it was built for.*"
grep -q "no stop" "$tmp/no-hook.err" || fail "the hook that is missing is not named"
broken start "it comes up in DriverKit's order.*"
grep -q "start_controller failed" "$tmp/start.out" || fail "the hook that failed is not named"
broken once "it comes up again after it was stopped"
broken id-zero "identifiers from map_hba_data are unique and never 0"
broken id-twice "identifiers from map_hba_data are unique and never 0"
broken twice "every task ends exactly once, in its own slot"
broken slot "every task ends exactly once, in its own slot"
broken never "every task ends exactly once, in its own slot"
broken bundle "bundles of 1 and of 32, slots in any order"
broken count "a completion has 1 to 32 slots"
broken version "responses have version 1"
broken identifier "responses carry the identifier and the target of their task"
broken more-bytes "responses say what can be"
broken sense "responses say what can be"
broken command "command slots are only read"
broken overrun "nothing is written around a buffer"
broken touches-response "nothing of a slot is touched after it was given back"
broken touches-buffer "nothing of a slot is touched after it was given back"
broken single "all of this holds in single-task mode"
broken opcode "an invalid operation code is ILLEGAL REQUEST"
broken bytes "a transfer says how many bytes it moved"
broken forgets "what is written is read again"
broken odd "odd CDBs are answered"
broken abort-drops "ABORT TASK is answered, and the task still ends once"
broken abort-answer "ABORT TASK is answered, and the task still ends once"
broken reset "resets are answered, all tasks still end once, and it is ready again"

# Programs.
broken exits "every task ends exactly once, in its own slot"
grep -q "every task ends.*ended with 3" "$tmp/exits.out" || fail "how the process ended is not told"
broken dirty "killed while tasks are out, it is started again and serves"
grep -q "serves: create failed" "$tmp/dirty.out" || fail "what failed in the second start is not named"
broken memory "what was written and flushed is there after a crash"
[ "$(grep -c "^not ok" "$tmp/memory.out")" = 1 ] || fail "memory: breaks more than what it was made for"
