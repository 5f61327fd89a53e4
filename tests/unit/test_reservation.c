/* SPDX-License-Identifier: MIT */
/*
 * test_reservation.c - initiators against each other: persistent reservations (SPC-4 section 5.13), RESERVE (SPC-2), and what is kept
 *
 * Initiators 1 to 3 have a task each on one LU. What a type lets through is written down here from SPC-4 table 66.
 */
#include <check.h>

#include "scsi_fixture.h"
#include "scsi/lu_impl.h"
#include "scsi/persistent.h"

#define NONE SHEAF_TRANSFER_NONE
#define FROM SHEAF_TRANSFER_FROM_TARGET
#define TO   SHEAF_TRANSFER_TO_TARGET

#define KEY_A 0x1111111111111111ull
#define KEY_B 0x2222222222222222ull
#define KEY_C 0x3333333333333333ull

#define CONFLICT	   0x18u
#define BAD_PARAMETER	   0x052600u
#define BAD_LENGTH	   0x051a00u
#define BAD_RELEASE	   0x052604u
#define BAD_FIELD	   0x052400u
#define NO_ROOM		   0x055504u
#define PREEMPTED	   0x062a03u
#define RELEASED	   0x062a04u
#define REGISTRATIONS_LOST 0x062a05u

static struct scsi_fixture a, b, c;

static void setup_over(int kept_length)
{
	fixture_open(&a, 1 << 20, 512, false);
	a.initiator = 1;
	a.fake->notes[SHEAF_NOTE_RESERVATIONS].length = kept_length;
	if (kept_length >= 0) {
		/* As a server that finds it. */
		sheaf_lu_free(a.lu);
		struct sheaf_lu_options options = { .block_size = 512,
						    .maximum_transfer_bytes = 256 << 10,
						    .serial = "0123456789abcdef" };
		ck_assert_int_eq(sheaf_lu_create(&a.fake->store, &options, &a.lu), 0);
		for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
			sheaf_lu_take_attention(a.lu, i);
	}
	fixture_share(&b, &a);
	b.initiator = 2;
	fixture_share(&c, &a);
	c.initiator = 3;
}

static void setup(void)
{
	setup_over(-EOPNOTSUPP);
}

static void teardown(void)
{
	free(b.data);
	free(c.data);
	fixture_close(&a);
}

/* GOOD: 0; a status without sense data; or key and code. */
static unsigned outcome(const struct scsi_fixture *f)
{
	return f->response.completion_status == SHEAF_STATUS_CHECK_CONDITION ? fixture_sense(f, NULL)
									     : f->response.completion_status;
}

static void make_out(uint8_t cdb[10], uint8_t parameters[24], uint8_t action, uint8_t type, uint64_t key,
		     uint64_t new_key, uint8_t flags)
{
	memset(cdb, 0, 10);
	memset(parameters, 0, 24);
	cdb[0] = 0x5f;
	cdb[1] = action;
	cdb[2] = type;
	cdb[8] = 24;
	sheaf_put_be64(parameters, key);
	sheaf_put_be64(parameters + 8, new_key);
	parameters[20] = flags;
}

static unsigned out(struct scsi_fixture *f, uint8_t action, uint8_t type, uint64_t key, uint64_t new_key,
		    uint8_t flags)
{
	uint8_t cdb[10], parameters[24];

	make_out(cdb, parameters, action, type, key, new_key, flags);
	fixture_run(f, cdb, 10, TO, parameters, 24);
	return outcome(f);
}

static unsigned reg(struct scsi_fixture *f, uint64_t key, uint64_t new_key)
{
	return out(f, 0x00, 0, key, new_key, 0);
}

static unsigned reserve(struct scsi_fixture *f, uint8_t type, uint64_t key)
{
	return out(f, 0x01, type, key, 0, 0);
}

static const uint8_t *in(struct scsi_fixture *f, uint8_t action, uint16_t room)
{
	uint8_t cdb[10] = { 0x5e, action };

	sheaf_put_be16(cdb + 7, room);
	fixture_run(f, cdb, 10, FROM, NULL, room);
	return f->data;
}

static uint32_t generation(struct scsi_fixture *f)
{
	return sheaf_get_be32(in(f, 0, 8));
}

static uint8_t reserved_type(struct scsi_fixture *f)
{
	const uint8_t *data = in(f, 1, 24);

	return sheaf_get_be32(data + 4) ? data[21] : 0;
}

static unsigned keys(struct scsi_fixture *f)
{
	return sheaf_get_be32(in(f, 0, 8) + 4) / 8;
}

static unsigned simple(struct scsi_fixture *f, uint8_t opcode, unsigned size)
{
	uint8_t cdb[16] = { opcode };

	fixture_run(f, cdb, size, NONE, NULL, 0);
	return outcome(f);
}

static unsigned ready(struct scsi_fixture *f)
{
	return simple(f, 0x00, 6);
}

/* The commands that types are told apart by. */
enum { READS, WRITES, READY, SENSE, KINDS };

static unsigned kind(struct scsi_fixture *f, int what)
{
	static const uint8_t read_10[10] = { 0x28, [8] = 1 }, write_10[10] = { 0x2a, [8] = 1 };
	static const uint8_t mode_sense[6] = { 0x1a, 8, 0x3f, 0, 4 };
	uint8_t block[512] = { 0 };

	switch (what) {
	case READS:
		fixture_run(f, read_10, 10, FROM, NULL, 512);
		break;
	case WRITES:
		fixture_run(f, write_10, 10, TO, block, 512);
		break;
	case SENSE:
		fixture_run(f, mode_sense, 6, FROM, NULL, 4);
		break;
	default:
		return ready(f);
	}
	return outcome(f);
}

