/* SPDX-License-Identifier: MIT */
/* scsi_verbs.c - see scsi_verbs.h. CDBs: SPC-4 clause 6, SBC-4 clause 5, by the command's name. */
#include "cli/scsi_verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/log.h"
#include "cli/scsi_mode.h"
#include "cli/scsi_names.h"

/* Operation codes that include/sheaf/scsi.h need not have. */
enum {
	OP_FORMAT_UNIT = 0x04,
	OP_START_STOP_UNIT = 0x1b,
	OP_SEND_DIAGNOSTIC = 0x1d,
	OP_PREVENT_ALLOW = 0x1e,
	OP_SANITIZE = 0x48,
	OP_LOG_SENSE = 0x4d,
	OP_MODE_SELECT_10 = 0x55,
	OP_PERSISTENT_RESERVE_IN = 0x5e,
	OP_PERSISTENT_RESERVE_OUT = 0x5f,
	OP_COMPARE_AND_WRITE = 0x89,
};
#define ALL_BYTES	0xfffcu /* as long an answer as a 16-bit ALLOCATION LENGTH gets */
#define LBA_DESCRIPTORS 256u
#define PR_OUT_BYTES	24
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool given(uint64_t value)
{
	return value != UINT64_MAX;
}

static void cdb(struct sheaf_scsi_command *c, uint8_t opcode, uint8_t length)
{
	c->cdb[0] = opcode;
	c->cdb_length = length;
}

/* The answer's length, where --in does not say another. */
static uint32_t room(const struct sheaf_scsi_args *args, uint32_t usual)
{
	return given(args->in_bytes) ? (uint32_t)args->in_bytes : usual;
}

/* @most: what the field in the CDB holds. */
static int check_room(const struct sheaf_scsi_args *args, uint64_t most)
{
	if (!given(args->in_bytes) || args->in_bytes <= most)
		return 0;
	sheaf_error("--in=%llu: at most %llu", (unsigned long long)args->in_bytes,
		    (unsigned long long)most);
	return -EINVAL;
}

/* NUMBER OF LOGICAL BLOCKS of 32 bits. */
static int put_range(const struct sheaf_scsi_args *args, struct sheaf_scsi_command *c,
		     uint64_t usual, uint64_t most)
{
	uint64_t count = given(args->count) ? args->count : usual;

	if (count > most) {
		sheaf_error("--count=%llu: at most %llu", (unsigned long long)count,
			    (unsigned long long)most);
		return -EINVAL;
	}
	sheaf_put_be64(c->cdb + SHEAF_CDB_16_LBA, sheaf_scsi_lba(args));
	sheaf_put_be32(c->cdb + SHEAF_CDB_16_TRANSFER_LENGTH, (uint32_t)count);
	return 0;
}

static int too_much(uint64_t bytes)
{
	sheaf_error("%llu bytes of data are more than one command has here, which is %u",
		    (unsigned long long)bytes, SHEAF_SCSI_DATA_MAX);
	return -EINVAL;
}

/* SPC-4 */

static int build_tur(const struct sheaf_scsi_args *args, uint8_t *out, struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	cdb(c, SHEAF_SCSI_TEST_UNIT_READY, 6);
	return 0;
}

static int build_inquiry(const struct sheaf_scsi_args *args, uint8_t *out,
			 struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, UINT16_MAX) < 0)
		return -EINVAL;
	cdb(c, SHEAF_SCSI_INQUIRY, 6);
	c->data_in_bytes = room(args, args->vpd >= 0 ? 4096 : 252);
	if (args->vpd >= 0) {
		c->cdb[1] = SHEAF_CDB_INQUIRY_EVPD;
		c->cdb[SHEAF_CDB_INQUIRY_PAGE] = (uint8_t)args->vpd;
	}
	sheaf_put_be16(c->cdb + SHEAF_CDB_INQUIRY_ALLOCATION_LENGTH, (uint16_t)c->data_in_bytes);
	return 0;
}

