#!/bin/bash
# SPDX-License-Identifier: MIT
# The simulation finds faults: each of these is put into a copy of a source file, linked in place of the file, and must be found
# within a short run. From the build folder; FAULTS='name ...' for some of them.
# shellcheck disable=SC2016 # $1 is perl's
set -u -o pipefail

schedules=20000
dir=$(mktemp -d "${TMPDIR:-/tmp}/sheaf-faults.XXXXXX")
trap 'rm -rf --one-file-system "$dir"' EXIT
src=$(sed -n 's/^abs_top_srcdir = //p' Makefile)/src
failed=0
found=0

# fault NAME FILE PERL...: the file as the expression leaves it must be another one, and its simulation must fail
fault() {
	local name=$1 file=$2 status
	shift 2
	[[ -z ${FAULTS-} || " $FAULTS " == *" $name "* ]] || return 0
	perl -0pe "$*" "$src/$file" >"$dir/$name.c"
	if cmp -s "$src/$file" "$dir/$name.c"; then
		echo "$name: the fault does not apply to $file any more"
		failed=$((failed + 1))
		return
	fi
	# Not with the jobs of the make that runs this test.
	if ! env -u MAKEFLAGS -u MFLAGS make -s sim-with FAULT="$dir/$name" >"$dir/log" 2>&1; then
		cat "$dir/log"
		echo "$name: cannot be built"
		failed=$((failed + 1))
		return
	fi
	# The shell would say that it was aborted.
	{
		timeout 60 "$dir/$name" --schedules=$schedules >"$dir/out" 2>&1
		status=$?
	} 2>/dev/null
	if [ $status = 0 ]; then
		echo "$name: not found in $schedules schedules"
		failed=$((failed + 1))
	elif [ $status = 124 ]; then
		echo "$name: hangs, and the simulation does not say so"
		failed=$((failed + 1))
	else
		found=$((found + 1))
		printf '%-28s %s\n' "$name" "$(grep -m 1 -E '^seed|Assertion|ERROR:|runtime error|^repeat' "$dir/out" | cut -c 1-150)"
	fi
	rm -f "$dir/$name" "$dir/$name".*
}

# Doorbells and sleep
fault host-rings-nobody host/queue.c 's/sheaf_loop_ring_doorbell\(queue->loop, lane->doorbell_fd\);//'
fault driver-rings-nobody driver/context.c 's/sheaf_loop_ring_doorbell\(context->loop, lane->doorbell_fd\);//'
fault doorbell-never-wanted seam/lane.c 's/return atomic_load\(&end->ring->asleep\) && .*?;/return !end;/'
fault sleeps-without-a-look seam/lane.c 's/return atomic_load\(&end->ring->tail\) == end->index;/return true;/'
fault driver-completes-next-turn driver/context.c 's/(lane_count; i\+\+\)\n)\t\tpush_done\(context/$1\t\tif (context->completed) push_done(context/'
# What comes back
fault owner-is-not-checked host/complete.c 's/state->owner != SHEAF_SLOT_CONTROLLER &&\n/state->owner == SHEAF_SLOT_FREE \&\&\n/'
fault identifier-is-not-checked host/complete.c 's/once->controller_task_identifier != state->identifier/0/'
fault generation-does-not-count host/queue.c 's/\+\+state->generation/state->generation/'
fault index-is-not-checked host/complete.c 's/slot >= queue->host->slots \|\| //'
fault bytes-are-not-checked host/complete.c 's/bytes_transferred > state->requested/0/'
fault more-after-a-retry host/queue.c 's/\tif \(queue->host->kept\)\n\t\tqueue->host->view.commands\[slot\] = queue->host->kept\[slot\];\n\telse\n[^;]*;//'
fault late-completion-is-an-end host/complete.c 's/if \(state->owner == SHEAF_SLOT_QUARANTINED\) \{\n\t\tsheaf_count_add\(&queue->stats.late/if (0) {\n\t\tsheaf_count_add(&queue->stats.late/'
fault rest-of-a-bundle-is-lost host/complete.c 's/\t\tcomplete_slot\(queue, slots\[i\], NULL\);/\t\tif (!complete_slot(queue, slots[i], NULL)) break;/'
fault lane-count-stays host/complete.c 's/\t\tsheaf_count_sub\(&queue->lanes.*?;/\t\treturn;/'
fault broken-lane-is-used host/complete.c 's/ && !lane->broken//'
# Time
fault no-quarantine host/complete.c 's/sheaf_slot_set\(queue, slot, SHEAF_SLOT_QUARANTINED\)/sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST)/; s/\t\tsheaf_count_add\(&queue->stats.quarantined, 1\);\n//; s/TASK_TIMEOUT, true/TASK_TIMEOUT, false/'
fault quarantine-ends-with-put host/queue.c 's/state->owner == SHEAF_SLOT_QUARANTINED && !state->returned/0/'
fault reclaimed-too-early host/queue.c 's/if \(!state->returned\)\n\t\treturn false;//'
fault deadline-too-early host/complete.c 's/state->deadline_ns > now_ns \|\|/state->deadline_ns > now_ns + 300000000 ||/'
fault deadline-too-late host/complete.c 's/state->deadline_ns > now_ns \|\|/state->deadline_ns + 300000000 > now_ns ||/'
fault tick-ends host/queue.c 's/\tif \(sheaf_count_get\(&queue->stats.in_flight\)\)\n\t\tarm_tick\(queue\);//'
fault nobody-is-told-of-slots host/complete.c 's/else if \(queue->client->slot_free\)/else if (0)/'
# Slots
fault bundle-loses-its-last host/queue.c 's/memcpy\(slots, queue->gathered, n \* sizeof\(slots\[0\]\)\);/memcpy(slots, queue->gathered, (n > 3 ? 3 : n) * sizeof(slots[0])); for (int x = 3; x < n; x++) slots[x] = slots[0];/'
fault buffer-of-another-slot host/queue.c 's/sheaf_view_buffer_offset\(&queue->host->view, slot\)/sheaf_view_buffer_offset(\&queue->host->view, slot ? slot - 1u : 0)/'
# Death of the driver
fault compare-is-sent-again host/recover.c 's/\tcase 0x28:/\tcase 0x89:\n\tcase 0x28:/'
fault nothing-is-sent-again host/recover.c 's/if \(sheaf_command_repeatable\(/if (0 \&\& sheaf_command_repeatable(/'
fault quarantine-outlives-driver host/recover.c 's/\n\tif \(state->put \|\|/\n\tif (slot < UINT16_MAX) return;\n\tif (state->put ||/'
fault lanes-are-not-reset host/recover.c 's/\t\tsheaf_lane_reset\([^;]*;/\t\t(void)host;/'
fault old-identifier-again host/recover.c 's/\t\t\tsheaf_queue_identify\([^;]*;//'
fault new-deadline-each-death host/recover.c 's/\tstate->reissues\+\+;/\tstate->reissues++;\n\tatomic_store(\&state->deadline_ns, 0);/'
fault waits-without-end host/complete.c 's/\tsheaf_queue_expire_held\([^;]*;//'
fault back-does-nothing host/recover.c 's/\tqueue->recover.state = SHEAF_QUEUE_SERVED;/\t(void)host;/'

echo "$found faults found, $failed not"
[ $failed = 0 ]
