#!/bin/bash
# SPDX-License-Identifier: MIT
# The example drivers, in the server and in a process of their own from the same source: in each deployment they serve a disk that
# keeps what is written to it.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program mkfs.ext4 e2fsck
examples=$(dirname "$SHEAF")/examples
[ -e "$examples/ramdisk.so" ] || skip "$examples has no drivers"

# serves BYTES NAME OPTION... [IMAGE...]: a disk of that size, with a filesystem and odd transfers; its name in stats
serves() {
	local bytes=$1 name=$2
	shift 2
	mount_sheaf "$@" "$tmp/mnt"
	[ "$(stat_of "$tmp/mnt" 's["driver"]["name"]')" = "$name" ] || fail "stats.json does not name $name"
	"$SHEAF" stats "$tmp/mnt" | grep -q "driver *$name" || fail "sheaf stats does not name $name"
	[ "$(stat -c %s "$tmp/mnt/disk")" = "$bytes" ] || fail "$name: the disk has $(stat -c %s "$tmp/mnt/disk") bytes, not $bytes"
	timeout -k 5 60 mkfs.ext4 -q -F -d "$here" "$tmp/mnt/disk"
	timeout -k 5 60 e2fsck -fn "$tmp/mnt/disk" >"$tmp/fsck" 2>&1 || fail "$name: $(cat "$tmp/fsck")"
	random_file "$tmp/random" 3000000
	dd if="$tmp/random" of="$tmp/mnt/disk" bs=70001 seek=3 conv=notrunc status=none
	sync "$tmp/mnt/disk"
	dd if="$tmp/mnt/disk" bs=70001 skip=3 iflag=count_bytes count=3000000 status=none | cmp - "$tmp/random" || fail "$name: other data"
	[ "$(stat_of "$tmp/mnt" 's["tasks"]["errors"]')" = 0 ] || fail "$name: tasks ended with errors"
	[ "$(stat_of "$tmp/mnt" 'sum(s["violations"].values())')" = 0 ] || fail "$name: breaks rules"
}

for deployment in fused 2 process; do
	workers=--workers=$deployment kind=controller so=.so
	[ $deployment != process ] || workers=--workers=2 kind=driver so=
	serves 67108864 ramdisk "$workers" --$kind="$examples/ramdisk$so"
	[ "$(stat_of "$tmp/mnt" 's["mode"]')" = bundled ] || fail "ramdisk: not in bundled mode"
	umount_sheaf "$tmp/mnt"
	serves 16777216 ramdisk "$workers" --single --$kind="$examples/ramdisk$so size=16M"
	[ "$(stat_of "$tmp/mnt" 's["mode"]')" = single ] || fail "ramdisk: not in single-task mode"
	umount_sheaf "$tmp/mnt"

	# Over images: what one mount wrote is there in the next.
	make_image "$tmp/a" 20M
	make_image "$tmp/b" 21M
	make_image "$tmp/c" 33M
	serves $((3 * (20 << 20))) stripe "$workers" --$kind="$examples/stripe$so chunk=16K" "$tmp/a" "$tmp/b" "$tmp/c"
	md5sum <"$tmp/mnt/disk" >"$tmp/sum"
	mkdir -p "$tmp/other"
	refused 1 "in use|served already|lock" "$SHEAF" mount "$tmp/b" "$tmp/other"
	umount_sheaf "$tmp/mnt"
	mount_sheaf --$kind="$examples/stripe$so chunk=16K" "$tmp/a" "$tmp/b" "$tmp/c" "$tmp/mnt"
	md5sum <"$tmp/mnt/disk" | cmp - "$tmp/sum" || fail "stripe: other data after a mount"
	umount_sheaf "$tmp/mnt"
	# Chunk 4 is the second of image b.
	dd if="$tmp/b" bs=16K skip=1 count=1 status=none >"$tmp/chunk"
	mount_sheaf --$kind="$examples/stripe$so chunk=16K" "$tmp/a" "$tmp/b" "$tmp/c" "$tmp/mnt"
	dd if="$tmp/mnt/disk" bs=16K skip=4 count=1 status=none | cmp - "$tmp/chunk" || fail "stripe: chunk 4 is not where it belongs"
	umount_sheaf "$tmp/mnt"
	rm "$tmp/a" "$tmp/b" "$tmp/c"

	make_image "$tmp/image" 24M
	serves 25165824 slow "$workers" --$kind="$examples/slow$so latency=lognormal:100us,0.5 seed=2" "$tmp/image"
	umount_sheaf "$tmp/mnt"
	rm "$tmp/image"
done

