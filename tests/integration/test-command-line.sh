#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage errors end with 2 and name what is wrong; help and version end with 0.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"

make_image "$tmp/image" 1M
mkdir "$tmp/mnt"
refused 2 "usage|command" "$SHEAF"
refused 2 "fly" "$SHEAF" fly
refused 2 "wings" "$SHEAF" mount --wings=2 "$tmp/image" "$tmp/mnt"
refused 2 "wings" "$SHEAF" mount -o wings "$tmp/image" "$tmp/mnt"
refused 2 "io.*(fast|auto)" "$SHEAF" mount --io=fast "$tmp/image" "$tmp/mnt"
refused 2 "workers" "$SHEAF" mount --workers=many "$tmp/image" "$tmp/mnt"
refused 2 "block.size.*1000" "$SHEAF" mount -o block_size=1000 "$tmp/image" "$tmp/mnt"
refused 2 "." "$SHEAF" mount "$tmp/image"
refused 2 "." "$SHEAF" umount
refused 2 "." "$SHEAF" stats
refused 2 "." "$SHEAF" create
for command in "" create mount umount stats attach detach; do
	# shellcheck disable=SC2086
	timeout 20 "$SHEAF" $command --help >"$tmp/help" || fail "sheaf $command --help ends with $?"
	grep -q "sheaf $command" "$tmp/help" || fail "sheaf $command --help does not say how it is called"
done
timeout 20 "$SHEAF" --version | grep -E 'sheaf [0-9]+\.[0-9]+'
