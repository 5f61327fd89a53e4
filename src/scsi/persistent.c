/* SPDX-License-Identifier: MIT */
/* persistent.c - see persistent.h */
#include "scsi/persistent.h"

#include <string.h>

#include "base/bits.h"

#define ADDRESS_BASE 7

bool sheaf_persistent_is_type(uint8_t type)
{
	return type == SHEAF_RESERVATION_WRITE_EXCLUSIVE || type == SHEAF_RESERVATION_EXCLUSIVE_ACCESS ||
	       (type >= SHEAF_RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS &&
		type <= SHEAF_RESERVATION_EXCLUSIVE_ACCESS_ALL);
}

bool sheaf_persistent_is_all(uint8_t type)
{
	return type == SHEAF_RESERVATION_WRITE_EXCLUSIVE_ALL || type == SHEAF_RESERVATION_EXCLUSIVE_ACCESS_ALL;
}

static bool is_write_exclusive(uint8_t type)
{
	return type == SHEAF_RESERVATION_WRITE_EXCLUSIVE ||
	       type == SHEAF_RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == SHEAF_RESERVATION_WRITE_EXCLUSIVE_ALL;
}

uint32_t sheaf_persistent_registered(const struct sheaf_persistent *p)
{
	uint32_t registered = 0;

	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		if (p->key[i])
			registered |= sheaf_initiator_bit(i);
	return registered;
}

bool sheaf_persistent_holds(const struct sheaf_persistent *p, uint32_t initiator)
{
	if (p->type == SHEAF_RESERVATION_NONE)
		return false;
	return sheaf_persistent_is_all(p->type) ? p->key[initiator] != 0 : p->holder == initiator;
}

bool sheaf_persistent_conflicts(const struct sheaf_persistent *p, uint32_t initiator, bool reads)
{
	bool registrants = p->type >= SHEAF_RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS;

	if (p->type == SHEAF_RESERVATION_NONE || sheaf_persistent_holds(p, initiator) ||
	    (registrants && p->key[initiator]))
		return false;
	return !(reads && is_write_exclusive(p->type));
}

/*
 * The record: "SRES", version, type, holder (FFh: none), registrations; 12 bytes for each of them: initiator, three zeros, key; and
 * 64 bits of FNV-1a over all of that. Numbers are big-endian.
 */
#define RECORD_HEADER	8
#define RECORD_ENTRY	12
#define RECORD_CHECKSUM 8
#define RECORD_VERSION	1
#define RECORD_NOBODY	0xff

static const uint8_t record_magic[4] = { 'S', 'R', 'E', 'S' };

static_assert(RECORD_HEADER + RECORD_ENTRY * SHEAF_INITIATORS_MAX + RECORD_CHECKSUM ==
		      SHEAF_PERSISTENT_RECORD_MAX,
	      "what the longest record takes");

static uint64_t checksum(const uint8_t *bytes, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

size_t sheaf_persistent_encode(const struct sheaf_persistent *p, uint8_t record[SHEAF_PERSISTENT_RECORD_MAX])
{
	size_t length = RECORD_HEADER;
	uint8_t count = 0;

	if (!p->aptpl)
		return 0;
	memset(record, 0, SHEAF_PERSISTENT_RECORD_MAX);
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++) {
		if (!p->key[i])
			continue;
		record[length] = (uint8_t)i;
		sheaf_put_be64(record + length + 4, p->key[i]);
		length += RECORD_ENTRY;
		count++;
	}
	if (count == 0)
		return 0;
	memcpy(record, record_magic, sizeof(record_magic));
	record[4] = RECORD_VERSION;
	record[5] = p->type;
	record[6] = p->holder == SHEAF_INITIATOR_NONE ? RECORD_NOBODY : (uint8_t)p->holder;
	record[7] = count;
	sheaf_put_be64(record + length, checksum(record, length));
	return length + RECORD_CHECKSUM;
}