/* SPC-4 table 66; which of the kinds conflict for whom, a letter each: R W T(est unit ready) M(ode sense). */
static const struct {
	uint8_t type;
	const char *unregistered, *registered;
} types[] = {
	{ 1, ".W..", ".W.." }, { 3, "RW.M", "RW.M" }, { 5, ".W..", "...." },
	{ 6, "RW.M", "...." }, { 7, ".W..", "...." }, { 8, "RW.M", "...." },
};

START_TEST(each_type_lets_through_what_the_table_says)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reserve(&a, types[_i].type, KEY_A), 0);
	for (int k = 0; k < KINDS; k++) {
		ck_assert_uint_eq(kind(&a, k), 0);
		ck_assert_uint_eq(kind(&b, k), types[_i].registered[k] == '.' ? 0 : CONFLICT);
		ck_assert_uint_eq(kind(&c, k), types[_i].unregistered[k] == '.' ? 0 : CONFLICT);
	}
	ck_assert_uint_eq(out(&a, 0x02, types[_i].type, KEY_A, 0, 0), 0);
	for (int k = 0; k < KINDS; k++)
		ck_assert_uint_eq(kind(&c, k), 0);
}
END_TEST

/* What always runs, and what never does but for the holder and those that are registered, by the strictest type. */
START_TEST(every_row_does_as_it_says_under_exclusive_access)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reserve(&a, 3, KEY_A), 0);
	for (unsigned i = 0; sheaf_cdb_row(i); i++) {
		const struct sheaf_cdb_command *command = sheaf_cdb_row(i);
		bool allowed = command->reserved == SHEAF_CDB_RESERVED_ALLOWED ||
			       command->reserved == SHEAF_CDB_RESERVED_READINESS ||
			       command->reserved == SHEAF_CDB_RESERVED_PREVENTS; /* PREVENT is 0 here, START too */
		uint8_t cdb[16] = { command->opcode, command->service_action };

		if (command->opcode == 0x5f || command->opcode == 0x16 || command->opcode == 0x17 ||
		    command->opcode == 0x56 || command->opcode == 0x57)
			continue; /* they look themselves */
		fixture_run(&c, cdb, command->length, NONE, NULL, 0);
		ck_assert_msg((c.response.completion_status == CONFLICT) == !allowed, "%s", command->name);
	}
}
END_TEST

/*
 * Commands of which the tables (SPC-4 table 66; SBC-4, commands allowed in the presence of reservations) let through what one bit of the
 * CDB says, and some that have no medium to read but go with those that read it. Write exclusive, exclusive access, RESERVE.
 */
static const struct {
	const char *name;
	uint8_t cdb[10];
	bool conflicts[3];
} in_part[] = {
	{ "START 1", { 0x1b, 0, 0, 0, 1 }, { false, false, false } },
	{ "START 1, IMMED", { 0x1b, 1, 0, 0, 1 }, { false, false, false } },
	{ "START 0", { 0x1b, 0, 0, 0, 0 }, { true, true, true } },
	{ "START 0, NO_FLUSH", { 0x1b, 0, 0, 0, 4 }, { true, true, true } },
	{ "PREVENT 0", { 0x1e, 0, 0, 0, 0 }, { false, false, false } },
	{ "PREVENT 1", { 0x1e, 0, 0, 0, 1 }, { true, true, true } },
	{ "READ BUFFER", { 0x3c, 0x02 }, { false, true, true } },
	{ "RECEIVE DIAGNOSTIC RESULTS", { 0x1c }, { false, true, true } },
	{ "WRITE BUFFER", { 0x3b, 0x02 }, { true, true, true } },
	{ "SEND DIAGNOSTIC", { 0x1d }, { true, true, true } },
	{ "LOG SENSE", { 0x4d, 0, 0x40 }, { false, false, false } },
};

START_TEST(what_is_let_through_in_part_is_told_by_its_bit)
{
	uint8_t size = in_part[_i].cdb[0] < 0x20 ? 6 : 10;

	for (int kind_of = 0; kind_of < 3; kind_of++) {
		if (kind_of < 2) {
			ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
			ck_assert_uint_eq(reserve(&a, kind_of ? 3 : 1, KEY_A), 0);
		} else {
			ck_assert_uint_eq(simple(&a, 0x16, 6), 0);
		}
		fixture_run(&b, in_part[_i].cdb, size, NONE, NULL, 0);
		ck_assert_msg(outcome(&b) == (in_part[_i].conflicts[kind_of] ? CONFLICT : 0), "%s, %d: %x",
			      in_part[_i].name, kind_of, outcome(&b));
		ck_assert_uint_eq(kind_of < 2 ? out(&a, 0x03, 0, KEY_A, 0, 0) : simple(&a, 0x17, 6), 0);
	}
}
END_TEST

START_TEST(unregistered_may_only_register)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reserve(&a, 1, KEY_A), 0);
	for (uint8_t action = 0x01; action <= 0x05; action++)
		ck_assert_uint_eq(out(&b, action, 1, 0, KEY_A, 0), CONFLICT);
	ck_assert_uint_eq(out(&b, 0x02, 1, KEY_A, 0, 0), CONFLICT);
	ck_assert_uint_eq(reg(&b, KEY_A, KEY_B), CONFLICT); /* a key that it does not have */
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(keys(&b), 2);
	ck_assert_uint_eq(reserved_type(&b), 1);
}
END_TEST

START_TEST(register_follows_its_table)
{
	ck_assert_uint_eq(reg(&a, 0, 0), 0); /* nothing is done */
	ck_assert_uint_eq(generation(&a), 0);
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(generation(&a), 1);
	ck_assert_uint_eq(reg(&a, 0, KEY_B), CONFLICT);
	ck_assert_uint_eq(reg(&a, KEY_B, KEY_C), CONFLICT);
	ck_assert_uint_eq(generation(&a), 1);
	ck_assert_uint_eq(reg(&a, KEY_A, KEY_B), 0);
	ck_assert_uint_eq(sheaf_get_be64(in(&a, 0, 16) + 8), KEY_B);
	ck_assert_uint_eq(out(&a, 0x06, 0, KEY_C, KEY_C, 0), 0); /* whatever it was */
	ck_assert_uint_eq(sheaf_get_be64(in(&b, 0, 16) + 8), KEY_C);
	ck_assert_uint_eq(generation(&a), 3);
	ck_assert_uint_eq(reg(&a, KEY_C, 0), 0);
	ck_assert_uint_eq(keys(&a), 0);
	ck_assert_uint_eq(out(&b, 0x06, 0, 0, KEY_B, 0), 0);
	ck_assert_uint_eq(out(&b, 0x06, 0, 0, 0, 0), 0);
	ck_assert_uint_eq(keys(&a), 0);
}
END_TEST

