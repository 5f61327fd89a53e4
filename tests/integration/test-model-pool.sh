#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with workers of their own.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

for io in uring sync; do
	for workers in 1 2; do
		run_model 8M --io=$io --workers=$workers
	done
	run_model 8M --io=$io --workers=2 --single
done
