#!/bin/bash
# SPDX-License-Identifier: MIT
# Over /dev/fuse one loop reads while there is one request at a time from one submitter; a second submitter, even one with one
# request at a time as well, brings the others back.
# shellcheck source=tests/integration/functions.sh
. "$(dirname "$0")/functions.sh"
requires_fuse
requires_program fio

load() {
	timeout 60 fio --name=load --filename="$tmp/mnt/disk" --direct=1 --ioengine=psync --rw=randread --bs=4k --size=16M \
		--runtime=2 --time_based --allow_file_create=0 "$@" >"$tmp/fio" 2>&1 || fail "fio: $(tail -n 3 "$tmp/fio")"
}


# part_of_the_least COMMAND...: in percent of all tasks that it makes
part_of_the_least() {
	local before after
	before=$(stat_of "$tmp/mnt" '[q["tasks"]["started"] for q in s["queues"]]')
	"$@"
	after=$(stat_of "$tmp/mnt" '[q["tasks"]["started"] for q in s["queues"]]')
	python3 -c "
d = [b - a for a, b in zip($before, $after)]
print(100 * min(d) // sum(d))"
}

make_image "$tmp/image" 16M
mount_sheaf --transport=dev --loops=2 "$tmp/image" "$tmp/mnt"
load --numjobs=1 # and from now on one reads
alone=$(part_of_the_least load --numjobs=1)
two=$(part_of_the_least load --numjobs=2)
echo "the loop with less to do has $alone % of one submitter's tasks, $two % of those of two"
[ "$alone" -le 25 ] || fail "both loops read for one submitter"
[ "$two" -ge 5 ] || fail "two submitters have one loop"
umount_sheaf "$tmp/mnt"
