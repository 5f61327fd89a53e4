#!/bin/bash
# SPDX-License-Identifier: MIT
# An image that the user may not read is refused with its name.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_root
requires_program setpriv

cp "$SHEAF" "$tmp/sheaf"
make_image "$tmp/image" 1M
chmod 600 "$tmp/image"
mkdir "$tmp/mnt"
chown 65534:65534 "$tmp/mnt"
refused 1 "$tmp/image.*(permission|may not)" "${as_nobody[@]}" "$tmp/sheaf" mount "$tmp/image" "$tmp/mnt"
! is_mounted "$tmp/mnt" || fail "something is mounted"
