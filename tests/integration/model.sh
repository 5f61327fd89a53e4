# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# model.sh - random operations on a served disk against a byte array, and the image compared afterwards

# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse

model_operations=${SHEAF_TEST_OPERATIONS:-300}
model_seed=${SHEAF_TEST_SEED:-$((EPOCHSECONDS % 1000000))}
image_folder=$tmp

# run_model BYTES [OPTION...]: BYTES is the image's size
run_model() {
	local size=$1 cache=off
	shift
	model_seed=$((model_seed + 1))
	echo "model: $* seed $model_seed"
	rm -f "$image_folder/image"
	make_image "$image_folder/image" "$size"
	mount_sheaf "$@" "$image_folder/image" "$tmp/mnt"
	[[ " $* " != *" --cache=on "* ]] || cache=on
	SHEAF_CACHE=$cache timeout -k 5 60 python3 "$here/fuse_model.py" "$tmp/mnt/disk" "$model_operations" "$model_seed" \
		"$tmp/model" || fail "options: $*, seed $model_seed"
	umount_sheaf "$tmp/mnt"
	same "$image_folder/image" "$tmp/model"
}