static int build_request_sense(const struct sheaf_scsi_args *args, uint8_t *out,
			       struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, UINT8_MAX) < 0)
		return -EINVAL;
	cdb(c, SHEAF_SCSI_REQUEST_SENSE, 6);
	c->cdb[1] = args->descriptor ? SHEAF_CDB_REQUEST_SENSE_DESC : 0;
	c->data_in_bytes = room(args, 252);
	c->cdb[SHEAF_CDB_6_ALLOCATION_LENGTH] = (uint8_t)c->data_in_bytes;
	return 0;
}

static int build_luns(const struct sheaf_scsi_args *args, uint8_t *out,
		      struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, SHEAF_SCSI_DATA_MAX) < 0)
		return -EINVAL;
	cdb(c, SHEAF_SCSI_REPORT_LUNS, 12);
	c->cdb[SHEAF_CDB_REPORT_LUNS_SELECT] = (uint8_t)args->select;
	c->data_in_bytes = room(args, 8 + 8 * (SHEAF_LUN_FLAT_MAX + 1));
	sheaf_put_be32(c->cdb + SHEAF_CDB_12_ALLOCATION_LENGTH, c->data_in_bytes);
	return 0;
}

static int build_opcodes(const struct sheaf_scsi_args *args, uint8_t *out,
			 struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, SHEAF_SCSI_DATA_MAX) < 0)
		return -EINVAL;
	if (args->opcode < 0 && args->service_action >= 0) {
		sheaf_error("--service-action: of which command? --opcode= says");
		return -EINVAL;
	}
	cdb(c, SHEAF_SCSI_MAINTENANCE_IN, 12);
	c->cdb[1] = SHEAF_SCSI_SA_REPORT_SUPPORTED_OPCODES;
	if (args->opcode >= 0) {
		c->cdb[SHEAF_CDB_RSOC_OPTIONS] =
			args->service_action >= 0 ? SHEAF_RSOC_SERVICE_ACTION : SHEAF_RSOC_OPCODE;
		c->cdb[SHEAF_CDB_RSOC_OPCODE] = (uint8_t)args->opcode;
		if (args->service_action >= 0)
			sheaf_put_be16(c->cdb + SHEAF_CDB_RSOC_SERVICE_ACTION,
				       (uint16_t)args->service_action);
	}
	c->data_in_bytes = room(args, ALL_BYTES);
	sheaf_put_be32(c->cdb + SHEAF_CDB_12_ALLOCATION_LENGTH, c->data_in_bytes);
	return 0;
}

static int build_tmfs(const struct sheaf_scsi_args *args, uint8_t *out,
		      struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	cdb(c, SHEAF_SCSI_MAINTENANCE_IN, 12);
	c->cdb[1] = SHEAF_SCSI_SA_REPORT_SUPPORTED_TMFS;
	c->data_in_bytes = SHEAF_RSTMF_LENGTH;
	sheaf_put_be32(c->cdb + SHEAF_CDB_12_ALLOCATION_LENGTH, c->data_in_bytes);
	return 0;
}

static void mode_sense(struct sheaf_scsi_command *c, uint8_t page, uint8_t subpage, uint8_t control,
		       uint32_t bytes)
{
	cdb(c, SHEAF_SCSI_MODE_SENSE_10, 10);
	c->cdb[SHEAF_CDB_MODE_SENSE_PAGE] = (uint8_t)(control << 6 | page);
	c->cdb[SHEAF_CDB_MODE_SENSE_SUBPAGE] = subpage;
	c->data_in_bytes = bytes;
	sheaf_put_be16(c->cdb + SHEAF_CDB_10_ALLOCATION_LENGTH, (uint16_t)bytes);
}

