/* SPDX-License-Identifier: MIT */
/**
 * buffer.h - the memory behind READ BUFFER and WRITE BUFFER (SPC-4): one data buffer, and an echo buffer for each initiator
 *
 * Allocated when somebody first writes it; a reset gives the echo buffers' contents up.
 */
#ifndef SHEAF_BUFFER_H
#define SHEAF_BUFFER_H

#include <stdint.h>

#include <sheaf/task.h>

/** BUFFER CAPACITY has 13 bits. */
#define SHEAF_ECHO_BUFFER_BYTES 4096u
#define SHEAF_DATA_BUFFER_BYTES 65536u

struct sheaf_lu;

/** Guarded by the LU's lock. */
struct sheaf_buffers {
	uint8_t *data; /* zeros at first; NULL: nobody has written it yet */
	struct {
		uint8_t *bytes;
		uint32_t length; /* of what the last WRITE BUFFER wrote; 0: nothing */
	} echo[SHEAF_INITIATORS_MAX];
};

void sheaf_buffers_reset(struct sheaf_lu *lu);
void sheaf_buffers_deinit(struct sheaf_buffers *buffers);

#endif