START_TEST(reserve_again_is_good_only_if_it_is_the_same)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reserve(&a, 5, KEY_B), CONFLICT);
	ck_assert_uint_eq(reserve(&a, 5, KEY_A), 0);
	ck_assert_uint_eq(reserve(&a, 5, KEY_A), 0);
	ck_assert_uint_eq(reserve(&a, 6, KEY_A), CONFLICT);
	ck_assert_uint_eq(reserve(&b, 5, KEY_B), CONFLICT);
	ck_assert_uint_eq(generation(&a), 2); /* RESERVE does not count */
	static const uint8_t wrong[] = { 0, 2, 4, 9, 15, 0x11 };
	for (unsigned i = 0; i < sizeof(wrong); i++)
		ck_assert_uint_eq(reserve(&a, wrong[i], KEY_A), BAD_FIELD);
}
END_TEST

START_TEST(all_registrants_hold_together_and_the_last_takes_it_along)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reserve(&a, 8, KEY_A), 0);
	ck_assert_uint_eq(reserve(&b, 8, KEY_B), 0);
	ck_assert_uint_eq(sheaf_get_be64(in(&a, 1, 24) + 8), 0); /* no key of one holder */
	ck_assert_uint_eq(reg(&a, KEY_A, 0), 0);
	ck_assert_uint_eq(reserved_type(&b), 8);
	ck_assert_uint_eq(ready(&b), 0); /* nobody was told anything */
	ck_assert_uint_eq(reg(&b, KEY_B, 0), 0);
	ck_assert_uint_eq(reserved_type(&c), 0);
	ck_assert_uint_eq(kind(&c, WRITES), 0);
}
END_TEST

START_TEST(release_is_for_the_holder_and_names_what_it_releases)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(out(&a, 0x02, 1, KEY_A, 0, 0), 0); /* there is none */
	ck_assert_uint_eq(reserve(&a, 1, KEY_A), 0);
	ck_assert_uint_eq(out(&b, 0x02, 1, KEY_B, 0, 0), 0); /* not its own: nothing is done */
	ck_assert_uint_eq(reserved_type(&a), 1);
	ck_assert_uint_eq(out(&a, 0x02, 3, KEY_A, 0, 0), BAD_RELEASE);
	ck_assert_uint_eq(out(&a, 0x02, 0x11, KEY_A, 0, 0), BAD_RELEASE);
	ck_assert_uint_eq(out(&a, 0x02, 1, KEY_B, 0, 0), CONFLICT);
	ck_assert_uint_eq(out(&a, 0x02, 1, KEY_A, 0, 0), 0);
	ck_assert_uint_eq(reserved_type(&a), 0);
	ck_assert_uint_eq(ready(&b), 0); /* of type 1 nobody hears */
}
END_TEST

/* SPC-4 section 5.13.11.2: who is told when the holder releases (_i = 0) or unregisters (1). */
START_TEST(registrants_hear_of_the_end_of_their_types)
{
	for (unsigned i = 0; i < 6; i++) {
		bool all = types[i].type >= 7;
		unsigned told = types[i].type < 5 || (all && _i) ? 0 : RELEASED;

		ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
		ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
		ck_assert_uint_eq(reserve(&a, types[i].type, KEY_A), 0);
		if (_i)
			ck_assert_uint_eq(reg(&a, KEY_A, 0), 0);
		else
			ck_assert_uint_eq(out(&a, 0x02, types[i].type, KEY_A, 0, 0), 0);
		ck_assert_uint_eq(ready(&a), 0); /* never the one that did it */
		ck_assert_uint_eq(ready(&b), told);
		ck_assert_uint_eq(ready(&c), 0);
		ck_assert_uint_eq(reserved_type(&c), all && _i ? types[i].type : 0);
		ck_assert_uint_eq(out(&b, 0x03, 0, KEY_B, 0, 0), 0); /* CLEAR, for the next */
		ck_assert_uint_eq(ready(&a), _i ? 0 : PREEMPTED);
	}
}
END_TEST

START_TEST(clear_takes_all_away_and_tells_the_others)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reserve(&a, 3, KEY_A), 0);
	ck_assert_uint_eq(out(&b, 0x03, 0, KEY_A, 0, 0), CONFLICT);
	ck_assert_uint_eq(out(&b, 0x03, 0, KEY_B, 0, 0), 0);
	ck_assert_uint_eq(generation(&b), 3);
	ck_assert_uint_eq(keys(&b), 0);
	ck_assert_uint_eq(reserved_type(&b), 0);
	ck_assert_uint_eq(ready(&b), 0);
	ck_assert_uint_eq(ready(&a), PREEMPTED);
	ck_assert_uint_eq(ready(&c), 0);
}
END_TEST