static bool decode_entries(const uint8_t *at, unsigned count, struct sheaf_persistent *p)
{
	int before = -1;

	for (; count; count--, at += RECORD_ENTRY) {
		if (at[0] >= SHEAF_INITIATORS_MAX || at[0] <= before || at[1] || at[2] || at[3])
			return false;
		before = at[0];
		p->key[at[0]] = sheaf_get_be64(at + 4);
		if (!p->key[at[0]])
			return false;
	}
	return true;
}

bool sheaf_persistent_decode(const uint8_t *record, size_t length, struct sheaf_persistent *ret)
{
	struct sheaf_persistent p = { .holder = SHEAF_INITIATOR_NONE, .aptpl = true };
	uint8_t holder, count;

	if (length < RECORD_HEADER + RECORD_ENTRY + RECORD_CHECKSUM ||
	    memcmp(record, record_magic, sizeof(record_magic)) != 0 || record[4] != RECORD_VERSION)
		return false;
	p.type = record[5];
	holder = record[6];
	count = record[7];
	if (count == 0 || count > SHEAF_INITIATORS_MAX ||
	    length != RECORD_HEADER + RECORD_ENTRY * (size_t)count + RECORD_CHECKSUM ||
	    checksum(record, length - RECORD_CHECKSUM) != sheaf_get_be64(record + length - RECORD_CHECKSUM) ||
	    !decode_entries(record + RECORD_HEADER, count, &p))
		return false;
	if (p.type != SHEAF_RESERVATION_NONE && !sheaf_persistent_is_type(p.type))
		return false;
	if (p.type == SHEAF_RESERVATION_NONE || sheaf_persistent_is_all(p.type)) {
		if (holder != RECORD_NOBODY)
			return false;
	} else {
		if (holder >= SHEAF_INITIATORS_MAX || !p.key[holder])
			return false;
		p.holder = holder;
	}
	*ret = p;
	return true;
}

void sheaf_transport_id_put(uint8_t id[SHEAF_TRANSPORT_ID_LENGTH], uint32_t initiator)
{
	memset(id, 0, SHEAF_TRANSPORT_ID_LENGTH);
	id[0] = SHEAF_TRANSPORT_ID_SPI;
	sheaf_put_be16(id + SHEAF_TRANSPORT_ID_ADDRESS, (uint16_t)(ADDRESS_BASE + initiator));
	sheaf_put_be16(id + SHEAF_TRANSPORT_ID_PORT, SHEAF_TARGET_PORT);
}

/* SPC-4 section 7.6.4.1: 24 bytes, but for iSCSI, whose length is a multiple of 4 and at least 20 after the first 4. */
static size_t length_of(const uint8_t *id, size_t room)
{
	size_t length = SHEAF_TRANSPORT_ID_LENGTH;

	if (room < SHEAF_TRANSPORT_ID_LENGTH)
		return 0;
	if ((id[0] & 0x0f) == SHEAF_TRANSPORT_ID_ISCSI) {
		length = 4u + sheaf_get_be16(id + 2);
		if (length < SHEAF_TRANSPORT_ID_LENGTH || length % 4)
			return 0;
	}
	return length <= room ? length : 0;
}

size_t sheaf_transport_id_find(const uint8_t *id, size_t room, uint32_t *ret_initiator)
{
	size_t length = length_of(id, room);
	uint16_t address;

	if (length == 0)
		return 0;
	*ret_initiator = SHEAF_INITIATOR_NONE;
	address = sheaf_get_be16(id + SHEAF_TRANSPORT_ID_ADDRESS);
	if (id[0] == SHEAF_TRANSPORT_ID_SPI && address >= ADDRESS_BASE &&
	    address < ADDRESS_BASE + SHEAF_INITIATORS_MAX &&
	    sheaf_get_be16(id + SHEAF_TRANSPORT_ID_PORT) == SHEAF_TARGET_PORT)
		*ret_initiator = address - ADDRESS_BASE;
	return length;
}
