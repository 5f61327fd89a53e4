/* SPDX-License-Identifier: MIT */
/*
 * reservation.c - see reservation.h; PERSISTENT RESERVE IN (SPC-4 section 6.15), RESERVE and RELEASE (SPC-2 sections 7.21, 7.16).
 * PERSISTENT RESERVE OUT is in reserve_out.c.
 */
#include "scsi/reservation.h"

#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "scsi/lu_impl.h"

void sheaf_reservations_init(struct sheaf_lu *lu)
{
	struct sheaf_reservations *r = &lu->reservations;
	uint8_t record[SHEAF_PERSISTENT_RECORD_MAX];
	/* Of an image that cannot be written nothing could be changed again. */
	int length = lu->store->read_only ? -EOPNOTSUPP
					  : sheaf_store_kept(lu->store, SHEAF_NOTE_RESERVATIONS, record, sizeof(record));

	r->persistent.holder = SHEAF_INITIATOR_NONE;
	r->reserved_by = SHEAF_INITIATOR_NONE;
	r->can_keep = length >= 0 || length == -E2BIG;
	if (length == 0 || !r->can_keep)
		return;
	if (length < 0 || !sheaf_persistent_decode(record, (size_t)length, &r->persistent))
		sheaf_warning("%s: what was kept of its reservations is not sound; nobody is registered",
			      lu->store->name ? lu->store->name : "medium");
	sheaf_reservations_note(lu);
}

void sheaf_reservations_note(struct sheaf_lu *lu)
{
	const struct sheaf_reservations *r = &lu->reservations;

	sheaf_lu_set_condition(lu, SHEAF_CONDITION_RESERVED,
			       r->persistent.type != SHEAF_RESERVATION_NONE ||
				       r->reserved_by != SHEAF_INITIATOR_NONE);
}

/* Lock held. */
static void give_up(struct sheaf_lu *lu)
{
	lu->reservations.reserved_by = SHEAF_INITIATOR_NONE;
	sheaf_reservations_note(lu);
}

void sheaf_reservations_reset(struct sheaf_lu *lu)
{
	pthread_mutex_lock(&lu->lock);
	give_up(lu);
	pthread_mutex_unlock(&lu->lock);
}

void sheaf_reservations_nexus_loss(struct sheaf_lu *lu, uint32_t initiator)
{
	pthread_mutex_lock(&lu->lock);
	if (lu->reservations.reserved_by == initiator)
		give_up(lu);
	pthread_mutex_unlock(&lu->lock);
}

/* What the row says, and where that depends on a bit of the CDB, the bit. */
static enum sheaf_cdb_reserved kind_of(const struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	bool allowed;

	switch (lt->command->reserved) {
	case SHEAF_CDB_RESERVED_STARTS: /* SBC-4, table of commands allowed in the presence of reservations */
		allowed = cdb[SHEAF_CDB_START_STOP_FLAGS] & SHEAF_START_STOP_START;
		break;
	case SHEAF_CDB_RESERVED_PREVENTS: /* SPC-4 table 66 */
		allowed = !(cdb[SHEAF_CDB_PREVENT] & SHEAF_PREVENT_REMOVAL);
		break;
	default:
		return (enum sheaf_cdb_reserved)lt->command->reserved;
	}
	return allowed ? SHEAF_CDB_RESERVED_ALLOWED : SHEAF_CDB_RESERVED_CONFLICT;
}

bool sheaf_lu_is_reserved_against(const struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	const struct sheaf_reservations *r = &lu->reservations;
	uint32_t initiator = lt->task.initiator_index;
	enum sheaf_cdb_reserved kind = kind_of(lt);
	bool conflict = false;

	if (kind == SHEAF_CDB_RESERVED_ALLOWED ||
	    !(atomic_load_explicit(&lu->conditions, memory_order_acquire) & SHEAF_CONDITION_RESERVED))
		return false;
	pthread_mutex_lock(&lu->lock);
	if (r->reserved_by != SHEAF_INITIATOR_NONE)
		conflict = r->reserved_by != initiator;
	else if (kind != SHEAF_CDB_RESERVED_READINESS)
		conflict = sheaf_persistent_conflicts(&r->persistent, initiator,
						      kind == SHEAF_CDB_RESERVED_READS);
	pthread_mutex_unlock(&lu->lock);
	return conflict;
}

/** RESERVE (6), (10): the LU as a whole, for the initiator itself. */
void sheaf_lu_reserve(struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_reservations *r = &lu->reservations;
	uint32_t initiator = lt->task.initiator_index;
	bool granted;

	pthread_mutex_lock(&lu->lock);
	/* Whoever has the turn may be about to register. */
	granted = !sheaf_persistent_registered(&r->persistent) && !r->turn &&
		  (r->reserved_by == SHEAF_INITIATOR_NONE || r->reserved_by == initiator);
	if (granted) {
		r->reserved_by = initiator;
		sheaf_reservations_note(lu);
	}
	pthread_mutex_unlock(&lu->lock);
	if (granted)
		sheaf_lu_end_good(lt, 0);
	else
		sheaf_lu_end_status(lt, SHEAF_STATUS_RESERVATION_CONFLICT);
}

