#!/bin/bash
# SPDX-License-Identifier: MIT
# An image that is cut behind our back: EIO for what is gone, the rest reads, nothing crashes.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

for options in "--io=uring" "--io=sync --workers=1"; do
	random_file "$tmp/image" 4194304
	head -c 1048576 "$tmp/image" >"$tmp/copy"
	# shellcheck disable=SC2086
	mount_sheaf $options "$tmp/image" "$tmp/mnt"
	truncate -s 1048576 "$tmp/image"
	refused 1 "input/output error" dd if="$tmp/mnt/disk" of=/dev/null bs=64k skip=32 count=1
	refused 1 "input/output error" dd if="$tmp/mnt/disk" of=/dev/null bs=1M iflag=direct skip=3
	cmp -n 1048576 "$tmp/mnt/disk" "$tmp/copy" || fail "what is left reads wrong"
	is_alive "$server" || fail "the server is gone"
	umount_sheaf "$tmp/mnt"
done
