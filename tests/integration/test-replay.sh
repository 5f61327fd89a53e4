#!/bin/bash
# SPDX-License-Identifier: MIT
# Replay destroys nothing without --write, takes no disk of another size, refuses files that are no recordings, keeps the time that it is
# told to, and fio runs the iolog that it writes.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

make_image "$tmp/image" 8M
make_image "$tmp/target" 8M
make_image "$tmp/small" 4M
mount_sheaf "$tmp/image" "$tmp/mnt"
in_background timeout 60 "$SHEAF" record --quiet --seconds 2s "$tmp/mnt" "$tmp/file"
recorder=$background
wait_until 10 test -s "$tmp/file" || fail "sheaf record writes nothing"
dd if=/dev/urandom of="$tmp/mnt/disk" bs=4k count=10 seek=3 oflag=direct conv=notrunc status=none
sleep 1
dd if="$tmp/mnt/disk" of=/dev/null bs=4k count=10 iflag=direct status=none
wait "$recorder" || fail "sheaf record ended with $?"
umount_sheaf "$tmp/mnt"

cp "$tmp/target" "$tmp/before"
refused 1 "--write" "$SHEAF" replay --to "$tmp/target" "$tmp/file"
same "$tmp/target" "$tmp/before"
refused 1 "4194304 bytes.* 8388608" "$SHEAF" replay --write --to "$tmp/small" "$tmp/file"
refused 1 "no such file" "$SHEAF" replay --write --to "$tmp/nothing" "$tmp/file"
refused 1 "no LUN 3" "$SHEAF" replay --lun 3 "$tmp/file"
refused 1 "speed" "$SHEAF" replay --write --speed fast --to "$tmp/target" "$tmp/file"

# Files that are no recordings.
size=$(stat -c %s "$tmp/file")
: >"$tmp/bad"
refused 1 "empty" "$SHEAF" replay "$tmp/bad"
refused 1 "not a recording" "$SHEAF" replay "$tmp/image"
for cut in 10 70 $((size - 1)); do
	head -c "$cut" "$tmp/file" >"$tmp/bad"
	refused 1 "too short|cut off" "$SHEAF" replay --print "$tmp/bad"
done
cp "$tmp/file" "$tmp/bad"
printf '\2' | dd of="$tmp/bad" bs=1 seek=8 conv=notrunc status=none
refused 1 "version" "$SHEAF" replay "$tmp/bad"

# The bytes of a write say where they belong; the rest stays.
begin=${EPOCHREALTIME/[.,]/}
timeout 60 "$SHEAF" replay --write --to "$tmp/target" "$tmp/file"
took=$((${EPOCHREALTIME/[.,]/} - begin))
[ "$took" -ge 900000 ] || fail "at original speed it took $took us"
python3 - "$tmp/target" <<'END'
import struct, sys

data = open(sys.argv[1], "rb").read()
want = b"".join(struct.pack("<Q", at) if 12288 <= at < 53248 else bytes(8) for at in range(0, len(data), 8))
if data != want:
    sys.exit("the target has other bytes")
END
begin=${EPOCHREALTIME/[.,]/}
timeout 60 "$SHEAF" replay --write --speed 4 --to "$tmp/target" "$tmp/file"
took=$((${EPOCHREALTIME/[.,]/} - begin))
[ "$took" -ge 200000 ] || fail "at speed 4 it took $took us"
SHEAF_TEST_NO_URING=1 timeout 60 "$SHEAF" replay --write --speed full --depth 4 --to "$tmp/target" "$tmp/file"

requires_program fio
"$SHEAF" replay --fio "$tmp/iolog" "$tmp/file"
timeout 60 fio --name=again --read_iolog="$tmp/iolog" --replay_redirect="$tmp/target" --replay_no_stall=1 --ioengine=psync \
	--output-format=json --output="$tmp/fio.json" || fail "fio does not run the iolog"
python3 - "$tmp/fio.json" <<'END'
import json, sys

job = json.load(open(sys.argv[1]))["jobs"][0]
got = job["read"]["total_ios"], job["write"]["total_ios"], job["error"]
if got != (10, 10, 0):
    sys.exit(f"fio read, wrote, errors: {got}")
END
