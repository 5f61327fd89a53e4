#!/bin/bash
# SPDX-License-Identifier: MIT
# Without /dev/fuse the error says what is missing.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_root
requires "no mount namespaces" unshare -m true

make_image "$tmp/image" 1M
mkdir "$tmp/mnt" "$tmp/dev"
# shellcheck disable=SC2016
refused 1 "/dev/fuse" unshare -m bash -ec '
	mknod "$1/dev/null" c 1 3
	mknod "$1/dev/zero" c 1 5
	mount --bind "$1/dev" /dev
	"$SHEAF" mount "$1/image" "$1/mnt"' _ "$tmp"
