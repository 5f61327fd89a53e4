#!/bin/bash
# SPDX-License-Identifier: MIT
# sg3-utils, sdparm and smartctl on .sheaf/sg0: each tool ends as on a good SSD, and says what it should.
# The exit codes are those of sg3_utils(8): 5 ILLEGAL REQUEST, 2 NOT READY, 9 invalid operation code, 14 MISCOMPARE, 7 DATA PROTECT, …
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program sg_inq sdparm smartctl

make_image "$tmp/img" 64M
make_image "$tmp/img1" 256G
mount_sheaf "$tmp/img" "$tmp/img1" "$tmp/mnt"
node=$tmp/mnt/.sheaf/sg0

# says EXIT PATTERN TOOL ARGUMENT...: it ends with EXIT, and its output has the extended regular expression PATTERN
says() {
	local want=$1 pattern=$2 got=0
	shift 2
	timeout 60 "$@" >"$tmp/out" 2>&1 || got=$?
	[ "$got" = "$want" ] || {
		cat "$tmp/out"
		fail "$*: ends with $got, not $want"
	}
	[ -z "$pattern" ] || grep -Eq -- "$pattern" "$tmp/out" || {
		cat "$tmp/out"
		fail "$*: does not say $pattern"
	}
}

# Who it is.
says 0 'Vendor identification: SHEAF' sg_inq "$node"
says 0 'version descriptor|SPC-4' sg_inq -d "$node"
says 0 'SHEAF' sg_scan -i "$node"
for page in 0x00 0x80 0x83 0x86 0xb0 0xb1 0xb2; do
	says 0 . sg_vpd --page=$page "$node"
done
says 0 'Block limits VPD page' sg_vpd --all "$node"
says 83 "not in supported" sg_vpd -v --page=0xb6 "$node"
says 0 'Number of logical blocks=131072' sg_readcap "$node"
says 0 'Logical block provisioning: lbpme=1, lbprz=1' sg_readcap --long "$node"
says 0 '' sg_turs "$node"
says 0 'Lun list length = 16' sg_luns "$node"
says 0 'Read\(10\)' sg_opcodes "$node"
says 0 'Compare and write' sg_opcodes --opcode=0x89 "$node"
says 0 'Logical unit reset' sg_opcodes --tmf "$node"
says 0 'No Sense|sense' sg_requests --desc "$node"
says 0 '' sg_requests "$node"

# How it is set. sdparm asks for saved values as well, which are refused, as nothing is saved: 5.
says 0 'Caching' sg_modes --all "$node"
says 0 'Control' sg_modes --page=0x0a "$node"
says 5 'WCE +1' sdparm --get=WCE "$node"
says 0 '' sdparm --clear=WCE "$node"
says 5 'WCE +0' sdparm --get=WCE "$node"
says 0 '' sdparm --set=WCE "$node"
says 5 'Caching|WCE' sdparm --all "$node"
says 0 '' sdparm --inquiry --all "$node"
# The same page written back: header of MODE SELECT (10), page 0ah.
sg_modes --page=0x0a -r "$node" >"$tmp/page" 2>/dev/null || true
says 0 'changeable|mode' sg_wr_mode --page=0x0a "$node"
says 0 'Supported log pages' sg_logs "$node"
says 0 'Informational Exceptions' sg_logs --all "$node"
says 0 'Used LBA mapping threshold resource count' sg_logs --page=0xc "$node"
says 0 'number of read commands' sg_logs --page=0x19 "$node"
says 0 'SHEAF' sg_logs --select --control=3 "$node"
says 0 'number of read commands = 0' sg_logs --page=0x19 "$node"
says 5 '' sg_logs --page=0x0d "$node"

# Data.
says 0 '' sg_verify --lba=0 --count=128 "$node"
says 0 '' sg_sync "$node"
says 0 '' sg_sync --16 --immed "$node"
printf 'sheaf' | dd of="$tmp/mnt/disk0" bs=1 seek=8192 conv=notrunc status=none
says 0 '' sg_unmap --lba=16 --num=8 --force "$node"
[ "$(dd if="$tmp/mnt/disk0" bs=1 skip=8192 count=5 status=none | tr -d '\0')" = "" ] || fail "sg_unmap has left data"
says 0 'deallocated' sg_get_lba_status --lba=16 "$node"
head -c 512 /dev/urandom >"$tmp/block"
says 0 '' sg_write_same --lba=64 --num=64 --in="$tmp/block" "$node"
for block in 64 127; do
	cmp -n 512 "$tmp/block" <(dd if="$tmp/mnt/disk0" bs=512 skip=$block count=1 iflag=direct status=none) ||
		fail "sg_write_same: block $block"
done
says 0 'mapped' sg_get_lba_status --lba=64 "$node"
head -c 512 /dev/urandom >"$tmp/new"
cat "$tmp/block" "$tmp/new" >"$tmp/both"
says 0 '' sg_compare_and_write --lba=64 --num=1 --in="$tmp/both" "$node"
cmp -n 512 "$tmp/new" <(dd if="$tmp/mnt/disk0" bs=512 skip=64 count=1 iflag=direct status=none) ||
	fail "sg_compare_and_write has not written"
says 14 '[Mm]iscompare' sg_compare_and_write --lba=64 --num=1 --in="$tmp/both" "$node"
says 0 '' sg_verify --lba=64 --count=1 --bytchk=1 --ndo=512 --in="$tmp/new" "$node"
says 14 '' sg_verify --lba=64 --count=1 --ndo=512 --in="$tmp/block" "$node"
says 0 'received|bytes' sg_raw --request=512 "$node" 28 00 00 00 00 40 00 00 01 00
says 9 '' sg_raw "$node" ff 00 00 00 00 00
says 22 '' sg_raw --request=512 "$node" 28 00 ff ff ff ff 00 00 01 00