static int build_modes(const struct sheaf_scsi_args *args, uint8_t *out,
		       struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, UINT16_MAX) < 0)
		return -EINVAL;
	mode_sense(c, args->page >= 0 ? (uint8_t)args->page : SHEAF_MODE_PAGE_ALL,
		   args->subpage >= 0 ? (uint8_t)args->subpage : 0,
		   args->page_control >= 0 ? (uint8_t)args->page_control : SHEAF_MODE_PC_CURRENT,
		   room(args, 4096));
	return 0;
}

/* FIELD=VALUE: MODE SENSE of its page. cmd_scsi.c changes the answer and sends it back. */
static int build_set(const struct sheaf_scsi_args *args, uint8_t *out, struct sheaf_scsi_command *c)
{
	char name[64];
	const char *word = args->word_count ? args->words[0] : "", *equals = strchr(word, '=');
	const struct sheaf_mode_field *field = NULL;

	(void)out;
	if (equals && (size_t)(equals - word) < sizeof(name)) {
		memcpy(name, word, (size_t)(equals - word));
		name[equals - word] = '\0';
		field = sheaf_mode_field_find(name);
	}
	if (!equals || !field) {
		sheaf_error("set: '%s' is not FIELD=VALUE with a field of a mode page, as wce=0; "
			    "sheaf scsi DIR modes shows their names",
			    word);
		return -EINVAL;
	}
	mode_sense(c, field->page, field->subpage, SHEAF_MODE_PC_CURRENT, 1024);
	c->cdb[1] = SHEAF_CDB_MODE_SENSE_DBD;
	return 0;
}

static int build_logs(const struct sheaf_scsi_args *args, uint8_t *out,
		      struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, UINT16_MAX) < 0)
		return -EINVAL;
	cdb(c, OP_LOG_SENSE, 10);
	/* PC 01b: cumulative values. */
	c->cdb[2] = (uint8_t)((args->page_control >= 0 ? args->page_control : 1) << 6 |
			      (args->page >= 0 ? args->page : 0));
	c->cdb[3] = args->subpage >= 0 ? (uint8_t)args->subpage : 0;
	c->data_in_bytes = room(args, ALL_BYTES);
	sheaf_put_be16(c->cdb + SHEAF_CDB_10_ALLOCATION_LENGTH, (uint16_t)c->data_in_bytes);
	return 0;
}

static int build_self_test(const struct sheaf_scsi_args *args, uint8_t *out,
			   struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	cdb(c, OP_SEND_DIAGNOSTIC, 6);
	c->cdb[1] = 0x04; /* SELFTEST: the default self-test */
	return 0;
}

/* PERSISTENT RESERVE IN and OUT, SPC-4 sections 6.16, 6.17 */

static const struct persist_action {
	const char *name;
	bool is_out;
	uint8_t action;
	bool has_type;
} persist_actions[] = {
	{ "read-keys", false, 0, false },
	{ "read-reservation", false, 1, false },
	{ "report-capabilities", false, 2, false },
	{ "read-full-status", false, 3, false },
	{ "register", true, 0, false },
	{ "reserve", true, 1, true },
	{ "release", true, 2, true },
	{ "clear", true, 3, false },
	{ "preempt", true, 4, true },
	{ "preempt-and-abort", true, 5, true },
	{ "register-and-ignore", true, 6, false },
};

static void persist_out(const struct sheaf_scsi_args *args, const struct persist_action *action,
			uint8_t *out, struct sheaf_scsi_command *c)
{
	cdb(c, OP_PERSISTENT_RESERVE_OUT, 10);
	c->cdb[1] = action->action;
	c->cdb[2] = action->has_type ? (uint8_t)args->type : 0;
	c->data_out_bytes = PR_OUT_BYTES;
	sheaf_put_be32(c->cdb + 5, PR_OUT_BYTES);
	sheaf_put_be64(out, args->key);
	sheaf_put_be64(out + 8, args->sa_key);
	out[20] = (uint8_t)((args->all_ports ? 0x04 : 0) | (args->aptpl ? 0x01 : 0));
}

static int build_persist(const struct sheaf_scsi_args *args, uint8_t *out,
			 struct sheaf_scsi_command *c)
{
	const char *word = args->word_count ? args->words[0] : "";
	const struct persist_action *action = NULL;

