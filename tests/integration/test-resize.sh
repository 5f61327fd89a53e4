#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf resize on all deployments, both transports, on images in memory and on a disk: sizes agree, ends are exact, and the unit attention
# is there; sheaf umount then ends with 0.
# shellcheck source=tests/integration/resize.sh
. "$(dirname "$0")/resize.sh"

shm=$(mktemp -d /dev/shm/test-resize.XXXXXX)
cleanup_fn rm -rf "$shm"

writes() {
	dd if=/dev/urandom of="$1/disk" bs=4k seek="$2" count="$3" conv=notrunc oflag=direct status=none
}

no_space() {
	! writes "$@" 2>"$tmp/said" || fail "a write past the end works"
	grep -qF "No space left" "$tmp/said" || fail "$(cat "$tmp/said")"
}

attention() {
	command -v sg_turs >/dev/null || return 0
	timeout 20 sg_turs -v "$1/.sheaf/sg0" >"$tmp/said" 2>&1 && fail "no unit attention"
	grep -qi "capacity data has changed" "$tmp/said" || fail "$(cat "$tmp/said")"
	timeout 20 sg_turs "$1/.sheaf/sg0" || fail "the unit attention stays"
	timeout 20 sg_readcap --long "$1/.sheaf/sg0" | grep -qF "Number of logical blocks=$2" || fail "sg_readcap"
}

check_one() {
	local dir=$1 image=$2
	make_image "$image" 16M
	mount_sheaf "${options[@]}" "$image" "$dir"
	exec 7<"$dir/disk" # sees the new end without being opened again
	resize "$dir" 40M
	attention "$dir" $((40 * M / 512))
	has_size "$dir" $((40 * M)) "$image"
	[ "$(python3 -c 'import os; print(os.lseek(7, 0, 2))')" = $((40 * M)) ] || fail "SEEK_END"
	writes "$dir" $((40 * 256 - 8)) 8
	no_space "$dir" $((40 * 256 - 4)) 8
	[ "$(stat -c %b "$image")" -lt $((40 * 2048)) ] || fail "the image is not sparse any more"

	refused 1 '--force' "$SHEAF" resize "$dir" 24M
	has_size "$dir" $((40 * M)) "$image"
	writes "$dir" $((24 * 256 - 8)) 16
	resize --force "$dir" 24M
	attention "$dir" $((24 * M / 512))
	has_size "$dir" $((24 * M)) "$image"
	[ "$(tail -c +$((24 * M - 4095)) "$dir/disk" | wc -c)" = 4096 ] || fail "a read past the end is not short"
	no_space "$dir" $((24 * 256 - 4)) 8
	writes "$dir" $((24 * 256 - 4)) 4
	resize "$dir" +8M
	has_size "$dir" $((32 * M)) "$image"
	cmp <(tail -c $((8 * M)) "$dir/disk") <(head -c $((8 * M)) /dev/zero) || fail "what was cut off is back"
	cmp "$dir/disk" "$image" || fail "the file is not the image"
	# Somebody made the image longer: without a size the disk follows.
	truncate -s 48M "$image"
	refused 1 'without a size' "$SHEAF" resize "$dir/disk" 36M
	resize "$dir/disk"
	has_size "$dir" $((48 * M)) "$image"
	resize "$dir" 48M # nothing to do
	resize --force "$dir" -- -8M
	has_size "$dir" $((40 * M)) "$image"
	writes "$dir" $((40 * 256 - 8)) 8
	exec 7<&-
	umount_sheaf "$dir"
	[ "$(stat -c %s "$image")" = $((40 * M)) ] || fail "the image has another size after the end"
}

for transport in $(transports); do
	for deployment in --workers=auto --workers=2 --driver=disk; do
		for more in --cache=off --cache=on --direct=on --io=sync; do
			case "$more $transport" in "--io=sync uring" | "--direct=on uring") continue ;; esac
			options=("--transport=$transport" "$deployment" "$more")
			echo "${options[*]}"
			check_one "$tmp/mnt" "$tmp/image"
			[ "$more" = --direct=on ] || check_one "$tmp/mnt" "$shm/image"
		done
	done
done

# A driver that is replaced begins with the new size.
make_image "$tmp/image" 16M
mount_sheaf --driver=disk "$tmp/image" "$tmp/mnt"
resize "$tmp/mnt" 32M
timeout 60 "$SHEAF" driver restart "$tmp/mnt"
writes "$tmp/mnt" $((32 * 256 - 8)) 8
resize --force "$tmp/mnt" 8M
timeout 60 "$SHEAF" driver restart "$tmp/mnt"
has_size "$tmp/mnt" $((8 * M)) "$tmp/image"
no_space "$tmp/mnt" $((8 * 256)) 8
cmp "$tmp/mnt/disk" "$tmp/image" || fail "the file is not the image"
umount_sheaf "$tmp/mnt"

# Several disks: the one that is named.
make_image "$tmp/image" 16M
make_image "$tmp/other" 16M
mount_sheaf "$tmp/image" "$tmp/other" "$tmp/mnt"
refused 2 'name one' "$SHEAF" resize "$tmp/mnt" 32M
refused 1 'no disk' "$SHEAF" resize "$tmp/mnt/disk2" 32M
resize "$tmp/mnt/disk1" 32M
[ "$(stat -c %s "$tmp/mnt/disk0" "$tmp/mnt/disk1" "$tmp/other" | tr '\n' ' ')" = "$((16 * M)) $((32 * M)) $((32 * M)) " ] ||
	fail "the wrong disk"
umount_sheaf "$tmp/mnt"
