#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with direct I/O on the image.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

requires "no direct I/O in $tmp" dd if=/dev/zero of="$tmp/probe" bs=4096 count=1 oflag=direct
for io in uring sync; do
	for workers in fused 1; do
		run_model 8M --io=$io --workers=$workers --block-size=4096 --direct=on
	done
done
