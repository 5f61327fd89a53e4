#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with logical blocks of 4096 bytes.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

for io in uring sync; do
	for workers in fused 1; do
		run_model 8M --io=$io --workers=$workers --block-size=4096
	done
done
