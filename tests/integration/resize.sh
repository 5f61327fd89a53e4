# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# resize.sh - what the tests of sheaf resize share

# shellcheck source=tests/integration/driver.sh
. "$(dirname "${BASH_SOURCE[0]}")/driver.sh"

# shellcheck disable=SC2034 # for the tests
M=$((1 << 20))

resize() {
	timeout -k 5 120 "$SHEAF" resize "$@"
}

# has_size DIR BYTES [IMAGE]: file, stats, LU and image agree
has_size() {
	local dir=$1 bytes=$2 seen
	seen="$(stat -c %s "$dir/disk") $(stat_of "$dir" 's["lus"][0]["blocks"] * s["lus"][0]["block_size"]')"
	[ "$seen" = "$bytes $bytes" ] || fail "$dir: $seen, not $bytes"
	[ $# -lt 3 ] || [ "$(stat -c %s "$3")" = "$bytes" ] || fail "$3: $(stat -c %s "$3"), not $bytes"
}
