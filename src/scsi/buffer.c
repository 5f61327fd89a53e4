/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - READ BUFFER and WRITE BUFFER (SPC-4): modes data (02h), descriptor (03h), echo (0Ah) and echo descriptor (0Bh)
 *
 * There is no microcode to load: all other modes are refused. The commands copy under the LU's lock, as they are rare.
 */
#include "scsi/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

void sheaf_buffers_reset(struct sheaf_lu *lu)
{
	pthread_mutex_lock(&lu->lock);
	for (unsigned i = 0; i < SHEAF_INITIATORS_MAX; i++)
		lu->buffers.echo[i].length = 0;
	pthread_mutex_unlock(&lu->lock);
}

void sheaf_buffers_deinit(struct sheaf_buffers *buffers)
{
	free(buffers->data);
	for (unsigned i = 0; i < SHEAF_INITIATORS_MAX; i++)
		free(buffers->echo[i].bytes);
}

static uint8_t mode(const struct sheaf_lu_task *lt)
{
	return lt->task.command_descriptor_block[1] & SHEAF_BUFFER_MODE_MASK;
}

static uint32_t offset(const struct sheaf_lu_task *lt)
{
	return sheaf_get_be24(lt->task.command_descriptor_block + SHEAF_CDB_BUFFER_OFFSET);
}

/* The data buffer is number 0, and the echo buffer has neither number nor offset. False: the command has ended. */
static bool check_place(struct sheaf_lu_task *lt, uint32_t capacity)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;

	if (mode(lt) == SHEAF_BUFFER_MODE_DATA && cdb[SHEAF_CDB_BUFFER_ID])
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_BUFFER_ID, 7);
	else if (offset(lt) > (mode(lt) == SHEAF_BUFFER_MODE_DATA ? capacity : 0))
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_BUFFER_OFFSET, 7);
	else
		return true;
	return false;
}

/* READ BUFFER descriptor: byte boundaries. A buffer that there is not is one of no bytes. */
static void reply_descriptor(struct sheaf_lu_task *lt)
{
	uint8_t data[4] = { 0 };

	if (lt->task.command_descriptor_block[SHEAF_CDB_BUFFER_ID] == 0)
		sheaf_put_be24(data + 1, SHEAF_DATA_BUFFER_BYTES);
	sheaf_lu_reply(lt, data, sizeof(data));
}

/* EBOS: nobody else overwrites it. */
static void reply_echo_descriptor(struct sheaf_lu_task *lt)
{
	uint8_t data[4] = { SHEAF_BUFFER_EBOS };

	sheaf_put_be16(data + 2, SHEAF_ECHO_BUFFER_BYTES);
	sheaf_lu_reply(lt, data, sizeof(data));
}

static void read_data(struct sheaf_lu_task *lt)
{
	static const uint8_t zeros[512];
	struct sheaf_buffers *buffers = &lt->lu->buffers;
	uint64_t length;

	if (!check_place(lt, SHEAF_DATA_BUFFER_BYTES))
		return;
	length = sheaf_min64(SHEAF_DATA_BUFFER_BYTES - offset(lt), sheaf_lu_reply_room(lt));
	pthread_mutex_lock(&lt->lu->lock);
	if (buffers->data)
		sheaf_lu_reply_put(lt, 0, buffers->data + offset(lt), length);
	else
		for (uint64_t at = 0; at < length; at += sizeof(zeros))
			sheaf_lu_reply_put(lt, at, zeros, sheaf_min64(sizeof(zeros), length - at));
	pthread_mutex_unlock(&lt->lu->lock);
	sheaf_lu_reply_end(lt, length);
}

static void read_echo(struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	uint32_t length;

	if (!check_place(lt, SHEAF_ECHO_BUFFER_BYTES))
		return;
	pthread_mutex_lock(&lu->lock);
	length = lu->buffers.echo[lt->task.initiator_index].length;
	if (length)
		sheaf_lu_reply_put(lt, 0, lu->buffers.echo[lt->task.initiator_index].bytes, length);
	pthread_mutex_unlock(&lu->lock);
	if (length)
		sheaf_lu_reply_end(lt, length);
	else
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_COMMAND_SEQUENCE_ERROR);
}

/** READ BUFFER, SPC-4. */
void sheaf_lu_read_buffer(struct sheaf_lu_task *lt)
{
	switch (mode(lt)) {
	case SHEAF_BUFFER_MODE_DATA:
		read_data(lt);
		break;
	case SHEAF_BUFFER_MODE_DESCRIPTOR:
		reply_descriptor(lt);
		break;
	case SHEAF_BUFFER_MODE_ECHO:
		read_echo(lt);
		break;
	case SHEAF_BUFFER_MODE_ECHO_DESCRIPTOR:
		reply_echo_descriptor(lt);
		break;
	default:
		sheaf_lu_end_bad_field(lt, 1, 4);
	}
}

/* A buffer of @capacity in *@buffer. Lock held. */
static bool take(uint8_t **buffer, uint32_t capacity)
{
	if (!*buffer)
		*buffer = calloc(1, capacity);
	return *buffer;
}

/** WRITE BUFFER, SPC-4. */
void sheaf_lu_write_buffer(struct sheaf_lu_task *lt)
{
	bool echo = mode(lt) == SHEAF_BUFFER_MODE_ECHO;
	uint32_t capacity = echo ? SHEAF_ECHO_BUFFER_BYTES : SHEAF_DATA_BUFFER_BYTES;
	struct sheaf_buffers *buffers = &lt->lu->buffers;
	uint8_t **to = echo ? &buffers->echo[lt->task.initiator_index].bytes : &buffers->data;
	bool taken;

	if (!echo && mode(lt) != SHEAF_BUFFER_MODE_DATA) {
		sheaf_lu_end_bad_field(lt, 1, 4);
		return;
	}
	if (!check_place(lt, capacity))
		return;
	if (lt->count_bytes > capacity - offset(lt)) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_BUFFER_LENGTH, 7);
		return;
	}
	if (lt->count_bytes == 0) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	pthread_mutex_lock(&lt->lu->lock);
	taken = take(to, capacity);
	if (taken)
		memcpy(*to + offset(lt), lt->data, lt->count_bytes);
	if (taken && echo)
		buffers->echo[lt->task.initiator_index].length = lt->count_bytes;
	pthread_mutex_unlock(&lt->lu->lock);
	if (taken)
		sheaf_lu_end_good(lt, lt->count_bytes);
	else
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
}
