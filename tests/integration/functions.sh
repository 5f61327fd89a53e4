# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# functions.sh - what the integration tests share; each test sources it first
#
# A test ends with 0, 1 (failed) or 77 (skipped, with the reason). It works in a folder of its own, $tmp, and may run beside
# others. Whatever it sets up registers its own undoing with cleanup_fn, which runs on any exit, last first.
#
#   1. Only processes that the test started are killed, by pid.
#   2. A server that does not answer blocks its callers where no signal reaches them. So in trouble the
#      connection is aborted first (/sys/fs/fuse/connections/N/abort); a watchdog does it when a test takes too long.
#
# SHEAF: the program.  SHEAF_TEST_SECONDS: the watchdog's patience.

set -eu -o pipefail

# shellcheck disable=SC2034 # for the tests
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SHEAF=$(realpath "${SHEAF:-./sheaf}")
export SHEAF
test_name=$(basename "$0" .sh)
patience=${SHEAF_TEST_SECONDS:-240}

# --- ends ---

cleanup_commands=()

# cleanup_fn COMMAND ARGUMENT...: run it when the test ends
cleanup_fn() {
	local line
	printf -v line '%q ' "$@"
	cleanup_commands+=("$line")
}

run_cleanup() {
	local status=$? i
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	[ "$status" = 0 ] || [ "$status" = 77 ] || echo "$test_name: ended with $status, cleaning up"
	for ((i = ${#cleanup_commands[@]} - 1; i >= 0; i--)); do
		eval "${cleanup_commands[i]}"
	done
	exit "$status"
}

show_sanitizer_reports() {
	cat "$tmp"/sanitizer.* 2>/dev/null || return 0
	echo "FAIL: $test_name: a sanitizer found something"
	status=1
}
trap run_cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	echo "FAIL: $test_name: $*"
	exit 1
}

skip() {
	echo "SKIP: $test_name: $*"
	exit 77
}

# --- what a test needs ---

# requires REASON COMMAND...: skip with REASON unless COMMAND works
requires() {
	local reason=$1
	shift
	"$@" >/dev/null 2>&1 || skip "$reason"
}

requires_program() {
	local program
	for program in "$@"; do
		requires "$program is not installed" command -v "$program"
	done
}

requires_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	# CAP_SYS_ADMIN, bit 21
	(((0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> 21) & 1)) || skip "root here may not mount"
}

requires_fuse() {
	[ -c /dev/fuse ] || skip "/dev/fuse is missing"
	requires_program python3
	if [ "$(id -u)" = 0 ]; then
		requires_root
		requires "/dev/fuse cannot be opened" bash -c 'exec 3<>/dev/fuse'
	else
		requires_program fusermount3
	fi
}

requires_loop() {
	requires_root
	requires_program losetup
	requires "no loop device here" losetup -f
}

# The program is built with a sanitizer: slower, and not to be measured.
is_sanitized() {
	grep -qE '__(asan|tsan)_init' "$SHEAF"
}

# --- scratch ---

[ -x "$SHEAF" ] || fail "$SHEAF is missing; set SHEAF"
tmp=$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/$test_name.XXXXXX")")
cleanup_fn rm -rf --one-file-system "$tmp"
cleanup_fn show_sanitizer_reports
# A server in the background has nowhere else to say what a sanitizer found.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$tmp/sanitizer"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}print_stacktrace=1:log_path=$tmp/sanitizer"
export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$tmp/sanitizer"
# What should not have been mounted, and was.
cleanup_fn end_stray_mounts

# Others, as user nobody, go through it.
chmod 755 "$tmp"

# make_image FILE SIZE: sparse
make_image() {
	truncate -s "$2" "$1"
}

# random_file FILE BYTES
random_file() {
	head -c "$2" /dev/urandom >"$1"
}

# --- the server's connection, without touching the mount ---

is_mounted() {
	awk -v dir="$1" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo
}

# Number of the topmost mount at DIR: its device's minor is its connection's name.
connection_at() {
	awk -v dir="$1" '$5 == dir { split($3, device, ":"); n = device[2] } END { print n }' /proc/self/mountinfo
}

abort_connection() {
	local root=/sys/fs/fuse/connections
	[ -n "$1" ] || return 0
	if [ "$(id -u)" = 0 ] && [ "$(stat -f -c %T "$root")" != fusectl ] && [ ! -e "$root/$1" ]; then
		root=$tmp/fusectl
		mkdir -p "$root"
		mount -t fusectl none "$root" 2>/dev/null || true
	fi
	[ ! -e "$root/$1/abort" ] || echo 1 >"$root/$1/abort"
	if [ "$root" = "$tmp/fusectl" ]; then
		umount "$root" 2>/dev/null || true
	fi
}

# --- processes ---

is_alive() {
	local state
	# A zombie has ended.
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "$state" != Z ]
}

# wait_until SECONDS COMMAND...: false when it does not come true
wait_until() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

is_gone() {
	! is_alive "$1"
}

# end_process PID: one that the test started
end_process() {
	kill -TERM "$1" 2>/dev/null || return 0
	wait_until 3 is_gone "$1" || kill -KILL "$1" 2>/dev/null || true
}

let_go_on() {
	kill -CONT "$1" 2>/dev/null || true
}