	for (size_t i = 0; i < COUNT_OF(persist_actions); i++)
		if (strcmp(word, persist_actions[i].name) == 0)
			action = &persist_actions[i];
	if (!action) {
		sheaf_error("persist: '%s' is not one of read-keys, read-reservation, "
			    "report-capabilities, read-full-status, register, "
			    "register-and-ignore, reserve, release, clear, preempt, "
			    "preempt-and-abort",
			    word);
		return -EINVAL;
	}
	if (action->has_type &&
	    !sheaf_scsi_name(sheaf_scsi_reservation_types, (uint32_t)args->type)) {
		sheaf_error("persist %s: --type= says what: 1, 3, 5, 6, 7 or 8", word);
		return -EINVAL;
	}
	if (action->is_out) {
		persist_out(args, action, out, c);
		return 0;
	}
	if (check_room(args, UINT16_MAX) < 0)
		return -EINVAL;
	cdb(c, OP_PERSISTENT_RESERVE_IN, 10);
	c->cdb[1] = action->action;
	c->data_in_bytes = room(args, ALL_BYTES);
	sheaf_put_be16(c->cdb + 7, (uint16_t)c->data_in_bytes);
	return 0;
}

/* SBC-4 */

void sheaf_scsi_build_read_capacity(struct sheaf_scsi_command *c)
{
	cdb(c, SHEAF_SCSI_SERVICE_ACTION_IN_16, 16);
	c->cdb[1] = SHEAF_SCSI_SA_READ_CAPACITY_16;
	c->data_in_bytes = SHEAF_READ_CAPACITY_16_LENGTH;
	sheaf_put_be32(c->cdb + SHEAF_CDB_16_ALLOCATION_LENGTH, c->data_in_bytes);
}

static int build_readcap(const struct sheaf_scsi_args *args, uint8_t *out,
			 struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	sheaf_scsi_build_read_capacity(c);
	return 0;
}

static void transfer(struct sheaf_scsi_command *c, uint8_t opcode, uint64_t lba, uint32_t blocks,
		     bool fua)
{
	cdb(c, opcode, 16);
	c->cdb[1] = fua ? SHEAF_CDB_RW_FUA : 0;
	sheaf_put_be64(c->cdb + SHEAF_CDB_16_LBA, lba);
	sheaf_put_be32(c->cdb + SHEAF_CDB_16_TRANSFER_LENGTH, blocks);
}

void sheaf_scsi_build_read(struct sheaf_scsi_command *c, uint64_t lba, uint32_t blocks,
			   uint32_t block_size, bool fua)
{
	transfer(c, SHEAF_SCSI_READ_16, lba, blocks, fua);
	c->data_in_bytes = blocks * block_size;
}

void sheaf_scsi_build_write(struct sheaf_scsi_command *c, uint64_t lba, uint32_t blocks,
			    uint32_t block_size, bool fua)
{
	transfer(c, SHEAF_SCSI_WRITE_16, lba, blocks, fua);
	c->data_out_bytes = blocks * block_size;
}

static int build_verify(const struct sheaf_scsi_args *args, uint8_t *out,
			struct sheaf_scsi_command *c)
{
	uint64_t blocks = given(args->count) ? args->count : 1;
	uint64_t bytes = args->bytchk == 1   ? blocks * args->block_size
			 : args->bytchk == 3 ? args->block_size
					     : 0;

	(void)out;
	cdb(c, SHEAF_SCSI_VERIFY_16, 16);
	c->cdb[1] = (uint8_t)(args->bytchk << 1);
	if (put_range(args, c, 1, UINT32_MAX) < 0)
		return -EINVAL;
	if (bytes > SHEAF_SCSI_DATA_MAX)
		return too_much(bytes);
	c->data_out_bytes = (uint32_t)bytes;
	return 0;
}