START_TEST(preempt_takes_a_reservation_over)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reg(&c, 0, KEY_C), 0);
	ck_assert_uint_eq(reserve(&a, 1, KEY_A), 0);
	ck_assert_uint_eq(out(&b, 0x04, 5, KEY_B, 0, 0), BAD_PARAMETER);
	ck_assert_uint_eq(out(&b, 0x04, 5, KEY_B, 0x77, 0), CONFLICT);
	ck_assert_uint_eq(out(&b, 0x04, 2, KEY_B, KEY_A, 0), BAD_FIELD);
	ck_assert_uint_eq(out(&b, 0x04, 0x15, KEY_B, KEY_A, 0), BAD_FIELD);
	ck_assert_uint_eq(keys(&b), 3);
	ck_assert_uint_eq(out(&b, 0x04, 5, KEY_B, KEY_A, 0), 0);
	ck_assert_uint_eq(generation(&b), 4);
	ck_assert_uint_eq(ready(&b), 0);
	ck_assert_uint_eq(ready(&a), REGISTRATIONS_LOST);
	ck_assert_uint_eq(ready(&a), 0);
	ck_assert_uint_eq(ready(&c), RELEASED); /* the type is another one */
	ck_assert_uint_eq(reserved_type(&b), 5);
	ck_assert_uint_eq(sheaf_get_be64(in(&b, 1, 24) + 8), KEY_B);
	ck_assert_uint_eq(kind(&a, WRITES), CONFLICT);
	ck_assert_uint_eq(kind(&c, WRITES), 0);
	/* The same type once more: the others hear nothing. */
	ck_assert_uint_eq(out(&c, 0x04, 5, KEY_C, KEY_B, 0), 0);
	ck_assert_uint_eq(ready(&b), REGISTRATIONS_LOST);
	ck_assert_uint_eq(keys(&c), 1);
	/* Its own: another type, and it stays registered. */
	ck_assert_uint_eq(out(&c, 0x04, 6, KEY_C, KEY_C, 0), 0);
	ck_assert_uint_eq(reserved_type(&c), 6);
	ck_assert_uint_eq(keys(&c), 1);
	ck_assert_uint_eq(ready(&c), 0);
}
END_TEST

START_TEST(preempt_takes_registrations_away)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reg(&c, 0, KEY_B), 0); /* a key that two have */
	ck_assert_uint_eq(out(&a, 0x04, 0, KEY_A, 0x77, 0), CONFLICT);
	ck_assert_uint_eq(out(&a, 0x04, 0, KEY_A, KEY_B, 0), 0); /* SCOPE and TYPE are not looked at */
	ck_assert_uint_eq(keys(&a), 1);
	ck_assert_uint_eq(ready(&b), REGISTRATIONS_LOST);
	ck_assert_uint_eq(ready(&c), REGISTRATIONS_LOST);
	/* Beside a reservation that is not its aim. */
	ck_assert_uint_eq(reserve(&a, 3, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(out(&a, 0x04, 1, KEY_A, KEY_B, 0), 0);
	ck_assert_uint_eq(reserved_type(&a), 3);
	ck_assert_uint_eq(ready(&b), REGISTRATIONS_LOST);
	/* Its own, with nothing reserved. */
	ck_assert_uint_eq(out(&a, 0x02, 3, KEY_A, 0, 0), 0);
	ck_assert_uint_eq(out(&a, 0x04, 1, KEY_A, KEY_A, 0), 0);
	ck_assert_uint_eq(keys(&a), 0);
	ck_assert_uint_eq(ready(&a), 0);
}
END_TEST

START_TEST(preempt_of_all_registrants)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reg(&c, 0, KEY_C), 0);
	ck_assert_uint_eq(reserve(&a, 7, KEY_A), 0);
	ck_assert_uint_eq(out(&b, 0x04, 3, KEY_B, KEY_A, 0), 0); /* one registration, not the reservation */
	ck_assert_uint_eq(reserved_type(&b), 7);
	ck_assert_uint_eq(ready(&a), REGISTRATIONS_LOST);
	ck_assert_uint_eq(out(&b, 0x04, 3, KEY_B, 0, 0), 0); /* zero: all of them */
	ck_assert_uint_eq(reserved_type(&b), 3);
	ck_assert_uint_eq(keys(&b), 1);
	ck_assert_uint_eq(ready(&c), REGISTRATIONS_LOST);
	ck_assert_uint_eq(kind(&c, READS), CONFLICT);
}
END_TEST

static uint32_t aborted;

static void note_abort(struct sheaf_task_set *set, const struct sheaf_lu_task *but, uint32_t initiators)
{
	ck_assert_ptr_eq(set, &a.set);
	ck_assert_ptr_eq(but, &b.lt);
	aborted = initiators;
}

static void start_out(struct scsi_fixture *f, uint8_t action, uint8_t type, uint64_t key, uint64_t new_key,
		      uint8_t flags)
{
	uint8_t cdb[10], parameters[24];

	make_out(cdb, parameters, action, type, key, new_key, flags);
	fixture_start(f, cdb, 10, TO, 24);
	memcpy(f->data, parameters, 24);
	fixture_go(f);
}

START_TEST(preempt_and_abort_ends_when_nothing_of_the_preempted_is_at_work)
{
	static const uint8_t write_10[10] = { 0x2a, [8] = 1 };

	a.set.abort = note_abort;
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reserve(&a, 5, KEY_A), 0);
	fixture_start(&a, write_10, 10, TO, 512);
	fixture_go(&a);
	start_out(&b, 0x05, 5, KEY_B, KEY_A, 0);
	ck_assert_uint_eq(aborted, 1u << 1);
	ck_assert_uint_eq(b.ended, 0); /* the write has been begun */
	/* A write of whoever else waits till then, and is judged by what is true then. */
	fixture_start(&c, write_10, 10, TO, 512);
	fixture_go(&c);
	ck_assert_uint_eq(c.response.completion_status, CONFLICT);
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(a.ended, 1);
	ck_assert_uint_eq(b.ended, 1);
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(ready(&a), REGISTRATIONS_LOST);
}
END_TEST

