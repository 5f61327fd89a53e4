/* SPDX-License-Identifier: MIT */
/*
 * inquiry.c - INQUIRY, SPC-4 section 6.6, and its VPD pages, SPC-4 section 7.8 and SBC-4 clause
 * 6.6: a function each.
 */
#include <string.h>

#include "config.h"

#include "base/bits.h"
#include "scsi/lu_impl.h"

#define PAGE_MAX    256
#define PAGE_HEADER 4
/* Of Logical Block Provisioning: a filesystem's block, or the least that is more than one block of the disk. */
#define THRESHOLD_SET_BYTES 4096

#define VENDOR	 "SHEAF   "
#define PRODUCT	 "VIRTUAL DISK    "

/* PRODUCT REVISION LEVEL: the version's first two numbers, "0.1 ". */
static void put_revision(uint8_t *out)
{
	const char *version = PACKAGE_VERSION;
	unsigned dots = 0;

	memset(out, ' ', 4);
	for (unsigned i = 0; i < 4 && version[i]; i++) {
		if (version[i] == '.' && ++dots == 2)
			break;
		out[i] = (uint8_t)version[i];
	}
}

/* Standard INQUIRY data, SPC-4 section 6.6.2. */
static unsigned standard_data(const struct sheaf_lu *lu, uint8_t *data)
{
	if (!lu)
		data[0] = SHEAF_INQUIRY_NO_DEVICE;
	data[SHEAF_INQUIRY_VERSION] = SHEAF_INQUIRY_VERSION_SPC_4;
	data[SHEAF_INQUIRY_FORMAT] = SHEAF_INQUIRY_NORMACA | SHEAF_INQUIRY_HISUP | 2;
	data[4] = SHEAF_INQUIRY_LENGTH - 5;
	data[SHEAF_INQUIRY_3PC_BYTE] = SHEAF_INQUIRY_3PC;
	data[SHEAF_INQUIRY_CMDQUE_BYTE] = SHEAF_INQUIRY_CMDQUE;
	memcpy(data + SHEAF_INQUIRY_VENDOR, VENDOR, 8);
	memcpy(data + SHEAF_INQUIRY_PRODUCT, PRODUCT, 16);
	put_revision(data + SHEAF_INQUIRY_REVISION);
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS, SHEAF_INQUIRY_SAM_5);
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS + 2, SHEAF_INQUIRY_SPC_4);
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS + 4, SHEAF_INQUIRY_SBC_4);
	/* Tools look for this one; what SBC-4 adds to it is no contradiction. */
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS + 6, SHEAF_INQUIRY_SBC_3);
	return SHEAF_INQUIRY_LENGTH;
}

/* Unit Serial Number, SPC-4 section 7.8.15. */
static unsigned serial_page(const struct sheaf_lu *lu, uint8_t *page)
{
	unsigned length = (unsigned)strlen(lu->serial);

	memcpy(page + PAGE_HEADER, lu->serial, length);
	return PAGE_HEADER + length;
}

/* 60 bits of FNV-1a: different serials make different names. */
static uint64_t name_of_serial(const char *serial)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *serial; serial++)
		hash = (hash ^ (uint8_t)*serial) * 0x100000001b3;
	return (hash ^ hash >> 60) & 0x0fffffffffffffff;
}

/*
 * Device Identification, SPC-4 section 7.8.6: T10 vendor ID, and NAA locally assigned for those
 * who want a number; the target port is the only one.
 */
unsigned sheaf_lu_identification_page(const struct sheaf_lu *lu, uint8_t *page)
{
	unsigned serial_length = (unsigned)strlen(lu->serial);
	uint8_t *d = page + PAGE_HEADER;

	d[0] = 0x02; /* CODE SET: ASCII */
	d[1] = 0x01; /* ASSOCIATION: LU; DESIGNATOR TYPE: T10 vendor ID based */
	d[3] = (uint8_t)(8 + serial_length);
	memcpy(d + 4, VENDOR, 8);
	memcpy(d + 12, lu->serial, serial_length);
	d += 4 + d[3];
	d[0] = 0x01; /* binary */
	d[1] = 0x03; /* NAA */
	d[3] = 8;
	sheaf_put_be64(d + 4,
		       3ull << 60 | name_of_serial(lu->serial)); /* NAA 3h: locally assigned */
	d += 4 + d[3];
	d[0] = 0x01;
	d[1] = 0x14; /* ASSOCIATION: target port; relative target port identifier */
	d[3] = 4;
	sheaf_put_be16(d + 6, 1);
	return (unsigned)(d + 8 - page);
}

