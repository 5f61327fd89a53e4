/* SPDX-License-Identifier: MIT */
/* fuzz_recording.c - any file given to sheaf replay: refused with a reason, or a recording whose every field may be believed */
#include "fuzz.h"

#include <errno.h>

#include "cli/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sheaf_recording recording;
	const char *problem = NULL;
	size_t at = 0;
	int r = sheaf_recording_parse(data, size, &recording, &problem, &at);

	if (r < 0) {
		fuzz_check(r != -EINVAL || (problem && at <= size), "refused without a reason");
		return 0;
	}
	for (size_t i = 0; i < recording.count; i++) {
		const struct sheaf_recorded *t = &recording.tasks[i];

		fuzz_check(sheaf_recorded_name(t) != NULL, "a task without a name");
		fuzz_check(i == 0 || t[-1].record.start_ns <= t->record.start_ns, "not sorted");
		if (t->deed == SHEAF_DEED_NONE || t->deed == SHEAF_DEED_FLUSH)
			continue;
		fuzz_check(t->unit && t->length > 0 && t->offset <= t->unit->blocks * t->unit->block_size &&
				   t->length <= t->unit->blocks * t->unit->block_size - t->offset,
			   "a deed outside its unit");
	}
	fuzz_check(sheaf_recording_depth(&recording) >= 1, "no depth");
	sheaf_recording_keep_unit(&recording, recording.units[0].lun);
	sheaf_recording_free(&recording);
	return 0;
}