/* It passed before the reservation came, and waited: it does not run any more. */
START_TEST(command_that_waited_is_looked_at_again)
{
	static const uint8_t write_10[10] = { 0x2a, [8] = 1 };

	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	fixture_start(&b, write_10, 10, TO, 512);
	fixture_go(&b);
	fixture_start(&c, write_10, 10, TO, 512);
	c.lt.task.task_attribute = SHEAF_ATTRIBUTE_ORDERED;
	fixture_go(&c);
	ck_assert_uint_eq(c.ended, 0);
	start_out(&a, 0x01, 3, KEY_A, 0, 0);
	ck_assert_uint_eq(a.ended, 1);
	ck_assert_uint_eq(outcome(&a), 0);
	fake_drain(a.fake);
	ck_assert_uint_eq(b.ended, 1);
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(c.ended, 1);
	ck_assert_uint_eq(outcome(&c), CONFLICT);
}
END_TEST

static void put_id(uint8_t *id, uint32_t initiator)
{
	memset(id, 0, 24);
	id[0] = 0x01;
	id[3] = (uint8_t)(7 + initiator);
	id[7] = 1;
}

/* @ids: 24 bytes each. */
static unsigned register_with(struct scsi_fixture *f, const uint8_t *ids, unsigned bytes, uint32_t says)
{
	uint8_t cdb[10] = { 0x5f }, parameters[512] = { 0 };

	cdb[7] = (uint8_t)((28 + bytes) >> 8);
	cdb[8] = (uint8_t)(28 + bytes);
	sheaf_put_be64(parameters + 8, KEY_A);
	parameters[20] = 0x08;
	sheaf_put_be32(parameters + 24, says);
	memcpy(parameters + 28, ids, bytes);
	fixture_run(f, cdb, 10, TO, parameters, 28 + bytes);
	return outcome(f);
}

START_TEST(spec_i_pt_registers_all_or_nobody)
{
	uint8_t ids[48];

	put_id(ids, 2);
	put_id(ids + 24, 77); /* a port that there is not */
	ck_assert_uint_eq(register_with(&a, ids, 48, 48), NO_ROOM);
	ck_assert_uint_eq(keys(&a), 0);
	put_id(ids + 24, 3);
	ck_assert_uint_eq(register_with(&a, ids, 48, 47), BAD_PARAMETER);
	ck_assert_uint_eq(register_with(&a, ids, 47, 47), BAD_PARAMETER); /* cut off */
	ids[24] = 0x05;						  /* iSCSI, with a length that is none */
	ck_assert_uint_eq(register_with(&a, ids, 48, 48), BAD_PARAMETER);
	put_id(ids + 24, 3);
	ck_assert_uint_eq(register_with(&a, ids, 48, 48), 0);
	ck_assert_uint_eq(keys(&a), 3);
	ck_assert_uint_eq(generation(&a), 1);
	ck_assert_uint_eq(reserve(&b, 5, KEY_A), 0);
	ck_assert_uint_eq(kind(&c, WRITES), 0);
	ck_assert_uint_eq(register_with(&a, ids, 48, 48), CONFLICT); /* its key is another one by now */
	ck_assert_uint_eq(reg(&a, KEY_A, 0), 0);
	ck_assert_uint_eq(register_with(&a, ids, 48, 48), BAD_PARAMETER); /* they are registered */
	ck_assert_uint_eq(out(&b, 0x06, 0, 0, KEY_B, 0x08), BAD_PARAMETER); /* for REGISTER alone */
}
END_TEST

START_TEST(parameter_list_has_24_bytes)
{
	static const unsigned wrong[] = { 0, 8, 23, 25, 28, 2000 };
	uint8_t parameters[2000] = { 0 };

	for (unsigned i = 0; i < 6; i++) {
		uint8_t cdb[10] = { 0x5f, 0x06 };

		sheaf_put_be32(cdb + 5, wrong[i]);
		fixture_run(&a, cdb, 10, TO, wrong[i] ? parameters : NULL, wrong[i]);
		ck_assert_uint_eq(outcome(&a), BAD_LENGTH);
	}
}
END_TEST

static unsigned move_to(struct scsi_fixture *f, uint32_t initiator, uint64_t key, uint64_t new_key, uint8_t flags,
			uint16_t port)
{
	uint8_t cdb[10] = { 0x5f, 0x07, [8] = 48 }, parameters[48] = { 0 };

	sheaf_put_be64(parameters, key);
	sheaf_put_be64(parameters + 8, new_key);
	parameters[17] = flags;
	sheaf_put_be16(parameters + 18, port);
	sheaf_put_be32(parameters + 20, 24);
	put_id(parameters + 24, initiator);
	fixture_run(f, cdb, 10, TO, parameters, 48);
	return outcome(f);
}

START_TEST(register_and_move_hands_the_reservation_over)
{
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, KEY_B, 0, 1), CONFLICT); /* not registered */
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, KEY_B, 0, 1), CONFLICT); /* nothing to move */
	ck_assert_uint_eq(reserve(&a, 8, KEY_A), 0);
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, KEY_B, 0, 1), CONFLICT); /* all have it */
	ck_assert_uint_eq(out(&a, 0x02, 8, KEY_A, 0, 0), 0);
	ck_assert_uint_eq(reserve(&a, 3, KEY_A), 0);
	ck_assert_uint_eq(move_to(&a, 2, KEY_B, KEY_B, 0, 1), CONFLICT);
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, 0, 0, 1), BAD_PARAMETER);
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, KEY_B, 0, 2), BAD_PARAMETER);
	ck_assert_uint_eq(move_to(&a, 1, KEY_A, KEY_B, 0, 1), BAD_PARAMETER); /* to itself */
	ck_assert_uint_eq(move_to(&a, 77, KEY_A, KEY_B, 0, 1), BAD_PARAMETER);
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, KEY_B, 0x01, 1), BAD_PARAMETER); /* APTPL, which is not to be had */
	ck_assert_uint_eq(move_to(&a, 2, KEY_A, KEY_B, 0x02, 1), 0); /* UNREG */
	ck_assert_uint_eq(keys(&b), 1);
	ck_assert_uint_eq(kind(&b, WRITES), 0);
	ck_assert_uint_eq(kind(&a, READS), CONFLICT);
	ck_assert_uint_eq(ready(&a), 0);
}
END_TEST