all_threads_stopped() {
	! sed -n 's/^State:[[:space:]]*//p' /proc/"$1"/task/*/status | grep -qv '^[Tt]'
}

# stop_process PID: kill returns before the last thread stands still
stop_process() {
	kill -STOP "$1"
	cleanup_fn let_go_on "$1"
	wait_until 10 all_threads_stopped "$1" || fail "pid $1 does not stop"
}

# in_background COMMAND...: sets $background to its pid
in_background() {
	"$@" &
	background=$!
	cleanup_fn end_process "$background"
}

# --- mounts ---

declare -A connections=() servers=()

# server_of DIR: pid
server_of() {
	timeout 20 python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "$1/.sheaf/stats.json"
}

remember_mount() {
	connections[$1]=$(connection_at "$1")
	echo "${connections[$1]}" >>"$tmp/.connections"
	servers[$1]+=" $(server_of "$1")"
}

# transports: those that work here
transports() {
	echo dev
	[ "$(cat /sys/module/fuse/parameters/enable_uring 2>/dev/null)" != Y ] || echo uring
}

# mount_sheaf [OPTION...] IMAGE... DIR: makes DIR; sets $server to the pid
mount_sheaf() {
	local dir=${*: -1}
	is_mounted "$dir" || mkdir -p "$dir"
	[ -v "servers[$dir]" ] || cleanup_fn end_mount "$dir"
	servers[$dir]=${servers[$dir]:-}
	timeout -k 5 60 "$SHEAF" mount "$@"
	is_mounted "$dir" || fail "sheaf mount ended with 0, and nothing is mounted"
	remember_mount "$dir"
	# shellcheck disable=SC2034 # for the tests
	server=${servers[$dir]##* }
}

umount_sheaf() {
	timeout -k 5 60 "$SHEAF" umount "$1"
}

umount_plainly() {
	if [ "$(id -u)" = 0 ]; then
		timeout 20 umount "$1" 2>/dev/null
	else
		timeout 20 fusermount3 -u "$1" 2>/dev/null
	fi
}

end_mount() {
	local dir=$1 pid
	if is_mounted "$dir" && ! umount_plainly "$dir"; then
		echo "$dir: busy at the end of the test; aborting its connection"
		abort_connection "${connections[$dir]:-$(connection_at "$dir")}"
		umount -l "$dir" 2>/dev/null || fusermount3 -u -z "$dir"
	fi
	for pid in ${servers[$dir]}; do
		wait_until 10 is_gone "$pid" && continue
		echo "$dir: server $pid is still there; aborting its connection"
		abort_connection "${connections[$dir]:-}"
		wait_until 3 is_gone "$pid" || kill -KILL "$pid"
	done
}

end_stray_mounts() {
	local dir
	awk -v below="$tmp/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac | while read -r dir; do
		echo "$dir: still mounted at the end of the test"
		umount_plainly "$dir" || {
			abort_connection "$(connection_at "$dir")"
			umount -l "$dir" 2>/dev/null || fusermount3 -u -z "$dir"
		}
	done
}

# stat_of DIR EXPRESSION: of s, which is stats.json
stat_of() {
	timeout -k 5 20 "$SHEAF" stats --json "$1" |
		python3 -c 'import json, sys; s = json.load(sys.stdin); print(eval(sys.argv[1]))' "$2"
}

# loop_over [OPTION...] FILE: sets $loop
loop_over() {
	loop=$(timeout 30 losetup --find --show "$@") || fail "losetup $*"
	cleanup_fn detach_loop "$loop" "${*: -1}"
}

# detach_loop DEVICE FILE: unless it is gone, or has become another test's
detach_loop() {
	[ "$(losetup -n -O BACK-FILE "$1" 2>/dev/null)" != "$2" ] || timeout 30 losetup -d "$1"
}

# mount_device DEVICE DIR [OPTION...]
mount_device() {
	local device=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	timeout 60 mount "$@" "$device" "$dir"
	cleanup_fn umount_if_mounted "$dir"
}

umount_if_mounted() {
	! is_mounted "$1" || timeout 60 umount "$1" || umount -l "$1"
}

# small_filesystem DIR SIZE: a tmpfs
small_filesystem() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2" none "$1"
	cleanup_fn umount_if_mounted "$1"
}

# --- expectations ---

# refused STATUS REGEX COMMAND...: it ends with STATUS and says REGEX on stderr
refused() {
	local wanted=$1 regex=$2 status=0
	shift 2
	timeout -k 5 60 "$@" >/dev/null 2>"$tmp/.refused" || status=$?
	sed 's/^/  says: /' "$tmp/.refused"
	[ "$status" = "$wanted" ] || fail "exit code $status, not $wanted, of: $*"
	grep -qiE -- "$regex" "$tmp/.refused" || fail "does not say '$regex': $*"
}

# same FILE FILE
same() {
	cmp "$1" "$2" || fail "$1 and $2 differ"
}

# Before a command: run it as another user.
# shellcheck disable=SC2034 # for the tests
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)

# --- watchdog ---

watchdog() {
	local connection
	trap - EXIT
	trap 'exit 0' TERM
	exec 9<>"$tmp/.watchdog"
	read -rt "$patience" -u 9 _ || true
	echo "FAIL: $test_name: took more than $patience s; aborting its mounts"
	while read -r connection; do
		abort_connection "$connection"
	done <"$tmp/.connections"
	kill -TERM $$
}

mkfifo "$tmp/.watchdog"
: >"$tmp/.connections"
watchdog &
watchdog_pid=$!
cleanup_fn kill "$watchdog_pid"
