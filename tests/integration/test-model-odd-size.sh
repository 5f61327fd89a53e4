#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact on a disk whose size is a multiple of 512 only.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

run_model 8389120 --io=uring
run_model 8389120 --io=sync --workers=1
