/* SPDX-License-Identifier: MIT */
/*
 * reserve_out.c - PERSISTENT RESERVE OUT, SPC-4 sections 5.13 and 6.16
 *
 *   BEGIN --take_turn()--> decide() --> keep() --kept()--> commit() --> end
 *     ^                       |                               |
 *     +--- waits for another  +--> refused: end               +--> ABORTING (PREEMPT AND ABORT) --> end
 *
 *   1. decide() changes a copy of the state, and says who is to be told what; commit() makes it the LU's.
 *   2. Only with APTPL does keep() take time; the turn is held meanwhile, and given up on every way out.
 *   3. PREEMPT AND ABORT marks the tasks of whom it preempts as aborted, and then goes through the range gate alone: what they had
 *      begun is over when it ends. A task of theirs that was on its way into the gate is looked at once more when it is let in
 *      (sheaf_lu_continue()).
 *   4. What lt->scratch points to is the command's own struct sheaf_reserve_out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/* TransportIDs that one REGISTER may bring along: each initiator that there can be, and some to spare. */
#define PARAMETERS_MAX 1024

enum phase { BEGIN, ABORTING };

/* How decide() found it. */
enum verdict {
	CHANGED,
	NOTHING_TO_DO, /* GOOD */
	CONFLICT,
	BAD_FIELD,     /* in the CDB: byte, bit */
	BAD_PARAMETER, /* byte */
	BAD_LENGTH,
	BAD_RELEASE,
	NO_ROOM,
};

struct sheaf_reserve_out {
	struct sheaf_lu_task *lt;
	struct sheaf_reserve_out *next; /* of those that wait; guarded by the LU's lock */
	enum phase phase;
	struct sheaf_persistent state; /* what it is to be */
	/* Initiators that get a unit attention, a bit each. */
	uint32_t registration_preempted, reservation_preempted, released;
	uint32_t abort; /* whose tasks are aborted */
	uint16_t byte;
	int8_t bit;
	uint8_t record[SHEAF_PERSISTENT_RECORD_MAX];
	uint32_t length;
	uint8_t parameters[]; /* a private copy, at least SHEAF_PROUT_LENGTH bytes */
};

static struct sheaf_reserve_out *out_of(const struct sheaf_lu_task *lt)
{
	return (struct sheaf_reserve_out *)lt->scratch;
}

static uint32_t self_of(const struct sheaf_reserve_out *out)
{
	return out->lt->task.initiator_index;
}

static uint8_t type_of(const struct sheaf_reserve_out *out)
{
	return out->lt->task.command_descriptor_block[SHEAF_CDB_PROUT_SCOPE_TYPE] & 0x0f;
}

static uint8_t scope_of(const struct sheaf_reserve_out *out)
{
	return out->lt->task.command_descriptor_block[SHEAF_CDB_PROUT_SCOPE_TYPE] >> 4;
}

static uint64_t key_of(const struct sheaf_reserve_out *out)
{
	return sheaf_get_be64(out->parameters + SHEAF_PROUT_KEY);
}

static uint64_t service_action_key_of(const struct sheaf_reserve_out *out)
{
	return sheaf_get_be64(out->parameters + SHEAF_PROUT_SERVICE_ACTION_KEY);
}

static uint8_t flags_of(const struct sheaf_reserve_out *out)
{
	return out->parameters[SHEAF_PROUT_FLAGS];
}

static enum verdict bad_field(struct sheaf_reserve_out *out, uint16_t byte, int8_t bit)
{
	out->byte = byte;
	out->bit = bit;
	return BAD_FIELD;
}

static enum verdict bad_parameter(struct sheaf_reserve_out *out, uint16_t byte)
{
	out->byte = byte;
	return BAD_PARAMETER;
}

/* SCOPE and TYPE name a reservation: CHANGED; else what is wrong. */
static enum verdict check_type(struct sheaf_reserve_out *out)
{
	if (scope_of(out) != 0)
		return bad_field(out, SHEAF_CDB_PROUT_SCOPE_TYPE, 7);
	if (!sheaf_persistent_is_type(type_of(out)))
		return bad_field(out, SHEAF_CDB_PROUT_SCOPE_TYPE, 3);
	return CHANGED;
}