# In a process of its own: with one context, one worker; and it may die.
make_image "$tmp/image" 24M
serves 25165824 single-task --driver="$examples/single-task" "$tmp/image"
[ "$(stat_of "$tmp/mnt" 's["deployment"], s["mode"], s["workers"]')" = "('process', 'single', 1)" ] ||
	fail "single-task: $(stat_of "$tmp/mnt" 's["deployment"], s["mode"], s["workers"]')"
md5sum <"$tmp/mnt/disk" >"$tmp/sum"
kill -KILL "$(stat_of "$tmp/mnt" 's["driver"]["pid"]')"
md5sum <"$tmp/mnt/disk" | cmp - "$tmp/sum" || fail "single-task: other data after its death"
restarted() { [ "$(stat_of "$tmp/mnt" 's["driver"]["restarts"]')" = 1 ]; }
wait_until 10 restarted || fail "single-task: not started again"
umount_sheaf "$tmp/mnt"

# One context, so one loop, without being told to; or as many as ask, which push to one worker.
make_image "$tmp/image" 24M
serves 25165824 single-task --controller="$examples/single-task.so" "$tmp/image"
[ "$(stat_of "$tmp/mnt" 's["deployment"], s["mode"], s["loops"]')" = "('fused', 'single', 1)" ] ||
	fail "single-task: $(stat_of "$tmp/mnt" 's["deployment"], s["mode"], s["loops"]')"
md5sum <"$tmp/mnt/disk" >"$tmp/sum"
umount_sheaf "$tmp/mnt"
md5sum <"$tmp/image" | cmp - "$tmp/sum" || fail "single-task: the image is not what was read"
for options in --workers=1 --loops=2; do
	serves 25165824 single-task $options --controller="$examples/single-task.so" "$tmp/image"
	[ "$(stat_of "$tmp/mnt" 's["deployment"], s["workers"]')" = "('pool', 1)" ] ||
		fail "single-task $options: $(stat_of "$tmp/mnt" 's["deployment"], s["workers"]')"
	umount_sheaf "$tmp/mnt"
done
refused 1 "at most 1 loops.*--workers=1" "$SHEAF" mount --workers=2 --controller="$examples/single-task.so" "$tmp/image" "$tmp/mnt"

# Latency is what was asked for.
mount_sheaf --controller="$examples/slow.so latency=20ms" "$tmp/mnt"
dd if="$tmp/mnt/disk" of=/dev/null bs=4K count=20 iflag=direct status=none
p50=$(stat_of "$tmp/mnt" 's["latency"]["read"]["p50_ns"]')
[ "$p50" -ge 20000000 ] || fail "slow: half of the reads took $p50 ns or less, and 20 ms were asked for"
umount_sheaf "$tmp/mnt"

# What is wrong is said, with the file.
refused 1 "no such file here" "$SHEAF" mount --controller=none.so "$tmp/mnt"
refused 1 "$tmp/none.so: No such file" "$SHEAF" mount --controller="$tmp/none.so" "$tmp/mnt"
refused 1 "a driver's file comes first" "$SHEAF" mount --controller=" x" "$tmp/mnt"
refused 1 "ramdisk: size=7.*size=64M" "$SHEAF" mount --controller="$examples/ramdisk.so size=7" "$tmp/mnt"
refused 1 "stripe: needs images" "$SHEAF" mount --controller="$examples/stripe.so" "$tmp/mnt"
refused 1 "forward: takes one device" "$SHEAF" mount --controller="$examples/forward.so" "$tmp/mnt"
refused 1 "no SCSI device" "$SHEAF" mount --controller="$examples/forward.so dev=/dev/null" "$tmp/mnt"
refused 2 "IMAGE or DIR is missing" "$SHEAF" mount "$tmp/mnt"
if [ -e "$(dirname "$SHEAF")/tests/drivers/broken-api.so" ]; then
	refused 1 "version 99.*build it again" "$SHEAF" mount --controller="$(dirname "$SHEAF")/tests/drivers/broken-api.so" "$tmp/mnt"
	refused 1 "start_controller failed" "$SHEAF" mount --controller="$(dirname "$SHEAF")/tests/drivers/broken-start.so" "$tmp/mnt"
fi

# A real SCSI device, where there is one that is nobody's: scsi_debug's, read only.
node=$({ grep -ls "^scsi_debug" /sys/class/scsi_generic/sg*/device/model || true; } | sed -n "1s,.*/\\(sg[0-9]*\\)/device/model,/dev/\\1,p")
if [ -z "$node" ]; then
	echo "forward was not tried on a device: there is no sg node of scsi_debug here"
	exit 0
fi
"$SHEAF" check --read-only "$examples/forward.so dev=$node"
mount_sheaf -r --controller="$examples/forward.so dev=$node" "$tmp/mnt"
dd if="$tmp/mnt/disk" of=/dev/null bs=64K count=16 status=none
umount_sheaf "$tmp/mnt"
