#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with the driver in a process of its own.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

for io in uring sync; do
	run_model 8M --driver=disk --io=$io
	run_model 8M --driver=disk --io=$io --workers=2
	run_model 8M --driver=disk --io=$io --workers=2 --single
done
