#!/bin/bash
# SPDX-License-Identifier: MIT
# What dd-stress proves with: each wrong block is found and named, and nothing that may be is called wrong. On a plain file.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
stamp=$(realpath "${DD_STAMP:-./examples/dd-stamp}")
[ -x "$stamp" ] || fail "$stamp is missing; set DD_STAMP"

# 64 blocks in 4 chunks of 15: owners 0, 1, 0, 1; the last 4 are nobody's.
disk=$tmp/disk
index=$tmp/index
chunk=$((15 * 512))
start_over() {
	rm -f "$disk"
	make_image "$disk" 32768
	"$stamp" init "$index" 32768 $chunk 4 2 "${1:-7}"
}

# make OFFSET LENGTH GENERATION [WORD...]: issued, and in $tmp/made
make() {
	"$stamp" make "$index" "$@" >"$tmp/made"
}

# to_disk OFFSET [SKIP [COUNT]]: of what was made
to_disk() {
	dd if="$tmp/made" of="$disk" bs=1 seek="$1" skip="${2:-0}" ${3:+count="$3"} conv=notrunc status=none
}

# write OFFSET LENGTH GENERATION: made, written and acknowledged
write() {
	make "$@"
	to_disk "$1"
	"$stamp" ack "$index" "$1" "$2" "$3"
}

look() {
	"$stamp" look "$index" "$1" "$2" >"$tmp/looked"
}

# check OFFSET LENGTH [torn]: the disk as it is, by what look saw
check() {
	{
		cat "$tmp/looked"
		dd if="$disk" bs=1 skip="$1" count="$2" status=none
	} | "$stamp" check "$index" "$@"
}

is_right() {
	check "$@" || fail "${BASH_LINENO[0]}: what may be is called wrong: $*"
}

# is_wrong REGEX OFFSET LENGTH [torn]
is_wrong() {
	local regex=$1 status=0
	shift
	check "$@" 2>"$tmp/said" || status=$?
	sed 's/^/  says: /' "$tmp/said"
	[ $status = 1 ] || fail "${BASH_LINENO[0]}: what is wrong is not found: $*"
	grep -qE -- "$regex" "$tmp/said" || fail "${BASH_LINENO[0]}: does not say '$regex'"
}

prove() {
	"$stamp" prove "$index" <"$disk"
}

# Nothing in flight: the acknowledged generation, and zeros where nothing was written.
start_over
prove
write 512 2048 1
look 0 4096
is_right 0 4096
is_right 0 4096 torn
look 600 1000
is_right 600 1000
prove

# An acknowledged write that is not there; what was acknowledged before is back.
cp "$disk" "$tmp/before"
write 1024 512 2
cp "$tmp/before" "$disk"
look 0 4096
is_wrong "offset 1024, owner 0: generation 1 .*; acknowledged 2" 0 4096
is_wrong "offset 1024, owner 0: .*; acknowledged 2" 0 4096 torn
look 1030 100
is_wrong "offset 1024, owner 0: pieces: 1.8..104.; acknowledged 2" 1030 100
refused 1 "offset 1024" sh -c "'$stamp' prove '$index' <'$disk'"

# A write in flight: old, or new, and each block for itself; not both in one block, unless that may be.
start_over
write 0 2048 1
look 0 4096
make 0 2048 2
is_right 0 4096
to_disk 512 512 512
is_right 0 4096
to_disk 1024 1024 100
is_wrong "offset 1024, owner 0: pieces: 2.0..96. .*1.104..512.; acknowledged 1, in flight 2 to 2" 0 4096
is_right 0 4096 torn
look 0 4096
make 0 2048 2 torn
is_right 0 4096
"$stamp" ack "$index" 0 2048 2
to_disk 0
look 0 4096
is_right 0 4096
# What was read before the acknowledgement must not be older than the look.
write 0 2048 3
is_right 0 4096
look 0 4096
cp "$tmp/made" "$tmp/third"
make 0 2048 2
to_disk 0
is_wrong "generation 2 of owner 0" 0 4096
cp "$tmp/third" "$tmp/made"

# A hole in flight: zeros are right too, once it is issued; afterwards nothing else is.
start_over
write 0 1024 1
look 0 1024
dd if=/dev/zero of="$disk" bs=512 count=1 conv=notrunc status=none
is_wrong "offset 0, owner 0: zeros; acknowledged 1" 0 1024
"$stamp" hole "$index" 0 1024 2
is_right 0 1024
"$stamp" ack "$index" 0 1024 2
look 0 1024
is_wrong "offset 512, owner 0: generation 1 .*; should be zeros" 0 1024
dd if=/dev/zero of="$disk" bs=512 count=2 conv=notrunc status=none
is_right 0 1024
prove

# What conv=sparse leaves out stays as it was.
start_over
write 0 $chunk 1
make 0 $chunk 2 sparse=1024
dd if="$tmp/made" of="$disk" bs=1024 conv=notrunc,sparse status=none
prove && fail "a write is in flight, and it is called proven"
"$stamp" ack "$index" 0 $chunk 2
prove
look 0 $chunk
is_right 0 $chunk

# Another block's content, another owner's, another run's; and what nobody wrote.
write $chunk $chunk 1
look 0 $((2 * chunk))
dd if="$disk" of="$disk" bs=512 skip=16 seek=17 count=1 conv=notrunc status=none
is_wrong "offset 8704, owner 1: the block of offset 8192" 0 $((2 * chunk))
cp "$disk" "$tmp/before"
start_over 8
write $chunk $chunk 1
look $chunk $chunk
cp "$tmp/before" "$disk"
is_wrong "generation 1 of owner 1, seed 7; acknowledged 1" $chunk $chunk
start_over
look $((4 * chunk)) 2048
printf x | dd of="$disk" bs=1 seek=$((4 * chunk + 700)) conv=notrunc status=none
is_wrong "offset 31232, owner -1: .*should be zeros" $((4 * chunk)) 2048

# A stream that is too short, and one that is too long.
start_over
look 0 1024
head -c 1000 "$disk" | cat "$tmp/looked" - | refused 2 "too early" "$stamp" check "$index" 0 1024
head -c 1025 "$disk" | cat "$tmp/looked" - | refused 2 "longer" "$stamp" check "$index" 0 1024
# A range that is two owners'.
refused 2 "not one owner" "$stamp" make "$index" 0 $((chunk + 512)) 1

# Each fault that dd-stress --damage makes.
for kind in flipped lost moved torn zeroed kept; do
	start_over
	write 0 2048 1
	write 0 2048 2
	prove
	at=$("$stamp" spoil "$index" "$disk" $kind)
	refused 1 "offset $at" sh -c "'$stamp' prove '$index' <'$disk'"
done