/* Extended INQUIRY Data, SPC-4 section 7.8.7: all task attributes, a cache that forgets; no protection information, no groups. */
static unsigned extended_page(const struct sheaf_lu *lu, uint8_t *page)
{
	page[SHEAF_86_TASKS] = SHEAF_86_HEADSUP | SHEAF_86_ORDSUP | SHEAF_86_SIMPSUP;
	page[SHEAF_86_CACHE] = SHEAF_86_V_SUP;
	sheaf_put_be16(page + SHEAF_86_SELF_TEST_MINUTES,
		       (uint16_t)sheaf_min64(sheaf_self_test_seconds(lu) / 60 + 1, UINT16_MAX));
	page[SHEAF_86_SENSE_LENGTH] = SHEAF_SENSE_BUILD_MAX;
	return SHEAF_86_LENGTH;
}

/* Mode Page Policy, SPC-4 section 7.8.10: all pages and subpages are shared by all initiators, and are of this LU. */
static unsigned mode_policy_page(const struct sheaf_lu *lu, uint8_t *page)
{
	(void)lu;
	page[PAGE_HEADER] = SHEAF_MODE_PAGE_ALL;
	page[PAGE_HEADER + 1] = SHEAF_MODE_SUBPAGE_ALL;
	return PAGE_HEADER + 4;
}

/*
 * Block Limits. What the store likes its accesses to be multiples of is OPTIMAL TRANSFER LENGTH GRANULARITY; see READ CAPACITY
 * (16) for what it is not. MAXIMUM PREFETCH LENGTH 0: any. Atomic writes may be as long as others and begin anywhere (ATOMIC
 * ALIGNMENT, GRANULARITY 0), but have no boundaries inside; see atomic.c for what they promise.
 */
static unsigned block_limits_page(const struct sheaf_lu *lu, uint8_t *page)
{
	uint32_t per_physical = lu->store->physical_block_bytes > lu->block_size
					? lu->store->physical_block_bytes / lu->block_size
					: 1;

	page[SHEAF_B0_WSNZ] = 1;
	page[SHEAF_B0_MAXIMUM_COMPARE_AND_WRITE] = lu->maximum_compare_and_write_blocks;
	sheaf_put_be16(page + SHEAF_B0_OPTIMAL_GRANULARITY,
		       (uint16_t)sheaf_min64(per_physical, UINT16_MAX));
	sheaf_put_be32(page + SHEAF_B0_MAXIMUM_TRANSFER, (uint32_t)lu->maximum_transfer_blocks);
	sheaf_put_be32(page + SHEAF_B0_OPTIMAL_TRANSFER, (uint32_t)lu->maximum_transfer_blocks);
	if (lu->store->can_discard) {
		sheaf_put_be32(page + SHEAF_B0_MAXIMUM_UNMAP_LBAS,
			       (uint32_t)lu->maximum_unmap_blocks);
		sheaf_put_be32(page + SHEAF_B0_MAXIMUM_UNMAP_DESCRIPTORS,
			       SHEAF_LU_UNMAP_DESCRIPTORS_MAX);
		sheaf_put_be32(page + SHEAF_B0_UNMAP_GRANULARITY, per_physical);
	}
	sheaf_put_be64(page + SHEAF_B0_MAXIMUM_WRITE_SAME, lu->maximum_write_same_blocks);
	sheaf_put_be32(page + SHEAF_B0_MAXIMUM_ATOMIC_TRANSFER,
		       (uint32_t)sheaf_min64(lu->maximum_transfer_blocks, UINT16_MAX));
	return SHEAF_B0_LENGTH;
}

/*
 * Block Device Characteristics: no rotation, no form factor; blocks can be read after a block erase (WABEREQ 01b), and VERIFY
 * compares with unmapped ones, which are zeros (VBULS).
 */
