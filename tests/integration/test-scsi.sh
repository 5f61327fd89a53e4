#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf scsi, and commands that are written to .sheaf/sgN: on both transports and in each deployment; a hostile writer, threads on one
# file, other users; while all of SG_IO's threads are stuck; and on a read-only mount.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

rule() {
	timeout 60 python3 "$here/scsi_node.py" "$@" || fail "$options: ${*:2}"
}

scsi() {
	timeout -k 5 30 "$SHEAF" scsi "$tmp/mnt" "$@"
}

# ends STATUS REGEX WORD...: sheaf scsi ends so, and says so on standard error
ends() {
	refused "$1" "$2" "$SHEAF" scsi "$tmp/mnt" "${@:3}"
}

# json EXPRESSION WORD...: of j, which is its answer; true
json() {
	local expression=$1
	shift
	timeout -k 5 30 "$SHEAF" scsi --json "$tmp/mnt" "$@" >"$tmp/json" || true
	python3 -m json.tool "$tmp/json" >/dev/null || fail "$options: no JSON: $*"
	python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$tmp/json" \
		"$expression" || fail "$options: $*: not so: $expression; $(cat "$tmp/json")"
}

says() {
	local regex=$1
	shift
	scsi "$@" >"$tmp/says" || fail "$options: $*: $?"
	grep -qE -- "$regex" "$tmp/says" || fail "$options: $* does not say '$regex': $(cat "$tmp/says")"
}

commands() {
	says '^vendor +SHEAF$' inquiry
	says 'designator type 3 \(NAA\)' inquiry --vpd=83
	says '^maximum transfer length +2048$' inquiry --vpd b0
	json 'j["data"]["vendor"] == "SHEAF" and j["status"] == "GOOD" and j["sense"] is None' inquiry
	scsi tur >/dev/null || scsi tur
	says '^bytes +16777216$' readcap
	json '[l["lun"] for l in j["data"]["luns"]] == [0]' luns
	json '"READ(16)" in [c["name"] for c in j["data"]["commands"]]' opcodes
	json 'j["data"]["cdb_usage"].startswith("12 01")' opcodes --opcode=12
	says '^lurs +yes' tmfs
	json '[p["name"] for p in j["data"]["pages"]] == ["Caching"]' modes --page=08
	says '^key name +NO SENSE' request-sense
	says 'GOOD' sync

	# Data, of any length, there and back. The disk's file sees them.
	random_file "$tmp/data" 1572864
	says 'GOOD' write --lba=3 <"$tmp/data"
	scsi read --lba=3 --count=3072 >"$tmp/read" || fail "$options: read"
	same "$tmp/data" "$tmp/read"
	dd if="$tmp/mnt/disk" bs=512 skip=3 count=3072 of="$tmp/read" status=none
	same "$tmp/data" "$tmp/read"
	head -c 512 "$tmp/data" | scsi write --lba=100 --count=1 --fua >/dev/null || fail "$options: write --fua"
	ends 1 'the data end' write --lba=0 --out=/etc/hostname
	ends 1 'the data end' write --lba=0 --count=4 --out="$tmp/one"
	says 'GOOD' verify --lba=3 --count=64
	says 'GOOD' verify --lba=4000 --count=1000
	head -c 32768 "$tmp/data" | scsi write --lba=3 >/dev/null
	head -c 32768 "$tmp/data" | scsi verify --lba=3 --count=64 --bytchk=1 >/dev/null || fail "$options: verify --bytchk=1"
	ends 14 'MISCOMPARE DURING VERIFY' verify --lba=4 --count=64 --bytchk=1 --out="$tmp/data"
	says 'GOOD' unmap --lba=8 --count=1024
	json '[d for d in j["data"]["descriptors"] if d["lba"] <= 16 < d["lba"] + d["blocks"]][0]["provisioning_status"]["value"] == 1' \
		lba-status --lba=8
	says 'GOOD' write-same --lba=2000 --count=100 --out="$tmp/one"
	scsi read --lba=2050 >"$tmp/read"
	same "$tmp/one" "$tmp/read"
	says 'GOOD' write-same --lba=2000 --count=100 --ndob
	scsi read --lba=2099 | cmp -n 512 - /dev/zero || fail "$options: write-same --ndob"

	# What is refused, and how it ends.
	ends 5 'ILLEGAL REQUEST: LOGICAL BLOCK ADDRESS OUT OF RANGE' read --lba=0xffffffffffff
	ends 5 'ILLEGAL REQUEST: INVALID FIELD IN CDB, byte 2' inquiry --vpd=c0
	ends 9 'CDB 02: ILLEGAL REQUEST: INVALID COMMAND OPERATION CODE' raw 02 00 00 00 00 00
	json 'j["sense"]["key_name"] == "ILLEGAL REQUEST" and j["sense"]["asc"] == 0x20' raw 02 00 00 00 00 00
	json 'j["sense"]["field"]["byte"] == 2' inquiry --vpd=c0
	ends 1 'there is no disk 7' --lun=7 tur
	ends 2 'no such command.*inquiry' inquir
	ends 2 '--lba: not of inquiry' inquiry --lba=1
	ends 2 'it changes data' unmap
	ends 2 'it changes data' write-same --lba=1
	ends 2 'a CDB has 6 to 16 bytes' raw 12
	ends 2 'COMMAND is missing'

	# Bytes.
	scsi raw --in=36 12 00 00 00 24 00 | grep -q 'SHEAF' || fail "$options: raw"
	json 'j["data_hex"].startswith("00 00 06") and j["data_in_bytes"] == 36' raw --in=36 120000002400
	scsi raw --out="$tmp/one" 2a 00 00 00 01 00 00 00 01 00 >/dev/null || fail "$options: raw --out"
	scsi read --lba=256 >"$tmp/read"
	same "$tmp/one" "$tmp/read"

	# Resets, which are news for the next.
	says 'LOGICAL UNIT RESET: FUNCTION COMPLETE' reset
	ends 6 'UNIT ATTENTION: ' tur
	says 'GOOD' tur
	says 'target reset: FUNCTION COMPLETE' reset --target
	json 'len(j["unit_attentions"]) == 1 and j["status"] == "GOOD"' readcap
	says 'FUNCTION COMPLETE' abort-task-set
	says 'FUNCTION COMPLETE' clear-task-set
	says 'GOOD' sync
}