/* Nothing is reserved any more; @tell: initiators that hear of it. */
static void end_reservation(struct sheaf_reserve_out *out, uint32_t tell)
{
	struct sheaf_persistent *p = &out->state;

	if (p->type >= SHEAF_RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS)
		out->released |= tell & ~sheaf_initiator_bit(self_of(out));
	p->type = SHEAF_RESERVATION_NONE;
	p->holder = SHEAF_INITIATOR_NONE;
}

static void reserve_for(struct sheaf_persistent *p, uint32_t initiator, uint8_t type)
{
	p->type = type;
	p->holder = sheaf_persistent_is_all(type) ? SHEAF_INITIATOR_NONE : initiator;
}

/* SPC-4 section 5.13.11.2: its reservation goes with its registration; one of all registrants with the last. */
static void unregister(struct sheaf_reserve_out *out, uint32_t initiator)
{
	struct sheaf_persistent *p = &out->state;
	bool held = sheaf_persistent_holds(p, initiator);

	p->key[initiator] = 0;
	if (held && (!sheaf_persistent_is_all(p->type) || !sheaf_persistent_registered(p)))
		end_reservation(out, sheaf_persistent_registered(p));
}

/* The service actions. */

/* The list of SPEC_I_PT: each that it names is registered too, or nobody is. */
static enum verdict register_listed(struct sheaf_reserve_out *out)
{
	uint32_t list = sheaf_get_be32(out->parameters + SHEAF_PROUT_TRANSPORT_IDS_LENGTH);
	uint32_t at = SHEAF_PROUT_TRANSPORT_IDS, initiator;

	if (list != out->length - SHEAF_PROUT_TRANSPORT_IDS)
		return bad_parameter(out, SHEAF_PROUT_TRANSPORT_IDS_LENGTH);
	while (at < out->length) {
		size_t n = sheaf_transport_id_find(out->parameters + at, out->length - at, &initiator);

		if (n == 0)
			return bad_parameter(out, (uint16_t)at);
		if (initiator == SHEAF_INITIATOR_NONE)
			return NO_ROOM; /* a port that this target will never see */
		if (out->state.key[initiator])
			return bad_parameter(out, (uint16_t)at); /* SPC-4 section 5.13.7: registered already */
		out->state.key[initiator] = service_action_key_of(out);
		at += (uint32_t)n;
	}
	return CHANGED;
}

static enum verdict register_key(struct sheaf_reserve_out *out)
{
	bool ignore = out->lt->command->service_action == SHEAF_SCSI_SA_REGISTER_AND_IGNORE;
	uint64_t *own = &out->state.key[self_of(out)];
	uint64_t key = service_action_key_of(out);
	bool listed = flags_of(out) & SHEAF_PROUT_SPEC_I_PT;
	enum verdict verdict = CHANGED;

	if (!ignore && key_of(out) != *own)
		return CONFLICT;
	/* SPC-4 table 68: a list is for who is not registered yet. */
	if (listed && *own)
		return bad_parameter(out, SHEAF_PROUT_FLAGS);
	if (flags_of(out) & SHEAF_PROUT_APTPL && !out->lt->lu->reservations.can_keep)
		return bad_parameter(out, SHEAF_PROUT_FLAGS);
	if (!*own && !key)
		return NOTHING_TO_DO;
	if (!key) {
		unregister(out, self_of(out));
	} else {
		if (listed)
			verdict = register_listed(out);
		*own = key;
	}
	out->state.aptpl = flags_of(out) & SHEAF_PROUT_APTPL;
	out->state.generation++;
	return verdict;
}

static enum verdict reserve(struct sheaf_reserve_out *out)
{
	struct sheaf_persistent *p = &out->state;
	enum verdict verdict = check_type(out);

	if (verdict != CHANGED)
		return verdict;
	if (p->type == SHEAF_RESERVATION_NONE)
		reserve_for(p, self_of(out), type_of(out));
	else
		verdict = sheaf_persistent_holds(p, self_of(out)) && p->type == type_of(out) ? NOTHING_TO_DO
											    : CONFLICT;
	return verdict;
}

static enum verdict release(struct sheaf_reserve_out *out)
{
	struct sheaf_persistent *p = &out->state;

	if (!sheaf_persistent_holds(p, self_of(out)))
		return NOTHING_TO_DO;
	if (scope_of(out) != 0 || type_of(out) != p->type)
		return BAD_RELEASE;
	end_reservation(out, sheaf_persistent_registered(p));
	return CHANGED;
}

