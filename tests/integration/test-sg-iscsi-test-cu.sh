#!/bin/bash
# SPDX-License-Identifier: MIT
# iscsi-test-cu on .sheaf/sg0, all suites: each test ends as iscsi-test-cu.expected says, no better and no worse. None fails, and the only one
# "missing" is CRYPTO ERASE, as nothing is encrypted. What a node cannot do (two iSCSI initiators, iSCSI itself, other media), and what
# contradicts something else that is tested (LBPPB < 2: UnmapSingle passes only so; 0 blocks with WSNZ 1), is skipped by the tool, for
# the reason that stands in the list.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program iscsi-test-cu python3

# What is run apart, or not at all.
crashes=ALL.Sanitize.OverwriteReserved # crashes the tool 1.19 where the path is no iSCSI URL
apart='ALL\.(MultipathIO|ReadOnly)\.'

make_image "$tmp/img" 64M
# The tool takes a file named like its -t as a list of tests, so the folder must hold nothing else.
mkdir "$tmp/lists"
cd "$tmp/lists"
iscsi-test-cu -l 2>/dev/null | grep -E '^ALL\.[^.]+\.[^.]+$' >all || fail "iscsi-test-cu -l lists nothing"
[ "$(wc -l <all)" -ge 230 ] || fail "tests are missing"
grep -vxF "$crashes" all | grep -Ev "$apart" >most
grep -E "${apart/|ReadOnly/}" all >multipath
grep -F ALL.ReadOnly. all >read-only

# run LIST NODE...
run() {
	timeout 120 iscsi-test-cu -V -d -S -t "$1" "${@:2}" >"$tmp/log.$1" 2>&1 ||
		echo "$1: iscsi-test-cu ends with $?" # its exit status knows no skips; the list decides
	python3 "$here/cu_results.py" <"$tmp/log.$1" >>"$tmp/results"
}

mount_sheaf "$tmp/img" "$tmp/mnt"
# First: MultipathIO.CompareAndWrite takes block 256, which it has not written, for zeros.
run multipath "$tmp/mnt/.sheaf/sg0" "$tmp/mnt/.sheaf/sg0"
run most "$tmp/mnt/.sheaf/sg0"
umount_sheaf "$tmp/mnt"
mount_sheaf --read-only "$tmp/img" "$tmp/mnt"
run read-only "$tmp/mnt/.sheaf/sg0"
umount_sheaf "$tmp/mnt"

for outcome in pass fail missing skip; do
	echo "$outcome: $(grep -cE "^[^ ]+ $outcome( |\$)" "$tmp/results")"
done
echo "not run: $crashes"
diff "$here/iscsi-test-cu.expected" "$tmp/results" || fail "iscsi-test-cu.expected (<) is not what came (>)"