random_file "$tmp/one" 512
# Another mount, whose server will stand still.
make_image "$tmp/still.img" 16M
mount_sheaf --transport=dev "$tmp/still.img" "$tmp/still"
still_pid=$(server_of "$tmp/still")

for options in --transport=dev --transport=auto --cache=on --workers=1 --driver=disk --io=sync --single; do
	make_image "$tmp/img" 16M
	mount_sheaf "$options" "$tmp/img" "$tmp/mnt"
	node=$tmp/mnt/.sheaf/sg0
	for name in outcome hostile order threads mapped; do
		rule "$node" $name
	done
	commands
	# The page cache has nothing stale.
	cat "$tmp/mnt/disk" >/dev/null
	scsi write --lba=0 <"$tmp/data" >/dev/null
	umount_sheaf "$tmp/mnt"
	cmp -n 1572864 "$tmp/img" "$tmp/data" || fail "$options: the image"
done

# O_DIRECT images: the data lie in whole pages.
options=--direct=on
make_image "$tmp/img" 16M
if mount_sheaf --direct=on "$tmp/img" "$tmp/mnt" 2>/dev/null; then
	rule "$tmp/mnt/.sheaf/sg0" outcome
	umount_sheaf "$tmp/mnt"
else
	echo "no O_DIRECT in $tmp; left out"
fi

# While each of SG_IO's threads is stuck in a caller's memory.
options=stuck
mount_sheaf --slots=256 "$tmp/img" "$tmp/mnt"
callers=()
for i in {1..12}; do
	in_background python3 "$here/sg_io.py" "$tmp/mnt/.sheaf/sg0" stall "$tmp/still/disk" "$tmp/go" >"$tmp/stall.$i" 2>&1
	callers+=("$background")
