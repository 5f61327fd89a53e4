#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf create --preallocate on a disk that is too small fails, names the image, and leaves none behind.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_root

small_filesystem "$tmp/small" 4M
refused 1 "$tmp/small/image.*space" "$SHEAF" create --size 10M --preallocate "$tmp/small/image"
[ ! -e "$tmp/small/image" ] || fail "half an image is left"
