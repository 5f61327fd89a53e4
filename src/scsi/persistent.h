/* SPDX-License-Identifier: MIT */
/**
 * persistent.h - registrations and a persistent reservation, SPC-4 section 5.13, as plain data and what may be asked of them
 *
 * Pure functions: no lock, no LU. reservation.h has the place that they live in; encode() and decode() make bytes of them
 * that survive the server.
 */
#ifndef SHEAF_PERSISTENT_H
#define SHEAF_PERSISTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/scsi.h>
#include <sheaf/task.h>

#include "scsi/nexus.h"

/**
 * struct sheaf_persistent - who is registered, and who holds what
 *   1. A type without a registration does not exist; holder is registered.
 *   2. An all registrants type has no holder of its own: all that are registered are.
 */
struct sheaf_persistent {
	uint64_t key[SHEAF_INITIATORS_MAX]; /* 0: not registered */
	uint32_t holder;		    /* SHEAF_INITIATOR_NONE: see 2, or nothing is reserved */
	uint32_t generation;		    /* PRGENERATION; 0 at power on */
	uint8_t type;			    /* enum sheaf_reservation_type */
	bool aptpl;			    /* it survives a power loss */
};

static inline uint32_t sheaf_initiator_bit(uint32_t initiator)
{
	return UINT32_C(1) << initiator;
}

bool sheaf_persistent_is_type(uint8_t type);
bool sheaf_persistent_is_all(uint8_t type); /* all registrants */
/** Initiators that are registered, a bit each. */
uint32_t sheaf_persistent_registered(const struct sheaf_persistent *p);
bool sheaf_persistent_holds(const struct sheaf_persistent *p, uint32_t initiator);
/** May @initiator not do what is as @reads or not as enum sheaf_cdb_reserved says? SPC-4 table 66. */
bool sheaf_persistent_conflicts(const struct sheaf_persistent *p, uint32_t initiator, bool reads);

/** Bytes of a record with all registrations. */
#define SHEAF_PERSISTENT_RECORD_MAX (8 + 12 * SHEAF_INITIATORS_MAX + 8)

/**
 * sheaf_persistent_encode() - @p as bytes, a format of our own that carries a version, its length and a checksum
 * Return: bytes written to @record; 0: there is nothing to be kept.
 */
size_t sheaf_persistent_encode(const struct sheaf_persistent *p, uint8_t record[SHEAF_PERSISTENT_RECORD_MAX]);
/** Read what encode() made. @record comes from outside and is checked. False: it is none, *ret is untouched. */
bool sheaf_persistent_decode(const uint8_t *record, size_t length, struct sheaf_persistent *ret);

/**
 * TransportIDs, SPC-4 section 7.6.4. The seam is DriverKit's parallel SCSI interface, so initiator ports are named as that names
 * them: by SCSI address, 7 for the mount, as report_initiator_identifier says, and the next ones for the others. The target has one port.
 */
#define SHEAF_TARGET_PORT 1
void sheaf_transport_id_put(uint8_t id[SHEAF_TRANSPORT_ID_LENGTH], uint32_t initiator);
/**
 * sheaf_transport_id_find() - whose is the TransportID at @id?
 * @room: bytes from @id to the end of the list.  Return: bytes that it takes, *ret_initiator is SHEAF_INITIATOR_NONE if it is sound
 * and nobody's; 0: it is malformed.
 */
size_t sheaf_transport_id_find(const uint8_t *id, size_t room, uint32_t *ret_initiator);

#endif
