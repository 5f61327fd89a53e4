#!/bin/bash
# SPDX-License-Identifier: MIT
# A user without rights mounts through fusermount3, and unmounts.

# As root: in a mount namespace of our own, where /dev/fuse is what it is on most systems, everybody's.
if [ "$(id -u)" = 0 ] && [ -z "${SHEAF_TEST_UNSHARED:-}" ] && unshare -m true 2>/dev/null; then
	SHEAF_TEST_UNSHARED=1 exec unshare -m --propagation private bash "$0"
fi

# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program fusermount3

run=()
if [ "$(id -u)" = 0 ]; then
	requires_program setpriv
	run=("${as_nobody[@]}")
	cp "$SHEAF" "$tmp/sheaf"
	SHEAF=$tmp/sheaf
	if [ -n "${SHEAF_TEST_UNSHARED:-}" ] && mknod "$tmp/fuse" c 10 229 && chmod 666 "$tmp/fuse"; then
		mount --bind "$tmp/fuse" /dev/fuse && cleanup_fn umount /dev/fuse
	fi
	[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not setuid"
fi
requires "user nobody may not open /dev/fuse here" "${run[@]}" bash -c 'exec 3<>/dev/fuse'
mkdir "$tmp/user" "$tmp/user/mnt"
make_image "$tmp/user/image" 4M
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$tmp/user"
dir=$tmp/user/mnt

cleanup_fn end_mount "$dir"
servers[$dir]=
timeout 60 "${run[@]}" "$SHEAF" mount "$tmp/user/image" "$dir"
connections[$dir]=$(connection_at "$dir")
# shellcheck disable=SC2016
pid=$("${run[@]}" timeout 20 sed -n 's/.*"pid": \([0-9]\+\),$/\1/p' "$dir/.sheaf/stats.json" | head -n 1)
servers[$dir]=$pid
[ "$(stat -c %u "/proc/$pid")" != 0 ] || [ "$(id -u)" != 0 ] || fail "the server runs as root"
random_file "$tmp/copy" 4194304
chmod 644 "$tmp/copy"
"${run[@]}" timeout 20 dd if="$tmp/copy" of="$dir/disk" bs=1M conv=notrunc,fsync status=none
"${run[@]}" timeout 20 cmp "$dir/disk" "$tmp/copy"
"${run[@]}" timeout 20 "$SHEAF" umount "$dir"
is_gone "$pid" || fail "the server stays"
same "$tmp/user/image" "$tmp/copy"

# Sharing it is a matter of /etc/fuse.conf.
if ! grep -q '^[[:space:]]*user_allow_other' /etc/fuse.conf 2>/dev/null; then
	refused 1 "user_allow_other" "${run[@]}" "$SHEAF" mount --allow-other=on "$tmp/user/image" "$dir"
	! is_mounted "$dir" || fail "mounted all the same"
fi
