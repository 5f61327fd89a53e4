#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with the controller on the loops that have the FUSE queues: both back ends, both modes.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

for io in uring sync; do
	run_model 8M --io=$io --workers=fused
	run_model 8M --io=$io --workers=fused --single
done
