#!/bin/bash
# SPDX-License-Identifier: MIT
# Byte-exact with the image in memory, where calls are synchronous and zero range is refused.
# shellcheck source=tests/integration/model.sh
. "$(dirname "$0")/model.sh"

image_folder=$(mktemp -d /dev/shm/sheaf.XXXXXX 2>/dev/null) || skip "/dev/shm cannot be written"
cleanup_fn rm -rf "$image_folder"
[ "$(stat -f -c %T "$image_folder")" = tmpfs ] || skip "/dev/shm is no tmpfs"
for io in uring sync; do
	for workers in fused 1; do
		run_model 8M --io=$io --workers=$workers
	done
done