static enum verdict clear(struct sheaf_reserve_out *out)
{
	struct sheaf_persistent *p = &out->state;

	out->reservation_preempted = sheaf_persistent_registered(p) & ~sheaf_initiator_bit(self_of(out));
	memset(p->key, 0, sizeof(p->key));
	p->type = SHEAF_RESERVATION_NONE;
	p->holder = SHEAF_INITIATOR_NONE;
	p->generation++;
	return CHANGED;
}

/* Those whose key is @key; 0: all. */
static uint32_t registered_with(const struct sheaf_persistent *p, uint64_t key)
{
	uint32_t with = 0;

	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		if (p->key[i] && (key == 0 || p->key[i] == key))
			with |= sheaf_initiator_bit(i);
	return with;
}

/*
 * SPC-4 section 5.13.11.4. Two things in one: whose key it names loses its registration; if that is the holder's key (zero, for all
 * registrants), the reservation is taken over, and then the preempting one keeps its registration whatever its key is.
 */
static enum verdict preempt(struct sheaf_reserve_out *out)
{
	struct sheaf_persistent *p = &out->state;
	uint64_t key = service_action_key_of(out);
	uint32_t self = sheaf_initiator_bit(self_of(out)), victims;
	bool all = sheaf_persistent_is_all(p->type);
	bool take_over = all ? key == 0 : p->type && key && p->key[p->holder] == key;
	enum verdict verdict;

	if (key == 0 && !all)
		return bad_parameter(out, SHEAF_PROUT_SERVICE_ACTION_KEY);
	victims = registered_with(p, key);
	if (!victims)
		return CONFLICT;
	if (take_over) {
		verdict = check_type(out);
		if (verdict != CHANGED)
			return verdict;
		victims &= ~self;
		if (type_of(out) != p->type)
			out->released = sheaf_persistent_registered(p) & ~victims & ~self;
		reserve_for(p, self_of(out), type_of(out));
	}
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		if (victims & sheaf_initiator_bit(i) && (take_over || i != self_of(out)))
			p->key[i] = 0;
	if (victims & self)
		unregister(out, self_of(out));
	out->registration_preempted = victims & ~self;
	if (out->lt->command->service_action == SHEAF_SCSI_SA_PREEMPT_AND_ABORT)
		out->abort = victims;
	p->generation++;
	return CHANGED;
}

/* SPC-4 sections 5.13.8, 6.16.4. */
static enum verdict register_and_move(struct sheaf_reserve_out *out)
{
	struct sheaf_persistent *p = &out->state;
	const uint8_t *parameters = out->parameters;
	uint8_t flags = parameters[SHEAF_PROUT_MOVE_FLAGS];
	uint32_t id_length = sheaf_get_be32(parameters + SHEAF_PROUT_MOVE_ID_LENGTH), to;

	if (!sheaf_persistent_holds(p, self_of(out)) || sheaf_persistent_is_all(p->type))
		return CONFLICT;
	if (service_action_key_of(out) == 0)
		return bad_parameter(out, SHEAF_PROUT_SERVICE_ACTION_KEY);
	if (sheaf_get_be16(parameters + SHEAF_PROUT_MOVE_PORT) != SHEAF_TARGET_PORT)
		return bad_parameter(out, SHEAF_PROUT_MOVE_PORT);
	if (id_length != out->length - SHEAF_PROUT_MOVE_ID)
		return bad_parameter(out, SHEAF_PROUT_MOVE_ID_LENGTH);
	if (sheaf_transport_id_find(parameters + SHEAF_PROUT_MOVE_ID, id_length, &to) != id_length ||
	    to == SHEAF_INITIATOR_NONE || to == self_of(out))
		return bad_parameter(out, SHEAF_PROUT_MOVE_ID);
	if (flags & SHEAF_PROUT_APTPL && !out->lt->lu->reservations.can_keep)
		return bad_parameter(out, SHEAF_PROUT_MOVE_FLAGS);
	p->key[to] = service_action_key_of(out);
	p->holder = to;
	if (flags & SHEAF_PROUT_MOVE_UNREG)
		p->key[self_of(out)] = 0;
	p->aptpl = flags & SHEAF_PROUT_APTPL;
	p->generation++;
	return CHANGED;
}

