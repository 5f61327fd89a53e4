/* SPDX-License-Identifier: MIT */
/* copy_results.c - see copy.h: places for copies, RECEIVE COPY STATUS, RECEIVE COPY OPERATING PARAMETERS, VPD page 8Fh */
#include "scsi/copy.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

void sheaf_lu_forget_copies(struct sheaf_lu *lu)
{
	pthread_mutex_lock(&lu->lock);
	for (unsigned i = 0; i < SHEAF_COPIES_MAX; i++)
		if (lu->copies.places[i].state != SHEAF_COPY_RUNS)
			lu->copies.places[i].state = SHEAF_COPY_FREE;
	pthread_mutex_unlock(&lu->lock);
}

/* The place with that identifier, NULL: none. Lock held. */
static struct sheaf_copy_place *find(struct sheaf_lu *lu, uint32_t initiator,
				     uint8_t list_identifier)
{
	for (unsigned i = 0; i < SHEAF_COPIES_MAX; i++) {
		struct sheaf_copy_place *place = &lu->copies.places[i];

		if (place->state != SHEAF_COPY_FREE && place->identified &&
		    place->initiator == initiator && place->list_identifier == list_identifier)
			return place;
	}
	return NULL;
}

/* One that is free, or else the oldest result's; NULL: all run. Lock held. */
static struct sheaf_copy_place *take_place(struct sheaf_lu *lu)
{
	struct sheaf_copy_place *oldest = NULL;

	for (unsigned i = 0; i < SHEAF_COPIES_MAX; i++) {
		struct sheaf_copy_place *place = &lu->copies.places[i];

		if (place->state == SHEAF_COPY_FREE)
			return place;
		if (place->state != SHEAF_COPY_RUNS && (!oldest || place->age < oldest->age))
			oldest = place;
	}
	return oldest;
}

int sheaf_lu_begin_copy(struct sheaf_lu_task *lt, bool identified, uint8_t list_identifier,
			bool held)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_copy_place *place = NULL;
	int r = 0;

	pthread_mutex_lock(&lu->lock);
	if (identified)
		place = find(lu, lt->task.initiator_index, list_identifier);
	if (place && place->state == SHEAF_COPY_RUNS)
		r = -EALREADY;
	else if (!place)
		place = take_place(lu);
	if (!place)
		r = -EBUSY;
	if (r == 0)
		*place = (struct sheaf_copy_place){
			.state = SHEAF_COPY_RUNS,
			.task = lt,
			.identified = identified,
			.held = held,
			.list_identifier = list_identifier,
			.initiator = lt->task.initiator_index,
		};
	pthread_mutex_unlock(&lu->lock);
	return r;
}

/* The place of a copy that runs; NULL: it has none. Lock held. */
static struct sheaf_copy_place *place_of(const struct sheaf_lu_task *lt)
{
	struct sheaf_copy_place *places = lt->lu->copies.places;

	for (unsigned i = 0; i < SHEAF_COPIES_MAX; i++)
		if (places[i].state == SHEAF_COPY_RUNS && places[i].task == lt)
			return &places[i];
	return NULL;
}

void sheaf_lu_note_copied(struct sheaf_lu_task *lt, uint16_t segments, uint32_t bytes)
{
	struct sheaf_copy_place *place;

	pthread_mutex_lock(&lt->lu->lock);
	place = place_of(lt);
	if (place) {
		place->segments = segments;
		place->bytes += bytes;
	}
	pthread_mutex_unlock(&lt->lu->lock);
}

void sheaf_lu_copy_ended(struct sheaf_lu_task *lt, bool good)
{
	struct sheaf_copy_place *place;

	if (lt->command->run != sheaf_lu_extended_copy)
		return;
	pthread_mutex_lock(&lt->lu->lock);
	place = place_of(lt);
	if (place) {
		place->state = place->held && good ? SHEAF_COPY_DONE : SHEAF_COPY_FREE;
		place->age = ++lt->lu->copies.ended;
	}
	pthread_mutex_unlock(&lt->lu->lock);
}

/** RECEIVE COPY STATUS (LID1), SPC-4: a result is told once. */
void sheaf_lu_copy_status(struct sheaf_lu_task *lt)
{
	uint8_t data[SHEAF_COPY_STATUS_LENGTH] = { 0 };
	struct sheaf_copy_place *found, place;

	pthread_mutex_lock(&lt->lu->lock);
	found = find(lt->lu, lt->task.initiator_index,
		     lt->task.command_descriptor_block[SHEAF_CDB_COPY_LIST_IDENTIFIER]);
	if (found) {
		place = *found;
		if (found->state != SHEAF_COPY_RUNS)
			found->state = SHEAF_COPY_FREE;
	}
	pthread_mutex_unlock(&lt->lu->lock);
	if (!found) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_COPY_LIST_IDENTIFIER, 7);
		return;
	}
	sheaf_put_be32(data, sizeof(data) - 4);
	data[SHEAF_COPY_STATUS] = place.state == SHEAF_COPY_RUNS ? SHEAF_COPY_STATUS_IN_PROGRESS
								 : SHEAF_COPY_STATUS_GOOD;
	sheaf_put_be16(data + SHEAF_COPY_STATUS_SEGMENTS, place.segments);
	sheaf_put_be32(data + SHEAF_COPY_STATUS_COUNT, place.bytes);
	sheaf_lu_reply(lt, data, sizeof(data));
}

