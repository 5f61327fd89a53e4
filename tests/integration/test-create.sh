#!/bin/bash
# SPDX-License-Identifier: MIT
# sheaf create makes an image of the size asked for, sparse or with all its space, and never over a file.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"

timeout 20 "$SHEAF" create --size 10M "$tmp/sparse"
[ "$(stat -c %s "$tmp/sparse")" = 10485760 ] || fail "size $(stat -c %s "$tmp/sparse")"
[ "$(stat -c %b "$tmp/sparse")" -lt 100 ] || fail "not sparse"
timeout 20 "$SHEAF" create --size=10M --preallocate "$tmp/full"
[ "$(stat -c %b "$tmp/full")" -ge 20480 ] || fail "not preallocated"
timeout 20 "$SHEAF" create "$tmp/default"
[ "$(stat -c %s "$tmp/default")" = 10737418240 ] || fail "the default size is not 10G"
echo precious >"$tmp/file"
refused 1 "$tmp/file.*exists" "$SHEAF" create --size 10M "$tmp/file"
[ "$(cat "$tmp/file")" = precious ] || fail "a file was overwritten"
refused 1 "$tmp/none/image" "$SHEAF" create --size 10M "$tmp/none/image"
refused 2 "size.*much" "$SHEAF" create --size much "$tmp/other"
[ ! -e "$tmp/other" ] || fail "an image in spite of the error"
