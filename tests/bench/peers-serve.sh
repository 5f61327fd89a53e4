# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # options and images are set by peers
#
# peers-serve.sh - how tests/bench/peers starts each server, and how all of it ends
#
# serve() sets what measuring needs, stop() undoes it. Whatever happens, stop_all() leaves no mount, no loop device and no process:
#
#   1. Only processes that were started here are ended, by pid.
#   2. A server that does not answer blocks its callers where no signal reaches them. So its connection is aborted
#      first (connections/N/abort), and only then is anything killed: the server first, as requests that it has in a ring
#      may wait for it all the same.

file=       # the disk, while something is served
served=     # where its FUSE filesystem is mounted
connection= # the file that aborts it
servers=()  # pids
stats=      # stats.json, of sheaf
loop=       # the device, of the subject "loop"
inner_loop= # the device under the ext4 filesystem
acting=     # pid of a command that may change something
saved_uring=
uring_parameter=/sys/module/fuse/parameters/enable_uring

is_root() { [ "$(id -u)" = 0 ]; }
is_alive() {
	local state
	# A zombie has ended.
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "$state" != Z ]
}
is_gone() { ! is_alive "$1"; }

# wait_until SECONDS COMMAND...: false when it does not come true
wait_until() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# The mount table is read, and the mount not touched, which could hang.
is_mounted() { awk -v dir="$1" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo; }

# find_connection: while it is mounted; the device's minor is its name
find_connection() {
	local number
	number=$(awk -v dir="$served" '$5 == dir { split($3, device, ":"); n = device[2] } END { print n }' /proc/self/mountinfo)
	[ -z "$number" ] || connection=$fusectl/$number/abort
}
abort_connection() {
	[ -n "$connection" ] || find_connection
	[ ! -e "$connection" ] || echo 1 >"$connection"
}
kill_servers() {
	local pid
	for pid in "${servers[@]}"; do kill -KILL "$pid" 2>/dev/null; done
}

# careful SECONDS COMMAND...: one that a server which does not answer could block
careful() {
	local seconds=$1 pid
	shift
	"$@" </dev/null &
	pid=$!
	acting=$pid
	if ! wait_until "$seconds" is_gone "$pid"; then
		say "no end after $seconds s, aborting the connection: $*"
		abort_connection
		wait_until 3 is_gone "$pid" || kill_servers
		wait_until 3 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
		wait_until 5 is_gone "$pid" || { acting='' && return 1; }
	fi
	acting=
	wait "$pid"
}

# --- servers ---

