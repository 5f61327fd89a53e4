/* SPDX-License-Identifier: MIT */
/* bits.h - big-endian fields of SCSI structures, rounding, ranges. Pure functions. */
#ifndef SHEAF_BITS_H
#define SHEAF_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline uint16_t sheaf_get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t sheaf_get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t sheaf_get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | sheaf_get_be24(p + 1);
}

static inline uint64_t sheaf_get_be64(const uint8_t *p)
{
	return (uint64_t)sheaf_get_be32(p) << 32 | sheaf_get_be32(p + 4);
}

static inline void sheaf_put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void sheaf_put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	sheaf_put_be16(p + 1, (uint16_t)v);
}

static inline void sheaf_put_be32(uint8_t *p, uint32_t v)
{
	sheaf_put_be16(p, (uint16_t)(v >> 16));
	sheaf_put_be16(p + 2, (uint16_t)v);
}

static inline void sheaf_put_be64(uint8_t *p, uint64_t v)
{
	sheaf_put_be32(p, (uint32_t)(v >> 32));
	sheaf_put_be32(p + 4, (uint32_t)v);
}

/* @to is a power of two. */
static inline uint64_t sheaf_round_down(uint64_t v, uint64_t to)
{
	return v & ~(to - 1);
}

/* @to is a power of two, and v + to - 1 does not overflow (the caller checked its range). */
static inline uint64_t sheaf_round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* [offset, offset + length) lies in [0, end), without overflow. */
static inline bool sheaf_range_within(uint64_t offset, uint64_t length, uint64_t end)
{
	return offset <= end && length <= end - offset;
}

static inline uint64_t sheaf_min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