/** RELEASE (6), (10). Of somebody else's: GOOD, and nothing is done. */
void sheaf_lu_release(struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_reservations *r = &lu->reservations;
	bool conflict;

	pthread_mutex_lock(&lu->lock);
	conflict = sheaf_persistent_registered(&r->persistent);
	if (!conflict && r->reserved_by == lt->task.initiator_index)
		give_up(lu);
	pthread_mutex_unlock(&lu->lock);
	if (conflict)
		sheaf_lu_end_status(lt, SHEAF_STATUS_RESERVATION_CONFLICT);
	else
		sheaf_lu_end_good(lt, 0);
}

/* READ KEYS, SPC-4 section 6.15.2. */
static size_t read_keys(const struct sheaf_persistent *p, uint8_t *data)
{
	size_t length = SHEAF_PRIN_HEADER;

	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++) {
		if (!p->key[i])
			continue;
		sheaf_put_be64(data + length, p->key[i]);
		length += 8;
	}
	return length;
}

/* READ RESERVATION, SPC-4 section 6.15.3. */
static size_t read_reservation(const struct sheaf_persistent *p, uint8_t *data)
{
	if (p->type == SHEAF_RESERVATION_NONE)
		return SHEAF_PRIN_HEADER;
	if (p->holder != SHEAF_INITIATOR_NONE)
		sheaf_put_be64(data + SHEAF_PRIN_RESERVATION_KEY, p->key[p->holder]);
	data[SHEAF_PRIN_RESERVATION_TYPE] = p->type; /* SCOPE 0h: LU_SCOPE */
	return SHEAF_PRIN_RESERVATION_LENGTH;
}

/* READ FULL STATUS, SPC-4 section 6.15.5. */
static size_t read_full_status(const struct sheaf_persistent *p, uint8_t *data)
{
	size_t length = SHEAF_PRIN_HEADER;

	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++) {
		uint8_t *d = data + length;

		if (!p->key[i])
			continue;
		sheaf_put_be64(d, p->key[i]);
		if (sheaf_persistent_holds(p, i)) {
			d[SHEAF_PRIN_STATUS_HOLDER] = 1;
			d[SHEAF_PRIN_STATUS_TYPE] = p->type;
		}
		sheaf_put_be16(d + SHEAF_PRIN_STATUS_PORT, SHEAF_TARGET_PORT);
		sheaf_put_be32(d + SHEAF_PRIN_STATUS_LENGTH, SHEAF_TRANSPORT_ID_LENGTH);
		sheaf_transport_id_put(d + SHEAF_PRIN_STATUS_DESCRIPTOR, i);
		length += SHEAF_PRIN_STATUS_DESCRIPTOR + SHEAF_TRANSPORT_ID_LENGTH;
	}
	return length;
}

/* The longest of them is READ FULL STATUS. */
#define IN_MAX                      \
	(SHEAF_PRIN_HEADER +        \
	 SHEAF_INITIATORS_MAX * (SHEAF_PRIN_STATUS_DESCRIPTOR + SHEAF_TRANSPORT_ID_LENGTH))

/* False: the command has ended, see rule 3. */
static bool look(struct sheaf_lu_task *lt, struct sheaf_persistent *ret)
{
	bool reserved;

	pthread_mutex_lock(&lt->lu->lock);
	reserved = lt->lu->reservations.reserved_by != SHEAF_INITIATOR_NONE;
	*ret = lt->lu->reservations.persistent;
	pthread_mutex_unlock(&lt->lu->lock);
	if (reserved)
		sheaf_lu_end_status(lt, SHEAF_STATUS_RESERVATION_CONFLICT);
	return !reserved;
}

/** PERSISTENT RESERVE IN: READ KEYS, READ RESERVATION, READ FULL STATUS. */
void sheaf_lu_persistent_reserve_in(struct sheaf_lu_task *lt)
{
	uint8_t data[IN_MAX] = { 0 };
	struct sheaf_persistent p;
	size_t length;

	if (!look(lt, &p))
		return;
	switch (lt->command->service_action) {
	case SHEAF_SCSI_SA_READ_KEYS:
		length = read_keys(&p, data);
		break;
	case SHEAF_SCSI_SA_READ_RESERVATION:
		length = read_reservation(&p, data);
		break;
	default:
		length = read_full_status(&p, data);
		break;
	}
	sheaf_put_be32(data, p.generation);
	sheaf_put_be32(data + 4, (uint32_t)(length - SHEAF_PRIN_HEADER));
	sheaf_lu_reply(lt, data, length);
}

/** PERSISTENT RESERVE IN: REPORT CAPABILITIES, SPC-4 section 6.15.4. */
void sheaf_lu_report_reservation_capabilities(struct sheaf_lu_task *lt)
{
	uint8_t data[SHEAF_PRIN_CAPABILITIES_LENGTH] = { 0 };
	struct sheaf_persistent p;

	if (!look(lt, &p))
		return;
	sheaf_put_be16(data, SHEAF_PRIN_CAPABILITIES_LENGTH);
	data[2] = SHEAF_PRIN_SIP_C | SHEAF_PRIN_ATP_C;
	if (lt->lu->reservations.can_keep)
		data[2] |= SHEAF_PRIN_PTPL_C;
	data[3] = SHEAF_PRIN_TMV | SHEAF_PRIN_ALLOW_COMMANDS;
	if (p.aptpl)
		data[3] |= SHEAF_PRIN_PTPL_A;
	sheaf_put_be16(data + SHEAF_PRIN_TYPE_MASK, SHEAF_PRIN_ALL_TYPES);
	sheaf_lu_reply(lt, data, sizeof(data));
}