# program_of ORIGIN NAME: sets $program; what is in unstable's folder runs with the C library of that folder
program_of() {
	local loader library
	if [ "$1" = unstable ]; then
		loader=$(echo "$unstable_root"/lib*/ld-linux*.so.*)
		library=$(echo "$unstable_root"/usr/lib/*-linux-gnu*)
		program=("$loader" --library-path "$library" "$unstable_root/usr/bin/$2")
	else
		program=("$2")
	fi
}

is_served() { is_mounted "$served" && careful 5 test -s "$file"; }

# wait_served: for a server that stays in the foreground
wait_served() {
	wait_until 10 is_served && return
	say "$subject: nothing is served"
	return 1
}

serve_raw() { file=$image; }

serve_loop() {
	loop=$(loop_over "$image" "$1") || return 1
	file=$loop
	if [ "$1" = on ] && [ "$(losetup -n -O DIO "$loop" | tr -d ' ')" != 1 ]; then
		say "loop: no direct I/O on $filesystem"
		echo "# loop: through the page cache, as $filesystem has no direct I/O" >>"$work/all.csv"
	fi
}

serve_sheaf() {
	served=$work/mnt
	careful 60 "$sheaf" mount --quiet "$@" "$image" "$served" || return 1
	file=$served/disk
	stats=$served/.sheaf/stats.json
	# The server's, and its driver's where that has a process of its own.
	mapfile -t servers < <(timeout 10 cat "$stats" | grep -o '"pid": *[0-9][0-9]*' | sed 's/.* //')
}

# The kernel looks at the parameter when a filesystem is mounted.
serve_sheaf_off() {
	local status
	set_uring N
	serve_sheaf "$@"
	status=$?
	restore_uring
	return $status
}
set_uring() {
	saved_uring=$(cat "$uring_parameter" 2>/dev/null)
	[ "$saved_uring" = "$1" ] || [ -z "$saved_uring" ] || echo "$1" >"$uring_parameter"
}
restore_uring() {
	[ -z "$saved_uring" ] || [ "$saved_uring" = "$(cat "$uring_parameter")" ] || echo "$saved_uring" >"$uring_parameter"
	saved_uring=
}

serve_null() {
	served=$work/mnt
	file=$served/disk
	"$null_server" --size="$size" "$@" "$served" >"$work/log" 2>&1 &
	servers=($!)
	wait_served
}

# serve_qemu ORIGIN [JSON]: more members of the export's options
serve_qemu() {
	local program
	program_of "$1" qemu-storage-daemon
	served=$work/export
	file=$served
	: >"$file"
	# The threads are there in all cases, and cost nothing when they are not used.
	"${program[@]}" --object iothread,id=io0 --object iothread,id=io1 \
		--blockdev "{\"driver\":\"file\",\"node-name\":\"f\",\"filename\":\"$image\",\"aio\":\"io_uring\"}" \
		--blockdev '{"driver":"raw","node-name":"r","file":"f"}' \
		--export "{\"type\":\"fuse\",\"id\":\"e\",\"node-name\":\"r\",\"mountpoint\":\"$file\",\"writable\":true${2:+,$2}}" \
		>"$work/log" 2>&1 &
	servers=($!)
	wait_served
}

# serve_nbd ORIGIN: nbdkit's file plugin behind nbdfuse. nbdkit as a daemon, as in the foreground it ends with its shell.
serve_nbd() {
	local program plugin=file
	served=$work/mnt
	file=$served/disk
	rm -f "$work/nbd.sock" "$work/nbdkit.pid"
	[ "$1" = stable ] || plugin=$(echo "$unstable_root"/usr/lib/*-linux-gnu*/nbdkit/plugins/nbdkit-file-plugin.so)
	program_of "$1" nbdkit
	careful 20 "${program[@]}" -U "$work/nbd.sock" -P "$work/nbdkit.pid" "$plugin" "$image" || return 1
	servers=("$(cat "$work/nbdkit.pid")")
	program_of "$1" nbdfuse
	"${program[@]}" "$file" --unix "$work/nbd.sock" >"$work/log" 2>&1 &
	# The last to be started is the first to end.
	servers=($! "${servers[@]}")
	wait_served
}

# serve KIND [ARGUMENT]...
serve() {
	# Each begins alike: with the image in the page cache, out of which direct I/O by whoever was before may have thrown it; or
	# without a page of it there, which would be in the way of direct I/O.
	case $filesystem:$cached in
	tmpfs:*) ;;
	*:yes) cat "$image" >/dev/null ;;
	*:no) dd if="$image" iflag=nocache count=0 status=none ;;
	esac
	if "serve_$1" "${@:2}"; then
		find_connection
		return 0
	fi
	[ ! -s "$work/log" ] || sed 's/^/  says: /' "$work/log" >&2
	return 1
}

unmount() {
	if is_root; then umount "$1"; else fusermount3 -u "$1"; fi
}
unmount_lazily() {
	if is_root; then umount -l "$1"; else fusermount3 -u -z "$1"; fi
}

