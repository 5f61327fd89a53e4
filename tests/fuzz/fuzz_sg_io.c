/* SPDX-License-Identifier: MIT */
/*
 * fuzz_sg_io.c - a header of ioctl(SG_IO) and a scatter list with any bytes, in both layouts: what is decoded keeps its bounds, and no
 * byte beyond the header and the list is looked at
 *
 * Input: which layout (1), the header (64 or 88), then the list. Header and list are in memory of their own sizes.
 */
#include "fuzz.h"

#include <errno.h>

#include "fuse/sg_io.h"

#define LONGEST (1024u * 1024u)

static void decode_list(struct fuzz_input *in, const struct sheaf_sg_command *c)
{
	size_t element = c->narrow ? SHEAF_SG_VECTOR_ELEMENT / 2 : SHEAF_SG_VECTOR_ELEMENT;
	size_t bytes = c->vector_count * element;
	uint8_t *list = malloc(bytes);
	struct iovec *vector = malloc(c->vector_count * sizeof(*vector));
	unsigned count = UINT32_MAX;
	uint64_t sum = 0;
	uint32_t total;

	if (!list || !vector)
		abort();
	fuzz_bytes(in, list, bytes);
	total = sheaf_sg_decode_vector(list, c->vector_count, c->narrow, c->length, vector, &count);
	fuzz_check(count <= c->vector_count && total <= c->length,
		   "a list that is longer than it is");
	for (unsigned i = 0; i < count; i++) {
		fuzz_check(vector[i].iov_len > 0, "an empty piece");
		fuzz_check(!c->narrow || (uintptr_t)vector[i].iov_base <= UINT32_MAX,
			   "an address that does not fit");
		sum += vector[i].iov_len;
	}
	fuzz_check(sum == total, "pieces that do not add up");
	free(vector);
	free(list);
}

static void check_outcome(struct fuzz_input *in, bool narrow)
{
	struct sheaf_sg_outcome outcome;
	uint8_t bytes[SHEAF_SG_OUTCOME_BYTES];

	fuzz_bytes(in, &outcome.status, 1);
	fuzz_bytes(in, &outcome.sense_length, 1);
	outcome.sense_valid = fuzz_number(in, 1) & 1;
	outcome.host_status = sheaf_sg_host_status((uint32_t)fuzz_number(in, 1) % 8,
						   (uint32_t)fuzz_number(in, 1));
	outcome.resid = (int32_t)fuzz_number(in, 4);
	outcome.duration_ms = (uint32_t)fuzz_number(in, 4);
	sheaf_sg_encode(&outcome, bytes);
	fuzz_check(bytes[0] == outcome.status && bytes[3] == outcome.sense_length,
		   "another outcome");
	fuzz_check((bytes[16] & 1) ==
			   (outcome.status || outcome.host_status || outcome.sense_valid),
		   "SG_INFO_CHECK");
	fuzz_check(sheaf_sg_outcome_offset(narrow) + sizeof(bytes) <= sheaf_sg_header_bytes(narrow),
		   "past the header");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	bool narrow = fuzz_number(&in, 1) & 1;
	size_t bytes = sheaf_sg_header_bytes(narrow);
	uint8_t *header = malloc(bytes);
	struct sheaf_sg_command c = { 0 };
	int r;

	if (!header)
		abort();
	fuzz_bytes(&in, header, bytes);
	r = sheaf_sg_decode(header, narrow, LONGEST, &c);
	fuzz_check(r == 0 || r == -EINVAL || r == -EMSGSIZE, "an error that is none");
	if (r == 0) {
		fuzz_check(c.narrow == narrow && c.cdb_length >= 6 &&
				   c.cdb_length <= SHEAF_SG_CDB_MAX,
			   "a CDB that no task holds");
		fuzz_check(c.length <= LONGEST && c.vector_count <= SHEAF_SG_VECTOR_MAX,
			   "more than a task has");
		fuzz_check((c.length == 0) == (c.direction == SHEAF_TRANSFER_NONE),
			   "data that go nowhere");
		fuzz_check(!c.moves || c.length, "nothing moves");
		fuzz_check(!narrow || (c.data | c.cdb | c.sense) <= UINT32_MAX,
			   "an address that does not fit");
		if (c.vector_count)
			decode_list(&in, &c);
	}
	check_outcome(&in, narrow);
	free(header);
	return 0;
}
