#!/bin/bash
# SPDX-License-Identifier: MIT
# iscsi-test-cu on .sheaf/sg0, all suites but sanitize: each test ends as iscsi-test-cu.expected says, no better and no worse.
# skip is what the tool says of a command that the LU lacks, and of what needs two initiators, iSCSI itself or other media.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program iscsi-test-cu

make_image "$tmp/img" 64M
mount_sheaf "$tmp/img" "$tmp/mnt"
# A file named like a suite would be read as a list of tests.
mkdir "$tmp/empty"
(cd "$tmp/empty" && timeout 120 iscsi-test-cu -V -d -t ALL "$tmp/mnt/.sheaf/sg0" >"$tmp/log" 2>&1) ||
	echo "iscsi-test-cu ends with $?" # its exit status knows no skips; the list decides
python3 "$here/cu_results.py" <"$tmp/log" >"$tmp/results"
diff "$here/iscsi-test-cu.expected" "$tmp/results" || fail "iscsi-test-cu.expected (<) is not what came (>)"
[ "$(wc -l <"$tmp/results")" -ge 230 ] || fail "tests are missing"
umount_sheaf "$tmp/mnt"