# stop: whatever serve() did, also if that was only half
stop() {
	local pid
	ext4_end
	if [ -n "$loop" ]; then loop_end "$loop" "$image"; fi
	if [ -n "$stats" ] && is_mounted "$served"; then careful 60 "$sheaf" umount --quiet "$served"; fi
	# It unmounts by itself then.
	if [ "$served" = "$work/export" ]; then end_process "${servers[0]}"; fi
	if [ -n "$served" ] && is_mounted "$served"; then
		careful 20 unmount "$served" || { abort_connection; unmount_lazily "$served"; }
		wait_until 3 is_gone "${servers[0]}"
	fi
	for pid in "${servers[@]}"; do end_process "$pid"; done
	[ "$filesystem" = tmpfs ] || [ ! -f "$image" ] || sync "$image"
	file='' served='' connection='' stats='' loop='' servers=()
	: >"$work/log"
}

# end_process PID
end_process() {
	kill -TERM "$1" 2>/dev/null || return 0
	wait_until 10 is_gone "$1" && return
	abort_connection
	wait_until 3 is_gone "$1" || kill -KILL "$1" 2>/dev/null
}

# --- loop devices and the filesystem inside ---

# loop_over FILE on|off: prints the device; with direct I/O if it is asked for and the file allows it
loop_over() {
	local device
	device=$(timeout 30 losetup --find --show "$1") || return 1
	[ "$2" = off ] || timeout 10 losetup --direct-io=on "$device" 2>/dev/null
	echo "$device"
}
# loop_end DEVICE FILE: unless it has become somebody else's
loop_end() {
	[ "$(losetup -n -O BACK-FILE "$1" 2>/dev/null)" != "$2" ] || careful 30 losetup -d "$1"
}

# ext4_begin: makes ext4 in the disk, on a loop device unless it is one, and a file of data in it: $inner
ext4_begin() {
	local device=$file
	if [ -z "$loop" ]; then
		inner_loop=$(loop_over "$file" on) || return 1
		device=$inner_loop
	fi
	inner=$work/ext4/file
	# Nothing is left to be done later by the kernel, beside what is measured; nor are holes made in the image.
	careful 60 mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$device" &&
		careful 30 mount "$device" "$work/ext4" &&
		careful 120 dd if=/dev/urandom of="$inner" bs=1M count=$((size / 4 >> 20)) conv=fsync status=none
}
ext4_end() {
	if is_mounted "$work/ext4"; then careful 60 umount "$work/ext4" || umount -l "$work/ext4"; fi
	if [ -n "$inner_loop" ]; then loop_end "$inner_loop" "$file"; fi
	inner_loop=
}

# --- what is there for as long as the script runs ---

# begin: makes $work, $image and the rest of it
begin() {
	mkdir -p "$work/mnt" "$work/ext4" "$work/tmpfs" "$work/fusectl"
	: >"$work/log"
	fusectl=/sys/fs/fuse/connections
	if is_root && mount -t fusectl none "$work/fusectl" 2>/dev/null; then fusectl=$work/fusectl; fi
	if [ -z "$image_dir" ]; then
		image_dir=/dev/shm
		if is_root && mount -t tmpfs -o "size=$((size + (16 << 20)))" none "$work/tmpfs"; then image_dir=$work/tmpfs; fi
	fi
}

# make_image FILE: of random data, on its disk
make_image() {
	images+=("$1")
	head -c "$size" /dev/urandom >"$1" && sync "$1"
}

stop_all() {
	trap - EXIT
	trap '' INT TERM HUP
	if [ -n "$measuring" ]; then
		kill -TERM "$measuring" 2>/dev/null
		wait_until 10 is_gone "$measuring" || { abort_connection && kill_servers; }
	fi
	# Then what it did is whole, and can be undone.
	[ -z "$acting" ] || wait_until 30 is_gone "$acting"
	stop
	restore_uring
	rm -f "${images[@]}"
	for dir in "$work/tmpfs" "$work/fusectl"; do
		! is_mounted "$dir" || umount "$dir" || umount -l "$dir"
	done
	rm -rf --one-file-system "$work"
}