static int build_sync(const struct sheaf_scsi_args *args, uint8_t *out,
		      struct sheaf_scsi_command *c)
{
	(void)out;
	cdb(c, SHEAF_SCSI_SYNCHRONIZE_CACHE_16, 16);
	c->cdb[1] = args->immed ? SHEAF_CDB_SYNC_IMMED : 0;
	return put_range(args, c, 0, UINT32_MAX);
}

static int build_unmap(const struct sheaf_scsi_args *args, uint8_t *out,
		       struct sheaf_scsi_command *c)
{
	uint64_t count = given(args->count) ? args->count : 1;

	if (count > UINT32_MAX) {
		sheaf_error("--count=%llu: at most %u", (unsigned long long)count, UINT32_MAX);
		return -EINVAL;
	}
	cdb(c, SHEAF_SCSI_UNMAP, 10);
	c->cdb[1] = args->anchor ? SHEAF_CDB_UNMAP_ANCHOR : 0;
	sheaf_put_be16(c->cdb + SHEAF_CDB_10_PARAMETER_LENGTH, 24);
	c->data_out_bytes = 24;
	sheaf_put_be16(out, 22);
	sheaf_put_be16(out + 2, 16);
	sheaf_put_be64(out + 8, sheaf_scsi_lba(args));
	sheaf_put_be32(out + 16, (uint32_t)count);
	return 0;
}

static int build_write_same(const struct sheaf_scsi_args *args, uint8_t *out,
			    struct sheaf_scsi_command *c)
{
	(void)out;
	cdb(c, SHEAF_SCSI_WRITE_SAME_16, 16);
	c->cdb[1] = (uint8_t)((args->anchor ? SHEAF_CDB_WRITE_SAME_ANCHOR : 0) |
			      (args->unmap ? SHEAF_CDB_WRITE_SAME_UNMAP : 0) |
			      (args->ndob ? SHEAF_CDB_WRITE_SAME_16_NDOB : 0));
	c->data_out_bytes = args->ndob ? 0 : args->block_size;
	return put_range(args, c, 1, UINT32_MAX);
}

static int build_compare_and_write(const struct sheaf_scsi_args *args, uint8_t *out,
				   struct sheaf_scsi_command *c)
{
	uint64_t count = given(args->count) ? args->count : 1;

	(void)out;
	if (count > UINT8_MAX) {
		sheaf_error("--count=%llu: at most %u", (unsigned long long)count, UINT8_MAX);
		return -EINVAL;
	}
	if (2 * count * args->block_size > SHEAF_SCSI_DATA_MAX)
		return too_much(2 * count * args->block_size);
	cdb(c, OP_COMPARE_AND_WRITE, 16);
	c->cdb[1] = args->fua ? SHEAF_CDB_RW_FUA : 0;
	sheaf_put_be64(c->cdb + SHEAF_CDB_16_LBA, sheaf_scsi_lba(args));
	c->cdb[13] = (uint8_t)count;
	c->data_out_bytes = (uint32_t)(2 * count * args->block_size);
	return 0;
}

static int build_lba_status(const struct sheaf_scsi_args *args, uint8_t *out,
			    struct sheaf_scsi_command *c)
{
	(void)out;
	if (check_room(args, SHEAF_SCSI_DATA_MAX) < 0)
		return -EINVAL;
	cdb(c, SHEAF_SCSI_SERVICE_ACTION_IN_16, 16);
	c->cdb[1] = SHEAF_SCSI_SA_GET_LBA_STATUS;
	sheaf_put_be64(c->cdb + SHEAF_CDB_16_LBA, sheaf_scsi_lba(args));
	c->data_in_bytes = room(args, 8 + 16 * LBA_DESCRIPTORS);
	sheaf_put_be32(c->cdb + SHEAF_CDB_16_ALLOCATION_LENGTH, c->data_in_bytes);
	return 0;
}