static uint8_t log2_of(uint32_t power_of_two)
{
	return (uint8_t)__builtin_ctz(power_of_two);
}

/** RECEIVE COPY OPERATING PARAMETERS, SPC-4. Nothing inline, nothing held but results. */
void sheaf_lu_copy_operating_parameters(struct sheaf_lu_task *lt)
{
	uint8_t data[SHEAF_COPY_PARAMETERS_LENGTH] = { 0 };

	sheaf_put_be32(data, sizeof(data) - 4);
	data[SHEAF_COPY_PARAMETERS_SNLID] = 1;
	sheaf_put_be16(data + SHEAF_COPY_PARAMETERS_CSCDS, SHEAF_COPY_CSCDS_MAX);
	sheaf_put_be16(data + SHEAF_COPY_PARAMETERS_SEGMENTS, SHEAF_COPY_SEGMENTS_MAX);
	sheaf_put_be32(data + SHEAF_COPY_PARAMETERS_LIST_BYTES, SHEAF_COPY_LIST_BYTES_MAX);
	sheaf_put_be32(data + SHEAF_COPY_PARAMETERS_SEGMENT_BYTES, SHEAF_COPY_SEGMENT_BYTES_MAX);
	sheaf_put_be16(data + SHEAF_COPY_PARAMETERS_TOTAL_COPIES, SHEAF_COPIES_MAX);
	data[SHEAF_COPY_PARAMETERS_COPIES] = SHEAF_COPIES_MAX;
	data[SHEAF_COPY_PARAMETERS_GRANULARITY] = log2_of(lt->lu->block_size);
	data[SHEAF_COPY_PARAMETERS_TYPES] = 2;
	data[SHEAF_COPY_PARAMETERS_TYPES + 1] = SHEAF_COPY_SEGMENT_BLOCK_TO_BLOCK;
	data[SHEAF_COPY_PARAMETERS_TYPES + 2] = SHEAF_COPY_CSCD_IDENTIFICATION;
	sheaf_lu_reply(lt, data, sizeof(data));
}

/* Third-Party Copy VPD page, SPC-4: the descriptors that it must have. */
unsigned sheaf_lu_third_party_copy_page(const struct sheaf_lu *lu, uint8_t *page)
{
	/* Supported Commands: each with its service actions. */
	static const uint8_t commands[12] = { 0x00,
					      0x01,
					      0,
					      8,
					      7,
					      SHEAF_SCSI_EXTENDED_COPY,
					      1,
					      SHEAF_SCSI_SA_EXTENDED_COPY_LID1,
					      SHEAF_SCSI_RECEIVE_COPY_RESULTS,
					      2,
					      SHEAF_SCSI_SA_COPY_STATUS_LID1,
					      SHEAF_SCSI_SA_COPY_OPERATING_PARAMETERS };
	static const uint8_t descriptors[8] = { 0x00,
						0x08,
						0,
						4,
						2,
						SHEAF_COPY_SEGMENT_BLOCK_TO_BLOCK,
						SHEAF_COPY_CSCD_IDENTIFICATION };
	uint8_t *d = page + 4;

	memcpy(d, commands, sizeof(commands));
	d += sizeof(commands);
	sheaf_put_be16(d, 0x0004); /* Parameter Data */
	sheaf_put_be16(d + 2, 28);
	sheaf_put_be16(d + 8, SHEAF_COPY_CSCDS_MAX);
	sheaf_put_be16(d + 10, SHEAF_COPY_SEGMENTS_MAX);
	sheaf_put_be32(d + 12, SHEAF_COPY_LIST_BYTES_MAX);
	d += 32;
	memcpy(d, descriptors, sizeof(descriptors)); /* Supported Descriptors */
	d += sizeof(descriptors);
	sheaf_put_be16(d, 0x8001); /* General Copy Operations */
	sheaf_put_be16(d + 2, 32);
	sheaf_put_be32(d + 4, SHEAF_COPIES_MAX); /* in all, */
	sheaf_put_be32(d + 8, SHEAF_COPIES_MAX); /* with an identifier */
	sheaf_put_be32(d + 12, SHEAF_COPY_SEGMENT_BYTES_MAX);
	d[16] = log2_of(lu->block_size);
	d += 36;
	return (unsigned)(d - page);
}
