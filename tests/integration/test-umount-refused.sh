#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf umount and sheaf stats of what is no mount of sheaf's say so.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

mkdir "$tmp/folder"
refused 1 "$tmp/missing" "$SHEAF" umount "$tmp/missing"
refused 1 "$tmp/folder" "$SHEAF" umount "$tmp/folder"
refused 1 "$tmp/folder" "$SHEAF" stats "$tmp/folder"
refused 1 "/proc" "$SHEAF" umount /proc
is_mounted /proc || fail "sheaf umount took /proc away"
