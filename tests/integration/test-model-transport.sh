#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with requests from /dev/fuse and from FUSE-over-io_uring.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

for workers in fused 2; do
	run_model 8M --transport=dev --workers=$workers
done
[ "$(cat /sys/module/fuse/parameters/enable_uring 2>/dev/null)" = Y ] ||
	skip "FUSE-over-io_uring is off in this kernel; /dev/fuse is well"
for workers in fused 2; do
	run_model 8M --transport=uring --workers=$workers
	run_model 8M --transport=uring --workers=$workers --cache=on
done
run_model 8M --transport=uring --block-size=4096
run_model 8M --transport=uring --slots=2
