#!/bin/bash
# SPDX-License-Identifier: MIT
# sg_persist on .sheaf/sg0: what its callers reserve keeps the mount out, with a clear errno, until it is released; APTPL survives a
# server and a driver that are killed, and goes with the image.
# shellcheck source=tests/integration/driver.sh
. "$(dirname "$0")/driver.sh"
requires_program sg_persist sg_raw

# persist ARGUMENT...: sg_persist without its INQUIRY
persist() {
	timeout 20 sg_persist -n "$@" "$tmp/mnt/.sheaf/sg0" 2>&1
}

# says TEXT ARGUMENT...: sg_persist's answer has TEXT
says() {
	local text=$1 answer
	shift
	answer=$(persist "$@") || fail "$options: sg_persist $*: $answer"
	[[ $answer == *"$text"* ]] || fail "$options: sg_persist $*: no '$text' in: $answer"
}

# write_fails ERROR: a write by the mount ends with this errno's name
write_fails() {
	python3 - "$tmp/mnt/disk" "$1" <<'END' || fail "$options: a write was not refused with $1"
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
try:
    os.pwrite(fd, b"x" * 4096, 0)
except OSError as error:
    sys.exit(errno.errorcode[error.errno] != sys.argv[2])
sys.exit(1)
END
}

# Without FSYNC at the close, which conflicts where writes do.
mount_reads() {
	timeout 20 python3 -c 'import os, sys; os._exit(len(os.pread(os.open(sys.argv[1], os.O_RDONLY), 4096, 0)) != 4096)' \
		"$tmp/mnt/disk" 2>/dev/null
}

mount_writes() {
	timeout 20 dd if=/dev/zero of="$tmp/mnt/disk" bs=4k count=1 conv=notrunc status=none
}

for options in --transport=dev --transport=auto --workers=1 --driver=disk "--driver=disk --driver-sandbox=seccomp"; do
	[[ $options != *seccomp ]] || "$SHEAF" --version | grep -q 'seccomp *yes' || continue
	read -ra flags <<<"$options"
	make_image "$tmp/img" 16M
	mount_sheaf "${flags[@]}" "$tmp/img" "$tmp/mnt"
	says "NO registered reservation keys" -k
	says "NO reservation held" -r
	says "Type Mask Valid(TMV): 1" -c
	says "No full status descriptors" -s
	mount_writes
	persist --out --reserve --param-rk=abc --prout-type=1 >/dev/null && fail "$options: reserved without a registration"
	says "" --out --register --param-sark=abc
	says "" --out --reserve --param-rk=abc --prout-type=1
	says "Key=0xabc" -s
	says "Write Exclusive" -r
	write_fails EBADE
	mount_reads || fail "$options: a write exclusive reservation keeps readers out"
	says "" --out --release --param-rk=abc --prout-type=1
	mount_writes || fail "$options: writes do not work again"
	says "" --out --reserve --param-rk=abc --prout-type=3
	mount_reads && fail "$options: an exclusive access reservation lets readers in"
	says "" --out --clear --param-rk=abc
	says "NO registered reservation keys" -k
	mount_reads || fail "$options: reads do not work again"
	mount_writes || fail "$options: writes do not work again"

	# The mount itself can be registered by its TransportID, and then writes where registrants may.
	says "" --out --register --param-sark=abc --transport-id=spi,7,1
	says "" --out --reserve --param-rk=abc --prout-type=5
	mount_writes || fail "$options: a registrant cannot write"
	says "" --out --clear --param-rk=abc

	# RESERVE (6) and RELEASE (6).
	timeout 20 sg_raw "$tmp/mnt/.sheaf/sg0" 16 00 00 00 00 00 2>/dev/null || fail "$options: RESERVE"
	write_fails EBADE
	timeout 20 sg_raw "$tmp/mnt/.sheaf/sg0" 17 00 00 00 00 00 2>/dev/null || fail "$options: RELEASE"
	mount_writes || fail "$options: writes do not work again after RELEASE"

	if [[ $(persist -c) != *"Capable(PTPL_C): 1"* ]]; then
		persist --out --register --param-sark=abc --param-aptpl >/dev/null &&
			fail "$options: APTPL, where nothing can be kept"
		umount_sheaf "$tmp/mnt"
		continue
	fi
	says "" --out --register --param-sark=abc --param-aptpl
	says "" --out --reserve --param-rk=abc --prout-type=1
	if [[ $options == --driver=* ]]; then
		kill -KILL "$(driver_of "$tmp/mnt")"
		wait_until 10 has_restarted "$tmp/mnt" 1 || fail "no driver comes after it was killed"
		# To SCSI that was a power loss.
		[[ $(persist -k) == *"Power on"* ]] || fail "no unit attention after the driver's death"
	else
		server=$(server_of "$tmp/mnt")
		kill -KILL "$server"
		wait_until 10 is_gone "$server" || fail "$options: a killed server stays"
		timeout 20 "$SHEAF" umount --force "$tmp/mnt" || fail "$options: the dead mount stays"
		mv "$tmp/img" "$tmp/moved"
		mount_sheaf "${flags[@]}" "$tmp/moved" "$tmp/mnt"
		mv "$tmp/moved" "$tmp/img"
	fi
	says "Key=0xabc" -s
	says "Write Exclusive" -r
	write_fails EBADE
	mount_reads || fail "$options: reads do not work after the kill"
	umount_sheaf "$tmp/mnt"

	mount_sheaf "${flags[@]}" "$tmp/img" "$tmp/mnt"
	says "PTPL_A): 1" -c
	says "Write Exclusive" -r
	says "" --out --clear --param-rk=abc
	mount_writes || fail "$options: writes do not work after CLEAR"
	umount_sheaf "$tmp/mnt"
	mount_sheaf "${flags[@]}" "$tmp/img" "$tmp/mnt"
	says "NO registered reservation keys" -k
	umount_sheaf "$tmp/mnt"
done