done
all_mapped() {
	[ "$(cat "$tmp"/stall.* | wc -l)" = 12 ]
}
wait_until 60 all_mapped || fail "callers do not begin"
stop_process "$still_pid"
: >"$tmp/go"
is_refused() {
	grep -qx EBUSY "$tmp"/stall.*
}
wait_until 20 is_refused || fail "nobody is told EBUSY"
is_busy() {
	refused 1 . python3 "$here/sg_io.py" "$tmp/mnt/.sheaf/sg0" outcome
}
is_busy
says 'SHEAF' inquiry
says 'FUNCTION COMPLETE' reset
scsi write --lba=0 <"$tmp/data" >/dev/null || fail "write"
kill -KILL "${callers[@]}" 2>/dev/null || true
let_go_on "$still_pid"
for pid in "${callers[@]}"; do
	wait_until 20 is_gone "$pid" || fail "a killed caller stays"
done
# Once more: a killed caller's WRITE of block 0 may have come after it.
scsi write --lba=0 <"$tmp/data" >/dev/null || fail "write"
umount_sheaf "$tmp/mnt"

# A command whose driver stands still does not hold another's, nor its reset; at its deadline it ends, with an answer, by SG_IO too.
for transport in $(transports); do
	options=$transport
	rm -f "$tmp/go"
	mount_sheaf --transport="$transport" --timeout=3s --grace=1s --direct=on "$tmp/still/disk" "$tmp/mnt"
	in_background python3 "$here/scsi_node.py" "$tmp/mnt/.sheaf/sg0" parallel "$tmp/go" >"$tmp/parallel"
	waiter=$background
	wait_until 20 grep -q ready "$tmp/parallel" || fail "$transport: it does not begin"
	scsi tur >/dev/null || true
	stop_process "$still_pid"
	: >"$tmp/go"
	sleep 0.5
	is_alive "$waiter" || fail "$transport: the command does not wait"
	begun=$EPOCHREALTIME
	scsi inquiry >/dev/null || fail "$transport: another command"
	python3 -c 'import sys; sys.exit(float(sys.argv[2]) - float(sys.argv[1]) > 2)' "$begun" "$EPOCHREALTIME" ||
		fail "$transport: another command waited for it"
	status=0
	scsi read --lba=64 >/dev/null 2>"$tmp/late" || status=$?
	[ $status = 33 ] || fail "$transport: a command that takes too long ends with $status"
	grep -q 'took too long\|aborted' "$tmp/late" || fail "$transport: $(cat "$tmp/late")"
	timeout 30 python3 "$here/sg_io.py" "$tmp/mnt/.sheaf/sg0" late || fail "$transport: SG_IO of a command that takes too long"
	let_go_on "$still_pid"
	wait_until 20 is_gone "$waiter" || fail "$transport: it stays"
	umount_sheaf "$tmp/mnt"
done
umount_sheaf "$tmp/still"

# Nothing can be written into a read-only mount: SG_IO.
options=--read-only
mount_sheaf -r "$tmp/img" "$tmp/mnt"
says 'SHEAF' inquiry
says 'wp +yes' modes
scsi read --lba=0 --count=3072 >"$tmp/read" || fail "read"
same "$tmp/read" "$tmp/data"
ends 7 'DATA PROTECT: WRITE PROTECTED' write --lba=0 --out="$tmp/one"
says 'FUNCTION COMPLETE' reset
umount_sheaf "$tmp/mnt"

# Others.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	options=--allow-other
	mount_sheaf --allow-other=on --mode=0666 "$tmp/img" "$tmp/mnt"
	rule "$tmp/mnt/.sheaf/sg0" foreign
	refused 1 'only the owner' "${as_nobody[@]}" "$SHEAF" scsi "$tmp/mnt" inquiry
	rule "$tmp/mnt/.sheaf/sg0" outcome
	umount_sheaf "$tmp/mnt"
fi