# Reservations: the node's callers are one initiator, the mount another.
says 0 'no registered|0 registered|no reservation|there are NO' sg_persist --in --read-keys "$node"
says 0 '' sg_persist --out --register --param-sark=0x1234 "$node"
says 0 '0x1234' sg_persist --in --read-keys "$node"
says 0 '' sg_persist --out --reserve --param-rk=0x1234 --prout-type=3 "$node"
says 0 'Exclusive Access' sg_persist --in --read-reservation "$node"
says 0 'Report capabilities' sg_persist --in --report-capabilities "$node"
says 0 '0x1234' sg_persist --in --read-full-status "$node"
! dd if="$tmp/mnt/disk0" of=/dev/null bs=4k count=1 iflag=direct status=none 2>/dev/null ||
	fail "the mount reads what another initiator has reserved"
says 0 '' sg_persist --out --release --param-rk=0x1234 --prout-type=3 "$node"
dd if="$tmp/mnt/disk0" of=/dev/null bs=4k count=1 iflag=direct status=none || fail "released, and no reads"
says 0 '' sg_persist --out --clear --param-rk=0x1234 "$node"

# Maintenance.
says 0 '' sg_start --stop "$node"
says 2 '' sg_turs "$node"
says 0 '' sg_start --start "$node"
says 0 '' sg_turs "$node"
says 0 '' sg_prevent --allow "$node"
says 0 '' sg_read_buffer --mode=3 --length=4 "$node"
says 0 '' sg_senddiag --selftest=0 --test "$node"
says 0 '' sg_senddiag --list "$node"

# Self-tests. 1, 2: in the background, short and extended; 5, 6: in the foreground; 4 aborts one in the background.
no_test_runs() {
	! sg_logs --page=0x10 "$node" 2>/dev/null | grep -q 'self test in progress'
}
tested() {
	wait_until 20 no_test_runs || fail "a self-test has no end"
}
for code in 1 2 5 6; do
	says 0 '' sg_senddiag --selftest=$code "$node"
	tested
	says 0 "Parameter code = 1, accumulated power-on hours = 0" sg_logs --page=0x10 "$node"
	sed -n 's/^  *self-test code: .*\[\([0-9]*\)\].*/\1/p' "$tmp/out" | head -n1 | grep -qx $code || {
		cat "$tmp/out"
		fail "the log's newest self-test is not $code"
	}
	grep -q 'completed without error' "$tmp/out" || fail "self-test $code: $(cat "$tmp/out")"
done
says 5 '' sg_senddiag --selftest=4 "$node"
says 0 'Self Test has begun|self.?test' smartctl -d scsi -t short "$node"
tested
says 0 'Self Test has begun|self.?test' smartctl -d scsi -t long "$node"
tested
says 0 'Background long +Completed' smartctl -d scsi -l selftest "$node"
says 0 'Background short +Completed' smartctl -d scsi -l selftest "$node"
says 0 'Long \(extended\) Self-test duration: 1 sec' smartctl -d scsi -l selftest "$node"
# A large disk's goes on until it is aborted; everything else goes on beside it.
large=$tmp/mnt/.sheaf/sg1
says 0 '' sg_senddiag --selftest=2 "$large"
says 0 'self test in progress' sg_logs --page=0x10 "$large"
says 0 'Progress indication' sg_requests --progress "$large"
says 0 '' sg_turs "$large"
dd if="$tmp/mnt/disk1" of=/dev/null bs=64k count=64 iflag=direct status=none || fail "no read beside a self-test"
says 2 'elf.?test in progress' sg_senddiag -vv --selftest=1 "$large"
! timeout 20 "$SHEAF" resize --force "$tmp/mnt/disk1" 128G 2>"$tmp/out" || fail "shrunk while it is tested"
grep -q 'a self-test in the background' "$tmp/out" || fail "resize says $(cat "$tmp/out")"
says 0 'returned without error' smartctl -d scsi -X "$large"
says 0 'Long \(extended\) Self-test duration: 1025 sec' smartctl -d scsi -l selftest "$large"
says 0 'Background long +Aborted \(by user command\)' smartctl -d scsi -l selftest "$large"
says 0 'elf Test has begun' smartctl -d scsi -t long "$large"
says 0 '' sg_reset --device "$large"
sg_turs "$large" >"$tmp/out" 2>&1 || true
says 0 'Background long +Aborted \(device reset' smartctl -d scsi -l selftest "$large"
says 0 '' sg_reset --device "$node"
says 6 'power|reset|Unit attention' sg_turs "$node"
says 0 '' sg_turs "$node"
says 0 '' sg_reset --target "$node"
sg_turs "$node" >"$tmp/out" 2>&1 || true
says 0 'not an enclosure' sg_ses "$node"
says 5 '' sg_ses --page=2 "$node"
says 0 'SHEAF' smartctl -d scsi -i "$node"
says 0 'SMART Health Status: OK' smartctl -d scsi -H "$node"
smartctl -d scsi -a "$node" >"$tmp/out" 2>&1 || fail "smartctl -a: $(cat "$tmp/out")"

# Last, as they take all data.
says 0 '' sg_format --format --quick --wait "$node"
says 0 '' sg_sanitize --block --quick --wait "$node"
cmp -n $((64 << 20)) "$tmp/mnt/disk0" /dev/zero || fail "sanitized, and something is left"
says 0 '' sg_turs "$node"
umount_sheaf "$tmp/mnt"