static int build_start(const struct sheaf_scsi_args *args, uint8_t *out,
		       struct sheaf_scsi_command *c)
{
	(void)out;
	cdb(c, OP_START_STOP_UNIT, 6);
	c->cdb[1] = args->immed;
	c->cdb[4] = 0x01; /* START */
	return 0;
}

static int build_stop(const struct sheaf_scsi_args *args, uint8_t *out,
		      struct sheaf_scsi_command *c)
{
	(void)out;
	cdb(c, OP_START_STOP_UNIT, 6);
	c->cdb[1] = args->immed;
	return 0;
}

static int build_prevent(const struct sheaf_scsi_args *args, uint8_t *out,
			 struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	cdb(c, OP_PREVENT_ALLOW, 6);
	c->cdb[4] = 0x01; /* PREVENT */
	return 0;
}

static int build_allow(const struct sheaf_scsi_args *args, uint8_t *out,
		       struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	cdb(c, OP_PREVENT_ALLOW, 6);
	return 0;
}

static int build_format(const struct sheaf_scsi_args *args, uint8_t *out,
			struct sheaf_scsi_command *c)
{
	cdb(c, OP_FORMAT_UNIT, 6);
	if (args->immed) {
		c->cdb[1] = 0x10; /* FMTDATA: a short parameter list header, with IMMED */
		c->data_out_bytes = 4;
		out[1] = 0x02;
	}
	return 0;
}

static int build_sanitize(const struct sheaf_scsi_args *args, uint8_t *out,
			  struct sheaf_scsi_command *c)
{
	static const struct {
		const char *name;
		uint8_t action;
	} actions[] = {
		{ "overwrite", 0x01 },
		{ "block-erase", 0x02 },
		{ "cryptographic-erase", 0x03 },
		{ "exit-failure-mode", 0x1f },
	};
	const char *word = args->word_count ? args->words[0] : "";
	uint8_t action = 0;

	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (strcmp(word, actions[i].name) == 0)
			action = actions[i].action;
	if (!action) {
		sheaf_error("sanitize: '%s' is not one of overwrite, block-erase, "
			    "cryptographic-erase, exit-failure-mode",
			    word);
		return -EINVAL;
	}
	cdb(c, OP_SANITIZE, 10);
	c->cdb[1] = (uint8_t)((args->immed ? 0x80 : 0) | action);
	if (action == 0x01) {
		/* One pass of a pattern of four bytes, zeros. */
		out[0] = 0x01;
		sheaf_put_be16(out + 2, 4);
		c->data_out_bytes = 8;
		sheaf_put_be16(c->cdb + SHEAF_CDB_10_PARAMETER_LENGTH, 8);
	}
	return 0;
}

/* Task management */

static int build_reset(const struct sheaf_scsi_args *args, uint8_t *out,
		       struct sheaf_scsi_command *c)
{
	(void)out;
	c->function = args->target ? SHEAF_SCSI_TARGET_RESET : SHEAF_SCSI_LOGICAL_UNIT_RESET;
	return 0;
}

static int build_abort_task_set(const struct sheaf_scsi_args *args, uint8_t *out,
				struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	c->function = SHEAF_SCSI_ABORT_TASK_SET;
	return 0;
}

static int build_clear_task_set(const struct sheaf_scsi_args *args, uint8_t *out,
				struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	c->function = SHEAF_SCSI_CLEAR_TASK_SET;
	return 0;
}

static int build_clear_aca(const struct sheaf_scsi_args *args, uint8_t *out,
			   struct sheaf_scsi_command *c)
{
	(void)args, (void)out;
	c->function = SHEAF_SCSI_CLEAR_ACA;
	return 0;
}

