#!/bin/bash
# SPDX-License-Identifier: MIT
# A layer includes only from the layers below it, from src/base and from include/sheaf; and each header compiles alone.
set -eu -o pipefail
cd "$(dirname "$0")/../.."

# may LAYER: the layers that it may include
may() {
	case $1 in
	base) echo base ;;
	loop) echo base loop ;;
	seam) echo base loop seam ;;
	store) echo base loop store ;;
	scsi) echo base loop store scsi ;;
	controller) echo base loop store scsi controller ;;
	driver) echo base loop seam store scsi controller driver ;;
	host) echo base loop seam host ;;
	fuse) echo base loop seam host fuse ;;
	cli) echo base loop seam host fuse store scsi controller driver cli ;;
	bench) echo base loop seam host fuse store scsi controller driver cli bench ;;
	check) echo base loop seam host fuse store scsi controller driver cli check ;;
	*) echo "no such layer: $1" >&2; return 1 ;;
	esac
}

failed=0
for file in src/*/*.[ch]; do
	layer=$(basename "$(dirname "$file")")
	allowed=" $(may "$layer") "
	while IFS= read -r header; do
		case $header in
		scsi/sense.h | scsi/sense_errno.h) continue ;; # the format that both sides speak
		*/*) ;;
		*) continue ;; # of the same folder, or config.h
		esac
		[[ $allowed == *" ${header%%/*} "* ]] || {
			echo "$file includes $header, which is not below $layer"
			failed=1
		}
	done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
done

read -ra cflags <<<"$(pkg-config --cflags fuse3 liburing jansson)"
for header in include/sheaf/*.h src/*/*.h; do
	"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -Wall -Wextra -Wshadow -Werror \
		-Iinclude -Isrc "${cflags[@]}" -x c -fsyntax-only - <<<"#include \"$PWD/$header\"" || {
		echo "$header does not compile alone"
		failed=1
	}
done
exit $failed
