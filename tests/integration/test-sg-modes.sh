#!/bin/bash
# SPDX-License-Identifier: MIT
# sdparm, sg_wr_mode and sg_reset change mode parameters of a disk in use: writes go on with WCE 0, SWP refuses those of the mount too
# and can be taken back, a reset brings the defaults. sg3_utils decode all that the disk says of itself. And iscsi-test-cu's ReadOnly suite on a
# disk that is read-only beside one that is not (on a mount with read-only disks only, the kernel lets nobody open the node for writing).
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program sdparm sg_wr_mode sg_reset sg_vpd sg_inq sg_opcodes sg_luns sg_requests sg_modes sg_turs sg_raw

make_image "$tmp/img" 16M
random_file "$tmp/data" 1048576
mount_sheaf "$tmp/img" "$tmp/mnt"
node=$tmp/mnt/.sheaf/sg0

# set_to FIELD=VALUE
set_to() {
	sdparm --quiet --set "$1" "$node" >"$tmp/out" 2>&1 || fail "sdparm --set $1: $(cat "$tmp/out")"
	[ "$(value_of "${1%=*}")" = "${1#*=}" ] || fail "$1 was set, and is $(value_of "${1%=*}")"
}

value_of() {
	sdparm --quiet --get "$1" "$node" | awk -v field="$1" '$1 == field { print $2 }'
}

write_all() {
	dd if="$tmp/data" of="$tmp/mnt/disk" bs=64k conv=notrunc status=none
}

set_to WCE=0
write_all || fail "WCE 0: the mount cannot write"
cmp -n 1048576 "$tmp/img" "$tmp/data" || fail "WCE 0: other data"
sg_wr_mode --six -p 8 -c 8,12,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0 "$node" || fail "sg_wr_mode --six"
[ "$(value_of WCE)" = 1 ] || fail "sg_wr_mode --six has not set WCE"
sg_wr_mode -p 8 -c 8,12,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0 "$node" || fail "sg_wr_mode"
[ "$(value_of WCE)" = 0 ] || fail "sg_wr_mode has not cleared WCE"

for d_sense in 0 1; do
	set_to D_SENSE=$d_sense
	set_to SWP=1
	sg_modes "$node" | grep -q 'WP=1' || fail "SWP: no WP"
	refused 1 "read-only file system" dd if="$tmp/data" of="$tmp/mnt/disk" bs=512 count=1 conv=notrunc
	cmp -n 1048576 "$tmp/mnt/disk" "$tmp/data" || fail "SWP: other data"
	set_to SWP=0
	write_all || fail "the mount cannot write after SWP"
done
sg_raw -r 512 "$node" 88 00 12 34 56 78 00 00 00 00 00 00 00 01 00 00 >"$tmp/out" 2>&1 && fail "a read beyond the end"
grep -q 'Descriptor format' "$tmp/out" || fail "D_SENSE: $(cat "$tmp/out")"
grep -q 'Information: 0x1234567800000000' "$tmp/out" || fail "D_SENSE: $(cat "$tmp/out")"

# The reset's unit attention is the first command's.
sg_reset -d "$node" || fail "sg_reset"
sg_turs "$node" >/dev/null 2>&1 && fail "no unit attention after a reset"
[ "$(value_of WCE) $(value_of D_SENSE) $(value_of TST)" = "1 0 1" ] || fail "a reset does not bring the defaults"
write_all || fail "the mount cannot write after a reset"

# Everything that the disk says of itself can be decoded. (sdparm --all ends with 5, as no values are saved.)
decodes() {
	"$@" "$node" >"$tmp/out" 2>&1 || [ "$1" = sdparm ] || fail "$*: $(cat "$tmp/out")"
	grep -iE 'unknown|malformed|too short|truncated|cannot decode' "$tmp/out" && fail "$*: $(cat "$tmp/out")"
	return 0
}
decodes sg_inq
decodes sg_inq -d
decodes sg_vpd -a
decodes sg_luns -s 0x11
decodes sg_requests
decodes sg_requests -d
decodes sg_opcodes
decodes sg_opcodes -R
decodes sg_opcodes -R -o 0x2a
decodes sg_opcodes -o 0x9e,0x10
decodes sg_opcodes -t -q
decodes sg_modes
decodes sdparm --all
grep -q '^Control extension' "$tmp/out" || fail "sdparm --all: $(cat "$tmp/out")"
umount_sheaf "$tmp/mnt"

requires_program iscsi-test-cu
if [ "$(id -u)" = 0 ]; then
	small_filesystem "$tmp/fixed" 20M
	make_image "$tmp/fixed/img" 16M
	mount -o remount,ro "$tmp/fixed"
else
	mkdir "$tmp/fixed"
	make_image "$tmp/fixed/img" 16M
	chmod 444 "$tmp/fixed/img"
fi
mount_sheaf "$tmp/fixed/img" "$tmp/img" "$tmp/mnt"
mkdir "$tmp/empty"
(cd "$tmp/empty" && timeout 60 iscsi-test-cu -V -d -t ALL.ReadOnly "$node" >"$tmp/log" 2>&1) || fail "iscsi-test-cu: $(cat "$tmp/log")"
python3 "$here/cu_results.py" <"$tmp/log" >"$tmp/results"
grep -qE '^ReadOnly.ReadOnlySBC (pass|skip)$' "$tmp/results" || fail "ReadOnly: $(cat "$tmp/results" "$tmp/log")"
umount_sheaf "$tmp/mnt"