static unsigned characteristics_page(const struct sheaf_lu *lu, uint8_t *page)
{
	(void)lu;
	sheaf_put_be16(page + SHEAF_B1_ROTATION_RATE, 1);
	page[SHEAF_B1_FLAGS] = SHEAF_B1_WABEREQ_READS;
	page[SHEAF_B1_MORE_FLAGS] = SHEAF_B1_VBULS;
	return SHEAF_B1_LENGTH;
}

uint8_t sheaf_lu_threshold_exponent(const struct sheaf_lu *lu)
{
	uint8_t exponent = lu->block_size < THRESHOLD_SET_BYTES ? 3 : 1;

	if (!lu->store->can_discard || !lu->store->can_measure)
		return 0;
	/* SBC-4 section 6.6.7: not 0, and counts of sets fit into 32 bits. */
	while (sheaf_lu_capacity(lu) >> exponent > UINT32_MAX)
		exponent++;
	return exponent;
}

/*
 * Logical Block Provisioning: thin where the store can discard, and what is unmapped reads as
 * zeros. There are threshold sets to count in, but no thresholds.
 */
static unsigned provisioning_page(const struct sheaf_lu *lu, uint8_t *page)
{
	page[SHEAF_B2_THRESHOLD_EXPONENT] = sheaf_lu_threshold_exponent(lu);
	if (lu->store->can_discard) {
		page[SHEAF_B2_FLAGS] =
			SHEAF_B2_LBPU | SHEAF_B2_LBPWS | SHEAF_B2_LBPWS10 | SHEAF_B2_LBPRZ;
		page[SHEAF_B2_TYPE] = SHEAF_B2_TYPE_THIN;
	}
	return SHEAF_B2_LENGTH;
}

static unsigned supported_page(const struct sheaf_lu *lu, uint8_t *page);

/*
 * In ascending order. Each function fills in a zeroed page past its first bytes and returns the
 * length with them.
 */
static const struct {
	uint8_t code;
	unsigned (*build)(const struct sheaf_lu *lu, uint8_t *page);
} pages[] = {
	{ SHEAF_VPD_SUPPORTED, supported_page },
	{ SHEAF_VPD_SERIAL, serial_page },
	{ SHEAF_VPD_IDENTIFICATION, sheaf_lu_identification_page },
	{ SHEAF_VPD_EXTENDED, extended_page },
	{ SHEAF_VPD_MODE_POLICY, mode_policy_page },
	{ SHEAF_VPD_THIRD_PARTY_COPY, sheaf_lu_third_party_copy_page },
	{ SHEAF_VPD_BLOCK_LIMITS, block_limits_page },
	{ SHEAF_VPD_CHARACTERISTICS, characteristics_page },
	{ SHEAF_VPD_PROVISIONING, provisioning_page },
};
#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))

/* Supported VPD Pages, SPC-4 section 7.8.14. A LUN that does not exist has this one alone. */
static unsigned supported_page(const struct sheaf_lu *lu, uint8_t *page)
{
	unsigned count = lu ? PAGE_COUNT : 1;

	for (unsigned i = 0; i < count; i++)
		page[PAGE_HEADER + i] = pages[i].code;
	return PAGE_HEADER + count;
}

static void vpd(struct sheaf_lu_task *lt, uint8_t code)
{
	uint8_t page[PAGE_MAX] = { 0 };

	for (unsigned i = 0; i < (lt->lu ? PAGE_COUNT : 1); i++) {
		if (pages[i].code != code)
			continue;
		unsigned length = pages[i].build(lt->lu, page);
		page[0] = lt->lu ? 0 : SHEAF_INQUIRY_NO_DEVICE;
		page[1] = code;
		sheaf_put_be16(page + 2, (uint16_t)(length - PAGE_HEADER));
		sheaf_lu_reply(lt, page, length);
		return;
	}
	sheaf_lu_end_bad_field(lt, SHEAF_CDB_INQUIRY_PAGE, 7);
}

/** INQUIRY, SPC-4 section 6.6. */
void sheaf_lu_inquiry(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t data[SHEAF_INQUIRY_LENGTH] = { 0 };

	if (cdb[1] & SHEAF_CDB_INQUIRY_EVPD)
		vpd(lt, cdb[SHEAF_CDB_INQUIRY_PAGE]);
	else if (cdb[SHEAF_CDB_INQUIRY_PAGE])
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_INQUIRY_PAGE, 7);
	else
		sheaf_lu_reply(lt, data, standard_data(lt->lu, data));
}
