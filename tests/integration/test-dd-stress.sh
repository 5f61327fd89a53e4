#!/bin/bash
# SPDX-License-Identifier: MIT
# Many dd at once on each transport and deployment: every block is proven; and a block that was damaged while unmounted is found.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
stress=$here/../../examples/dd-stress

# Its scratch is below ours, so that the cleanup here finds a mount that it left behind.
export TMPDIR=$tmp
"$stress" --all --seconds="${SHEAF_TEST_STRESS_SECONDS:-8}" --size=48M || fail "dd-stress: see above"

for kind in lost kept; do
	status=0
	"$stress" --seconds=1 --size=16M --damage=$kind >"$tmp/said" 2>&1 || status=$?
	sed 's/^/  says: /' "$tmp/said"
	[ $status = 1 ] || fail "ended with $status, not 1, though a block was $kind"
	at=$(sed -n 's/^  block at \([0-9]*\) of the image.*/\1/p' "$tmp/said")
	grep -q "^dd-stamp: offset $at, " "$tmp/said" || fail "does not name the block that was $kind"
done
