/* SPDX-License-Identifier: MIT */
/*
 * format.c - FORMAT UNIT (SBC-4): all blocks read as zeros afterwards, or as the initialization pattern
 *
 * Its parameter list has no length in the CDB: the header says what follows it. There are no defects to look for (DPRY, DCRT and
 * STPF change nothing), and no list of them is taken.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/* The parameter list as far as it is looked at: read once. */
struct parameters {
	uint8_t header[SHEAF_FORMAT_LONG_HEADER];
	unsigned header_bytes;
	uint8_t pattern_header[SHEAF_FORMAT_PATTERN_HEADER];
	uint16_t pattern_bytes;
	uint64_t bytes; /* of the list */
};

static bool fail_at(struct sheaf_lu_task *lt, unsigned byte)
{
	sheaf_lu_end_bad_parameter(lt, (uint16_t)byte);
	return false;
}

/* False: the command has ended. */
static bool check_header(struct sheaf_lu_task *lt, struct parameters *p)
{
	bool is_long = lt->task.command_descriptor_block[1] & SHEAF_CDB_FORMAT_LONGLIST;
	const uint8_t *h = p->header;
	uint8_t flags;

	p->header_bytes = is_long ? SHEAF_FORMAT_LONG_HEADER : SHEAF_FORMAT_SHORT_HEADER;
	p->bytes = p->header_bytes;
	if (!sheaf_lu_check_data(lt, p->bytes))
		return false;
	memcpy(p->header, lt->data, p->header_bytes);
	flags = h[SHEAF_FORMAT_FLAGS];
	if (h[SHEAF_FORMAT_PROTECTION_USAGE])
		return fail_at(lt, SHEAF_FORMAT_PROTECTION_USAGE);
	/* DSP is obsolete; without FOV the options are not to be set. */
	if ((flags & ~(SHEAF_FORMAT_FOV | SHEAF_FORMAT_OPTIONS | SHEAF_FORMAT_IMMED)) ||
	    (!(flags & SHEAF_FORMAT_FOV) && (flags & SHEAF_FORMAT_OPTIONS)))
		return fail_at(lt, SHEAF_FORMAT_FLAGS);
	if (is_long && h[2])
		return fail_at(lt, 2);
	if (is_long && h[SHEAF_FORMAT_LONG_PROTECTION])
		return fail_at(lt, SHEAF_FORMAT_LONG_PROTECTION);
	if (is_long && sheaf_get_be32(h + SHEAF_FORMAT_LONG_DEFECTS_LENGTH))
		return fail_at(lt, SHEAF_FORMAT_LONG_DEFECTS_LENGTH);
	if (!is_long && sheaf_get_be16(h + SHEAF_FORMAT_SHORT_DEFECTS_LENGTH))
		return fail_at(lt, SHEAF_FORMAT_SHORT_DEFECTS_LENGTH);
	return true;
}

/* The initialization pattern descriptor, which follows the header. False: the command has ended. */
static bool check_pattern(struct sheaf_lu_task *lt, struct parameters *p)
{
	unsigned at = p->header_bytes;
	uint8_t type;

	p->bytes += sizeof(p->pattern_header);
	if (!sheaf_lu_check_data(lt, p->bytes))
		return false;
	memcpy(p->pattern_header, lt->data + at, sizeof(p->pattern_header));
	type = p->pattern_header[SHEAF_FORMAT_PATTERN_TYPE];
	p->pattern_bytes = sheaf_get_be16(p->pattern_header + SHEAF_FORMAT_PATTERN_LENGTH);
	if (p->pattern_header[0] & ~SHEAF_FORMAT_PATTERN_SI)
		return fail_at(lt, at);
	if (type > SHEAF_FORMAT_PATTERN_REPEAT)
		return fail_at(lt, at + SHEAF_FORMAT_PATTERN_TYPE);
	/* The default pattern, zeros, has no bytes; one that is repeated has some. */
	if ((type == SHEAF_FORMAT_PATTERN_DEFAULT) != (p->pattern_bytes == 0) ||
	    p->pattern_bytes > lt->lu->block_size)
		return fail_at(lt, at + SHEAF_FORMAT_PATTERN_LENGTH);
	p->bytes += p->pattern_bytes;
	return sheaf_lu_check_data(lt, p->bytes);
}

/** FORMAT UNIT, SBC-4. FFMT 01b, which need not write the medium, is what it does anyway where no pattern is given. */
void sheaf_lu_format_unit(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t defect_format = cdb[1] & SHEAF_CDB_FORMAT_DEFECT_FORMAT_MASK;
	bool with_data = cdb[1] & SHEAF_CDB_FORMAT_FMTDATA;
	struct sheaf_upkeep_plan plan = { .clear = true, .passes = 1 };
	struct parameters p = { .bytes = 0 };

	/* Which format an empty list has does not matter; 111b is none. Without a list there is only one. */
	if (with_data ? defect_format >= SHEAF_FORMAT_DEFECTS_VENDOR
		      : defect_format != SHEAF_FORMAT_DEFECTS_SHORT_BLOCK) {
		sheaf_lu_end_bad_field(lt, 1, 2);
		return;
	}
	if (with_data && !check_header(lt, &p))
		return;
	if (p.header[SHEAF_FORMAT_FLAGS] & SHEAF_FORMAT_IP) {
		if (cdb[SHEAF_CDB_FORMAT_FFMT]) { /* it would have to be written */
			sheaf_lu_end_bad_field(lt, SHEAF_CDB_FORMAT_FFMT, 1);
			return;
		}
		if (!check_pattern(lt, &p))
			return;
		/* SI: really written, wherever the blocks may be. */
		plan.clear =
			p.pattern_bytes == 0 && !(p.pattern_header[0] & SHEAF_FORMAT_PATTERN_SI);
		if (p.pattern_bytes) {
			plan.pattern = lt->data + p.bytes - p.pattern_bytes;
			plan.pattern_bytes = p.pattern_bytes;
		}
	}
	if (sheaf_unit_take(lt, SHEAF_UNIT_FORMATTING, &plan, false))
		sheaf_upkeep_begin(lt, p.header[SHEAF_FORMAT_FLAGS] & SHEAF_FORMAT_IMMED, p.bytes);
}