START_TEST(answers_are_laid_out_as_printed)
{
	static const uint8_t capabilities[8] = { 0, 8, 0x0c, 0xb0, 0xea, 0x01 };
	const uint8_t *d;

	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reg(&b, 0, KEY_B), 0);
	ck_assert_uint_eq(reserve(&b, 6, KEY_B), 0);
	d = in(&a, 0, 100);
	ck_assert_uint_eq(a.response.bytes_transferred, 24);
	ck_assert(sheaf_get_be32(d) == 2 && sheaf_get_be32(d + 4) == 16);
	ck_assert(sheaf_get_be64(d + 8) == KEY_A && sheaf_get_be64(d + 16) == KEY_B);
	d = in(&a, 0, 12); /* cut, but the length is of all */
	ck_assert(a.response.bytes_transferred == 12 && sheaf_get_be32(d + 4) == 16);
	d = in(&a, 1, 100);
	ck_assert_uint_eq(a.response.bytes_transferred, 24);
	ck_assert(sheaf_get_be32(d) == 2 && sheaf_get_be32(d + 4) == 16);
	ck_assert(sheaf_get_be64(d + 8) == KEY_B && d[21] == 0x06);
	d = in(&a, 2, 100);
	ck_assert_uint_eq(a.response.bytes_transferred, 8);
	ck_assert_mem_eq(d, capabilities, 8);
	d = in(&a, 3, 200);
	ck_assert_uint_eq(a.response.bytes_transferred, 8 + 2 * 48);
	ck_assert(sheaf_get_be32(d) == 2 && sheaf_get_be32(d + 4) == 96);
	ck_assert(sheaf_get_be64(d + 8) == KEY_A && d[8 + 12] == 0 && d[8 + 13] == 0);
	ck_assert(sheaf_get_be16(d + 8 + 18) == 1 && sheaf_get_be32(d + 8 + 20) == 24);
	ck_assert(sheaf_get_be64(d + 56) == KEY_B && d[56 + 12] == 1 && d[56 + 13] == 0x06);
	uint8_t id[24];
	put_id(id, 2);
	ck_assert_mem_eq(d + 56 + 24, id, 24);
}
END_TEST

/* RESERVE and RELEASE */

START_TEST(reserve_keeps_others_out_until_release)
{
	uint8_t opcodes[2][2] = { { 0x16, 0x17 }, { 0x56, 0x57 } };
	unsigned size = _i ? 10 : 6;

	ck_assert_uint_eq(simple(&a, opcodes[_i][0], size), 0);
	ck_assert_uint_eq(simple(&a, opcodes[_i][0], size), 0); /* once more */
	ck_assert_uint_eq(simple(&b, opcodes[_i][0], size), CONFLICT);
	ck_assert_uint_eq(simple(&b, opcodes[_i][1], size), 0); /* not its own: nothing is done */
	for (int k = 0; k < KINDS; k++) {
		ck_assert_uint_eq(kind(&a, k), 0);
		ck_assert_uint_eq(kind(&b, k), CONFLICT);
	}
	for (struct scsi_fixture *f = &a; f; f = f == &a ? &b : NULL) { /* SPC-2: whoever asks */
		in(f, 0, 8);
		ck_assert_uint_eq(outcome(f), CONFLICT);
		in(f, 2, 8);
		ck_assert_uint_eq(outcome(f), CONFLICT);
		ck_assert_uint_eq(out(f, 0x06, 0, 0, KEY_A, 0), CONFLICT);
	}
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
	fixture_run(&b, inquiry, 6, FROM, NULL, 36);
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(simple(&a, opcodes[_i][1], size), 0);
	for (int k = 0; k < KINDS; k++)
		ck_assert_uint_eq(kind(&b, k), 0);
	ck_assert_uint_eq(simple(&b, opcodes[_i][0], size), 0);
}
END_TEST

START_TEST(reserve_conflicts_while_anybody_is_registered)
{
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(simple(&a, 0x16, 6), CONFLICT);
	ck_assert_uint_eq(simple(&b, 0x56, 10), CONFLICT);
	ck_assert_uint_eq(simple(&b, 0x17, 6), CONFLICT);
	ck_assert_uint_eq(reg(&a, KEY_A, 0), 0);
	ck_assert_uint_eq(simple(&b, 0x16, 6), 0);
}
END_TEST

START_TEST(resets_end_a_reserve_and_no_persistent_reservation)
{
	ck_assert_uint_eq(simple(&a, 0x16, 6), 0);
	sheaf_lu_reset(a.lu);
	ck_assert_uint_eq(ready(&b), 0x062903);
	ck_assert_uint_eq(ready(&b), 0);
	ck_assert_uint_eq(simple(&b, 0x16, 6), 0);
	sheaf_lu_nexus_loss(a.lu, 1); /* of somebody else */
	ck_assert_uint_eq(ready(&c), 0x062903);
	ck_assert_uint_eq(ready(&c), CONFLICT);
	ck_assert_uint_eq(ready(&a), 0x062903); /* a reset says more than a lost nexus */
	sheaf_lu_nexus_loss(a.lu, 2);
	ck_assert_uint_eq(ready(&c), 0);
	ck_assert_uint_eq(ready(&b), 0x062907);
	ck_assert_uint_eq(reg(&a, 0, KEY_A), 0);
	ck_assert_uint_eq(reserve(&a, 3, KEY_A), 0);
	sheaf_lu_reset(a.lu);
	sheaf_lu_nexus_loss(a.lu, 1);
	ck_assert_uint_eq(ready(&b), 0x062903);
	ck_assert_uint_eq(kind(&b, READS), CONFLICT);
	ck_assert_uint_eq(reserved_type(&b), 3);
}
END_TEST