/* Of PARAMETER LIST LENGTH and what is in every list. CHANGED: sound. */
static enum verdict check_parameters(struct sheaf_reserve_out *out)
{
	uint8_t action = out->lt->command->service_action;

	if (action == SHEAF_SCSI_SA_REGISTER_AND_MOVE)
		return out->length < SHEAF_PROUT_MOVE_ID + SHEAF_TRANSPORT_ID_LENGTH ? BAD_LENGTH : CHANGED;
	if (!(flags_of(out) & SHEAF_PROUT_SPEC_I_PT))
		return out->length != SHEAF_PROUT_LENGTH ? BAD_LENGTH : CHANGED;
	if (action != SHEAF_SCSI_SA_REGISTER)
		return bad_parameter(out, SHEAF_PROUT_FLAGS);
	return out->length < SHEAF_PROUT_TRANSPORT_IDS ? BAD_LENGTH : CHANGED;
}

static enum verdict decide(struct sheaf_reserve_out *out)
{
	uint8_t action = out->lt->command->service_action;
	enum verdict verdict = check_parameters(out);

	if (verdict != CHANGED)
		return verdict;
	if (action == SHEAF_SCSI_SA_REGISTER || action == SHEAF_SCSI_SA_REGISTER_AND_IGNORE)
		return register_key(out);
	/* All others are for who is registered, with its key. */
	if (!out->state.key[self_of(out)] || out->state.key[self_of(out)] != key_of(out))
		return CONFLICT;
	switch (action) {
	case SHEAF_SCSI_SA_RESERVE:
		return reserve(out);
	case SHEAF_SCSI_SA_RELEASE:
		return release(out);
	case SHEAF_SCSI_SA_CLEAR:
		return clear(out);
	case SHEAF_SCSI_SA_REGISTER_AND_MOVE:
		return register_and_move(out);
	default:
		return preempt(out);
	}
}

/* Turns */

/* False: it waits, and its handler will be called again; or the LU is reserved the other way, and it has ended. */
static bool take_turn(struct sheaf_lu_task *lt)
{
	struct sheaf_reservations *r = &lt->lu->reservations;
	struct sheaf_reserve_out *out = out_of(lt), **link = &r->waiting;
	bool reserved, taken;

	pthread_mutex_lock(&lt->lu->lock);
	reserved = r->reserved_by != SHEAF_INITIATOR_NONE;
	taken = !reserved && !r->turn;
	if (taken) {
		r->turn = lt;
		out->state = r->persistent;
	} else if (!reserved) {
		while (*link)
			link = &(*link)->next;
		*link = out;
		out->next = NULL;
	}
	pthread_mutex_unlock(&lt->lu->lock);
	if (reserved)
		sheaf_lu_end_status(lt, SHEAF_STATUS_RESERVATION_CONFLICT);
	return taken;
}

/* Lock held; those who waited are to be resumed without it. */
static struct sheaf_reserve_out *give_up_turn(struct sheaf_lu_task *lt)
{
	struct sheaf_reservations *r = &lt->lu->reservations;
	struct sheaf_reserve_out *waiting = r->waiting;

	r->turn = NULL;
	r->waiting = NULL;
	return waiting;
}

static void resume_all(struct sheaf_reserve_out *waiting)
{
	while (waiting) {
		struct sheaf_lu_task *lt = waiting->lt;

		waiting = waiting->next; /* it may end as soon as it is resumed */
		lt->set->resume(lt);
	}
}

/* How a command ends that changed nothing. */
static void end_with(struct sheaf_lu_task *lt, enum verdict verdict)
{
	const struct sheaf_reserve_out *out = out_of(lt);

	switch (verdict) {
	case CHANGED:
	case NOTHING_TO_DO:
		sheaf_lu_end_good(lt, out->length);
		break;
	case CONFLICT:
		sheaf_lu_end_status(lt, SHEAF_STATUS_RESERVATION_CONFLICT);
		break;
	case BAD_FIELD:
		sheaf_lu_end_bad_field(lt, out->byte, out->bit);
		break;
	case BAD_PARAMETER:
		sheaf_lu_end_bad_parameter(lt, out->byte);
		break;
	case BAD_LENGTH:
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		break;
	case BAD_RELEASE:
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_INVALID_RELEASE);
		break;
	case NO_ROOM:
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
				   SHEAF_ASC_INSUFFICIENT_REGISTRATION_RESOURCES);
		break;
	}
}

