/* SPDX-License-Identifier: MIT */
/*
 * inquiry.c - INQUIRY, SPC-4 section 6.6, and its VPD pages, SPC-4 section 7.8 and SBC-4 clause
 * 6.6: a function each.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

#define PAGE_MAX    256
#define PAGE_HEADER 4

#define VENDOR	 "SHEAF   "
#define PRODUCT	 "VIRTUAL DISK    "
#define REVISION "0001"

/* Standard INQUIRY data, SPC-4 section 6.6.2. */
static unsigned standard_data(const struct sheaf_lu *lu, uint8_t *data)
{
	if (!lu)
		data[0] = SHEAF_INQUIRY_NO_DEVICE;
	data[SHEAF_INQUIRY_VERSION] = SHEAF_INQUIRY_VERSION_SPC_4;
	data[SHEAF_INQUIRY_FORMAT] = SHEAF_INQUIRY_HISUP | 2;
	data[4] = SHEAF_INQUIRY_LENGTH - 5;
	data[SHEAF_INQUIRY_CMDQUE_BYTE] = SHEAF_INQUIRY_CMDQUE;
	memcpy(data + SHEAF_INQUIRY_VENDOR, VENDOR, 8);
	memcpy(data + SHEAF_INQUIRY_PRODUCT, PRODUCT, 16);
	memcpy(data + SHEAF_INQUIRY_REVISION, REVISION, 4);
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS, SHEAF_INQUIRY_SAM_5);
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS + 2, SHEAF_INQUIRY_SPC_4);
	sheaf_put_be16(data + SHEAF_INQUIRY_DESCRIPTORS + 4, SHEAF_INQUIRY_SBC_4);
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
 * who want a number.
 */
static unsigned identification_page(const struct sheaf_lu *lu, uint8_t *page)
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
	return (unsigned)(d + 12 - page);
}

/* Block Limits. */
static unsigned block_limits_page(const struct sheaf_lu *lu, uint8_t *page)
{
	uint32_t per_physical = lu->store->physical_block_bytes > lu->block_size
					? lu->store->physical_block_bytes / lu->block_size
					: 1;

	page[SHEAF_B0_WSNZ] = 1;
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
	return SHEAF_B0_LENGTH;
}

/* Block Device Characteristics: no rotation; after SANITIZE, BLOCK ERASE reads are good (WABEREQ 01b). */
static unsigned characteristics_page(const struct sheaf_lu *lu, uint8_t *page)
{
	(void)lu;
	sheaf_put_be16(page + 4, 1);
	page[SHEAF_B1_FLAGS] = SHEAF_B1_WABEREQ_READS;
	return 64;
}

/*
 * Logical Block Provisioning: thin where the store can discard, and what is unmapped reads as
 * zeros.
 */
static unsigned provisioning_page(const struct sheaf_lu *lu, uint8_t *page)
{
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
	{ SHEAF_VPD_IDENTIFICATION, identification_page },
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
