#!/bin/bash
# SPDX-License-Identifier: MIT
# A tree in xfs in the image is the same after the image was served again, and the check is clean.
# shellcheck source=tests/integration/filesystem.sh
. "$(dirname "$0")/filesystem.sh"

filesystem_survives xfs xfs_repair -n