/* What is kept */

START_TEST(aptpl_is_refused_where_nothing_can_be_kept)
{
	ck_assert_uint_eq(out(&a, 0x00, 0, 0, KEY_A, 1), BAD_PARAMETER);
	ck_assert_uint_eq(out(&a, 0x06, 0, 0, KEY_A, 1), BAD_PARAMETER);
	ck_assert_uint_eq(keys(&a), 0);
	ck_assert_uint_eq(in(&a, 2, 8)[2] & 1, 0);
}
END_TEST

START_TEST(aptpl_survives_a_power_loss)
{
	uint8_t kept[SHEAF_STORE_KEPT_MAX];
	int length;

	teardown();
	setup_over(0);
	ck_assert_uint_eq(in(&a, 2, 8)[2] & 1, 1);
	ck_assert_uint_eq(in(&a, 2, 8)[3] & 1, 0);
	ck_assert_uint_eq(out(&a, 0x00, 0, 0, KEY_A, 1), 0);
	ck_assert_uint_eq(in(&a, 2, 8)[3] & 1, 1);
	ck_assert_uint_eq(out(&b, 0x00, 0, 0, KEY_B, 1), 0);
	ck_assert_uint_eq(reserve(&a, 5, KEY_A), 0); /* is kept too */
	length = a.fake->notes[SHEAF_NOTE_RESERVATIONS].length;
	ck_assert_int_gt(length, 0);
	memcpy(kept, a.fake->notes[SHEAF_NOTE_RESERVATIONS].bytes, sizeof(kept));
	teardown();
	setup_over(0);
	memcpy(a.fake->notes[SHEAF_NOTE_RESERVATIONS].bytes, kept, sizeof(kept));
	a.fake->notes[SHEAF_NOTE_RESERVATIONS].length = length;
	struct sheaf_lu_options options = { .block_size = 512, .maximum_transfer_bytes = 4096, .serial = "1" };
	sheaf_lu_free(a.lu);
	ck_assert_int_eq(sheaf_lu_create(&a.fake->store, &options, &a.lu), 0);
	b.lu = c.lu = a.lu;
	ck_assert_uint_eq(ready(&c), 0x062901); /* it was a power on */
	ck_assert_uint_eq(kind(&c, WRITES), CONFLICT);
	ck_assert_uint_eq(kind(&c, READS), 0);
	ck_assert_uint_eq(ready(&b), 0x062901);
	ck_assert_uint_eq(kind(&b, WRITES), 0);
	ck_assert_uint_eq(generation(&b), 0);
	ck_assert_uint_eq(keys(&b), 2);
	ck_assert_uint_eq(ready(&a), 0x062901);
	/* Without APTPL from here on, so nothing is kept. */
	ck_assert_uint_eq(reg(&a, KEY_A, KEY_C), 0);
	ck_assert_int_eq(a.fake->notes[SHEAF_NOTE_RESERVATIONS].length, 0);
	ck_assert_uint_eq(in(&a, 2, 8)[3] & 1, 0);
}
END_TEST

START_TEST(nothing_changes_before_it_is_kept)
{
	teardown();
	setup_over(0);
	start_out(&a, 0x00, 0, 0, KEY_A, 1);
	ck_assert_uint_eq(a.ended, 0);
	start_out(&b, 0x00, 0, 0, KEY_B, 1); /* waits for its turn */
	ck_assert_uint_eq(b.ended, 0);
	static const uint8_t reserve_6[6] = { 0x16 }, read_keys[10] = { 0x5e, [8] = 8 };
	fixture_start(&c, reserve_6, 6, NONE, 0);
	fixture_go(&c);
	ck_assert_uint_eq(outcome(&c), CONFLICT);
	fixture_start(&c, read_keys, 10, FROM, 8);
	fixture_go(&c);
	ck_assert_uint_eq(c.ended, 1);
	ck_assert_uint_eq(sheaf_get_be32(c.data + 4), 0);
	fake_keep_all(a.fake);
	ck_assert_uint_eq(a.ended, 1);
	ck_assert_uint_eq(b.ended, 0);
	ck_assert_ptr_nonnull(a.fake->notes[SHEAF_NOTE_RESERVATIONS].keeping);
	fake_keep_all(a.fake);
	ck_assert_uint_eq(b.ended, 1);
	ck_assert_uint_eq(keys(&c), 2);
}
END_TEST

START_TEST(what_cannot_be_kept_is_not_done)
{
	static const struct {
		int error;
		unsigned outcome;
	} rows[] = { { -ENOSPC, NO_ROOM }, { -EDQUOT, NO_ROOM }, { -EIO, 0x044400 }, { -EPERM, 0x044400 } };

	teardown();
	setup_over(0);
	for (unsigned i = 0; i < 4; i++) {
		a.fake->keep_result = rows[i].error;
		ck_assert_uint_eq(out(&a, 0x06, 0, 0, KEY_A, 1), rows[i].outcome);
		ck_assert_uint_eq(keys(&a), 0);
		ck_assert_uint_eq(generation(&a), 0);
	}
	a.fake->keep_result = 0;
	ck_assert_uint_eq(out(&a, 0x06, 0, 0, KEY_A, 1), 0);
	ck_assert_uint_eq(keys(&a), 1);
}
END_TEST

static struct sheaf_persistent sample(void)
{
	return (struct sheaf_persistent){
		.key = { [0] = KEY_C, [2] = KEY_A, [15] = KEY_B }, .holder = 2, .type = 5, .aptpl = true
	};
}