/* Bytes */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* "12 00 24" in one word or several; two digits are a byte, a digit alone too. */
static int build_raw(const struct sheaf_scsi_args *args, uint8_t *out, struct sheaf_scsi_command *c)
{
	unsigned n = 0;

	(void)out;
	for (unsigned i = 0; i < args->word_count; i++) {
		const char *at = args->words[i];

		while (*at) {
			int high = hex_digit(at[0]), low = high >= 0 ? hex_digit(at[1]) : -1;

			if (high < 0) {
				sheaf_error("raw: '%s' is no byte in hexadecimal", args->words[i]);
				return -EINVAL;
			}
			if (n == SHEAF_SCSI_CDB_MAX) {
				sheaf_error("raw: a CDB has at most %d bytes here", n);
				return -EINVAL;
			}
			c->cdb[n++] = (uint8_t)(low >= 0 ? high << 4 | low : high);
			at += low >= 0 ? 2 : 1;
			at += strspn(at, " ,");
		}
	}
	if (n < 6) {
		sheaf_error("raw: a CDB has 6 to %d bytes, and here are %u", SHEAF_SCSI_CDB_MAX, n);
		return -EINVAL;
	}
	if (args->out && given(args->in_bytes)) {
		sheaf_error("raw: --in and --out: data go one way");
		return -EINVAL;
	}
	c->cdb_length = (uint8_t)n;
	if (check_room(args, SHEAF_SCSI_DATA_MAX) < 0)
		return -EINVAL;
	c->data_in_bytes = room(args, 0);
	return 0;
}