/* Nothing changes. */
static void refuse(struct sheaf_lu_task *lt, enum verdict verdict)
{
	struct sheaf_reserve_out *waiting;

	pthread_mutex_lock(&lt->lu->lock);
	waiting = give_up_turn(lt);
	pthread_mutex_unlock(&lt->lu->lock);
	end_with(lt, verdict);
	resume_all(waiting);
}

/* Lock held. */
static void tell(struct sheaf_lu *lu, uint32_t initiators, uint16_t asc)
{
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		if (initiators & sheaf_initiator_bit(i))
			sheaf_lu_raise_attention_locked(lu, i, asc);
}

static void commit(struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_reserve_out *out = out_of(lt), *waiting;

	pthread_mutex_lock(&lu->lock);
	lu->reservations.persistent = out->state;
	sheaf_reservations_note(lu);
	tell(lu, out->registration_preempted, SHEAF_ASC_REGISTRATIONS_PREEMPTED);
	tell(lu, out->reservation_preempted, SHEAF_ASC_RESERVATIONS_PREEMPTED);
	tell(lu, out->released, SHEAF_ASC_RESERVATIONS_RELEASED);
	sheaf_aca_end(lu, out->abort);
	waiting = give_up_turn(lt);
	pthread_mutex_unlock(&lu->lock);
	if (lt->command->service_action == SHEAF_SCSI_SA_PREEMPT_AND_ABORT) {
		out->phase = ABORTING;
		if (lt->set->abort)
			lt->set->abort(lt->set, lt, out->abort);
		if (sheaf_task_set_enter_alone(lt))
			end_with(lt, CHANGED);
	} else {
		end_with(lt, CHANGED);
	}
	resume_all(waiting);
}

static void kept(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);
	struct sheaf_reserve_out *waiting;

	if (result == 0) {
		commit(lt);
		return;
	}
	if (result == -ENOSPC || result == -EDQUOT || result == -E2BIG) {
		refuse(lt, NO_ROOM);
		return;
	}
	pthread_mutex_lock(&lt->lu->lock);
	waiting = give_up_turn(lt);
	pthread_mutex_unlock(&lt->lu->lock);
	sheaf_lu_end_check(lt, SHEAF_KEY_HARDWARE_ERROR, SHEAF_ASC_INTERNAL_TARGET_FAILURE);
	resume_all(waiting);
}

/* What is to survive goes to the store first. */
static void keep_and_commit(struct sheaf_lu_task *lt)
{
	struct sheaf_reserve_out *out = out_of(lt);

	if (!out->state.aptpl && !lt->lu->reservations.persistent.aptpl) {
		commit(lt);
		return;
	}
	lt->io.data = out->record;
	lt->io.length = sheaf_persistent_encode(&out->state, out->record);
	lt->io.done = kept;
	sheaf_store_keep(lt->lu->store, SHEAF_NOTE_RESERVATIONS, lt->loop, &lt->io);
}

/* The command's private memory, with a copy of its parameter list. False: it has ended. */
static bool begin(struct sheaf_lu_task *lt)
{
	struct sheaf_reserve_out *out;

	if (lt->count_bytes < SHEAF_PROUT_LENGTH || lt->count_bytes > PARAMETERS_MAX) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		return false;
	}
	out = calloc(1, sizeof(*out) + lt->count_bytes);
	if (!out) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return false;
	}
	out->lt = lt;
	out->length = lt->count_bytes;
	memcpy(out->parameters, lt->data, out->length);
	lt->scratch = (uint8_t *)out;
	return true;
}

/** PERSISTENT RESERVE OUT, SPC-4 section 6.16. Called again after each wait. */
void sheaf_lu_persistent_reserve_out(struct sheaf_lu_task *lt)
{
	enum verdict verdict;

	if (!lt->scratch && !begin(lt))
		return;
	if (out_of(lt)->phase == ABORTING) {
		end_with(lt, CHANGED);
		return;
	}
	if (!take_turn(lt))
		return;
	verdict = decide(out_of(lt));
	if (verdict == CHANGED)
		keep_and_commit(lt);
	else
		refuse(lt, verdict);
}