START_TEST(record_comes_back_as_it_was)
{
	struct sheaf_persistent p = sample(), q = { 0 };
	uint8_t record[SHEAF_PERSISTENT_RECORD_MAX];
	size_t length = sheaf_persistent_encode(&p, record);

	ck_assert_uint_eq(length, 8 + 3 * 12 + 8);
	ck_assert(sheaf_persistent_decode(record, length, &q));
	ck_assert_mem_eq(q.key, p.key, sizeof(p.key));
	ck_assert(q.holder == 2 && q.type == 5 && q.aptpl && q.generation == 0);
	p.type = 7;
	p.holder = SHEAF_INITIATOR_NONE;
	ck_assert(sheaf_persistent_decode(record, sheaf_persistent_encode(&p, record), &q));
	ck_assert(q.holder == SHEAF_INITIATOR_NONE && q.type == 7);
	p.aptpl = false;
	ck_assert_uint_eq(sheaf_persistent_encode(&p, record), 0);
	memset(&p, 0, sizeof(p));
	p.aptpl = true;
	ck_assert_uint_eq(sheaf_persistent_encode(&p, record), 0);
}
END_TEST

/* Every bit of it, and every length. */
START_TEST(record_that_was_damaged_is_none)
{
	struct sheaf_persistent p = sample(), q;
	uint8_t record[SHEAF_PERSISTENT_RECORD_MAX + 1] = { 0 };
	size_t length = sheaf_persistent_encode(&p, record);

	for (size_t n = 0; n <= sizeof(record); n++)
		ck_assert(sheaf_persistent_decode(record, n, &q) == (n == length));
	for (size_t bit = 0; bit < 8 * length; bit++) {
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!sheaf_persistent_decode(record, length, &q));
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

static void checksum(uint8_t *record, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < length - 8; i++)
		hash = (hash ^ record[i]) * 0x100000001b3;
	sheaf_put_be64(record + length - 8, hash);
}

/* Its checksum is right, but it says what cannot be: the image may come from anywhere. */
START_TEST(record_that_says_what_cannot_be_is_none)
{
	static const struct {
		unsigned byte;
		uint8_t value;
	} rows[] = {
		{ 0, 'X' },  { 4, 2 },	 { 5, 2 },   { 5, 4 },	 { 5, 9 },   { 5, 0 }, /* a holder of nothing */
		{ 5, 7 }, /* one holder of what all have */
		{ 6, 1 },  /* holder that is not registered */
		{ 6, 16 }, { 6, 0xff }, { 7, 0 }, { 7, 2 }, { 7, 4 }, { 7, 255 }, { 8, 16 }, { 20, 0 }, /* twice */
		{ 9, 1 }, { 11, 1 },
	};
	struct sheaf_persistent p = sample(), q;
	uint8_t record[SHEAF_PERSISTENT_RECORD_MAX];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t length = sheaf_persistent_encode(&p, record);

		record[rows[i].byte] = rows[i].value;
		checksum(record, length);
		ck_assert_msg(!sheaf_persistent_decode(record, length, &q), "row %u", i);
	}
	size_t length = sheaf_persistent_encode(&p, record);
	memset(record + 12, 0, 8); /* a key of 0 */
	checksum(record, length);
	ck_assert(!sheaf_persistent_decode(record, length, &q));
}
END_TEST

START_TEST(unsound_record_registers_nobody_and_can_be_replaced)
{
	teardown();
	setup_over(100); /* of zeros */
	ck_assert_uint_eq(keys(&a), 0);
	ck_assert_uint_eq(kind(&a, WRITES), 0);
	ck_assert_uint_eq(out(&a, 0x06, 0, 0, KEY_A, 1), 0);
	ck_assert_int_eq(a.fake->notes[SHEAF_NOTE_RESERVATIONS].length, 8 + 12 + 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reservation");
	TCase *tc = tcase_create("reservation");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_type_lets_through_what_the_table_says, 0, 6);
	tcase_add_test(tc, every_row_does_as_it_says_under_exclusive_access);
	tcase_add_loop_test(tc, what_is_let_through_in_part_is_told_by_its_bit, 0,
			    (int)(sizeof(in_part) / sizeof(in_part[0])));
	tcase_add_test(tc, unregistered_may_only_register);
	tcase_add_test(tc, register_follows_its_table);
	tcase_add_test(tc, reserve_again_is_good_only_if_it_is_the_same);
	tcase_add_test(tc, all_registrants_hold_together_and_the_last_takes_it_along);
	tcase_add_test(tc, release_is_for_the_holder_and_names_what_it_releases);
	tcase_add_loop_test(tc, registrants_hear_of_the_end_of_their_types, 0, 2);
	tcase_add_test(tc, clear_takes_all_away_and_tells_the_others);
	tcase_add_test(tc, preempt_takes_a_reservation_over);
	tcase_add_test(tc, preempt_takes_registrations_away);
	tcase_add_test(tc, preempt_of_all_registrants);
	tcase_add_test(tc, preempt_and_abort_ends_when_nothing_of_the_preempted_is_at_work);
	tcase_add_test(tc, command_that_waited_is_looked_at_again);
	tcase_add_test(tc, spec_i_pt_registers_all_or_nobody);
	tcase_add_test(tc, parameter_list_has_24_bytes);
	tcase_add_test(tc, register_and_move_hands_the_reservation_over);
	tcase_add_test(tc, answers_are_laid_out_as_printed);
	tcase_add_loop_test(tc, reserve_keeps_others_out_until_release, 0, 2);
	tcase_add_test(tc, reserve_conflicts_while_anybody_is_registered);
	tcase_add_test(tc, resets_end_a_reserve_and_no_persistent_reservation);
	tcase_add_test(tc, aptpl_is_refused_where_nothing_can_be_kept);
	tcase_add_test(tc, aptpl_survives_a_power_loss);
	tcase_add_test(tc, nothing_changes_before_it_is_kept);
	tcase_add_test(tc, what_cannot_be_kept_is_not_done);
	tcase_add_test(tc, record_comes_back_as_it_was);
	tcase_add_test(tc, record_that_was_damaged_is_none);
	tcase_add_test(tc, record_that_says_what_cannot_be_is_none);
	tcase_add_test(tc, unsound_record_registers_nobody_and_can_be_replaced);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