const struct sheaf_scsi_verb sheaf_scsi_verbs[] = {
	{ .name = "inquiry",
	  .parameters = "[--vpd=PAGE]",
	  .help = "what the disk is, or a VPD page",
	  .build = build_inquiry },
	{ .name = "tur",
	  .parameters = "",
	  .help = "is it ready? (TEST UNIT READY)",
	  .tells_attention = true,
	  .build = build_tur },
	{ .name = "readcap",
	  .parameters = "",
	  .help = "its size (READ CAPACITY(16))",
	  .build = build_readcap },
	{ .name = "luns",
	  .parameters = "[--select=N]",
	  .help = "its target's units (REPORT LUNS)",
	  .build = build_luns },
	{ .name = "opcodes",
	  .parameters = "[--opcode=OP [--service-action=SA]]",
	  .help = "commands that it has",
	  .build = build_opcodes },
	{ .name = "tmfs",
	  .parameters = "",
	  .help = "task management functions that it has",
	  .build = build_tmfs },
	{ .name = "modes",
	  .parameters = "[--page=PAGE] [--subpage=PAGE] [--pc=WHICH]",
	  .help = "mode pages (MODE SENSE(10))",
	  .build = build_modes },
	{ .name = "set",
	  .parameters = "FIELD=VALUE [--save]",
	  .help = "change a field of a mode page, as wce=0",
	  .kind = SHEAF_VERB_SET,
	  .words_max = 1,
	  .build = build_set },
	{ .name = "logs",
	  .parameters = "[--page=PAGE] [--subpage=PAGE]",
	  .help = "a log page; without, which there are",
	  .build = build_logs },
	{ .name = "request-sense",
	  .parameters = "[--desc]",
	  .help = "sense data that wait",
	  .tells_attention = true,
	  .build = build_request_sense },
	{ .name = "read",
	  .parameters = "--lba=N --count=N [--fua]",
	  .help = "blocks to standard output",
	  .kind = SHEAF_VERB_READ,
	  .needs_block_size = true },
	{ .name = "write",
	  .parameters = "--lba=N [--count=N] [--out=FILE] [--fua]",
	  .help = "blocks from standard input",
	  .kind = SHEAF_VERB_WRITE,
	  .destroys = true,
	  .needs_lba = true,
	  .needs_block_size = true },
	{ .name = "verify",
	  .parameters = "--lba=N --count=N [--bytchk=1|3 [--out=FILE]]",
	  .help = "read blocks, or compare them",
	  .takes_data = true,
	  .needs_block_size = true,
	  .build = build_verify },
	{ .name = "sync",
	  .parameters = "[--lba=N --count=N] [--immed]",
	  .help = "make writes durable (SYNCHRONIZE CACHE(16))",
	  .build = build_sync },
	{ .name = "unmap",
	  .parameters = "--lba=N --count=N [--anchor]",
	  .help = "give blocks up",
	  .destroys = true,
	  .needs_lba = true,
	  .build = build_unmap },
	{ .name = "write-same",
	  .parameters = "--lba=N --count=N [--ndob | --out=FILE] [--unmap] [--anchor]",
	  .help = "one block, or zeros, into many",
	  .destroys = true,
	  .needs_lba = true,
	  .takes_data = true,
	  .needs_block_size = true,
	  .build = build_write_same },
	{ .name = "compare-and-write",
	  .parameters = "--lba=N --count=N [--out=FILE] [--fua]",
	  .help = "if the blocks are the first half of the data, write the second",
	  .destroys = true,
	  .needs_lba = true,
	  .takes_data = true,
	  .needs_block_size = true,
	  .build = build_compare_and_write },
	{ .name = "lba-status",
	  .parameters = "[--lba=N]",
	  .help = "which blocks are mapped",
	  .build = build_lba_status },
	{ .name = "persist",
	  .parameters = "ACTION [--key=K] [--sa-key=K] [--type=N] [--aptpl] [--all-tg-pt]",
	  .help = "persistent reservations: read-keys, read-reservation, register, reserve, …",
	  .words_max = 1,
	  .build = build_persist },
	{ .name = "start",
	  .parameters = "[--immed]",
	  .help = "START STOP UNIT",
	  .build = build_start },
	{ .name = "stop",
	  .parameters = "[--immed]",
	  .help = "the unit is NOT READY then",
	  .build = build_stop },
	{ .name = "prevent",
	  .parameters = "",
	  .help = "PREVENT MEDIUM REMOVAL",
	  .build = build_prevent },
	{ .name = "allow", .parameters = "", .help = "ALLOW MEDIUM REMOVAL", .build = build_allow },
	{ .name = "self-test",
	  .parameters = "",
	  .help = "SEND DIAGNOSTIC's default self-test",
	  .build = build_self_test },
	{ .name = "format",
	  .parameters = "[--immed]",
	  .help = "FORMAT UNIT",
	  .destroys = true,
	  .build = build_format },
	{ .name = "sanitize",
	  .parameters = "ACTION [--immed]",
	  .help = "overwrite, block-erase, …",
	  .destroys = true,
	  .words_max = 1,
	  .build = build_sanitize },
	{ .name = "reset",
	  .parameters = "[--target]",
	  .help = "LOGICAL UNIT RESET, or target reset",
	  .build = build_reset },
	{ .name = "abort-task-set",
	  .parameters = "",
	  .help = "ABORT TASK SET",
	  .build = build_abort_task_set },
	{ .name = "clear-task-set",
	  .parameters = "",
	  .help = "CLEAR TASK SET",
	  .build = build_clear_task_set },
	{ .name = "clear-aca", .parameters = "", .help = "CLEAR ACA", .build = build_clear_aca },
	{ .name = "raw",
	  .parameters = "[--in=BYTES | --out=FILE] BYTE...",
	  .help = "a CDB of your own, in hexadecimal",
	  .kind = SHEAF_VERB_RAW,
	  .destroys = true,
	  .tells_attention = true,
	  .words_max = SHEAF_SCSI_CDB_MAX,
	  .build = build_raw },
	{ .name = NULL },
};

const struct sheaf_scsi_verb *sheaf_scsi_verb_find(const char *name)
{
	for (const struct sheaf_scsi_verb *v = sheaf_scsi_verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

void sheaf_scsi_build_mode_select(struct sheaf_scsi_command *c, uint32_t list_bytes, bool save)
{
	cdb(c, OP_MODE_SELECT_10, 10);
	c->cdb[1] = (uint8_t)(0x10 | (save ? 0x01 : 0)); /* PF, SP */
	c->data_out_bytes = list_bytes;
	sheaf_put_be16(c->cdb + SHEAF_CDB_10_PARAMETER_LENGTH, (uint16_t)list_bytes);
}
