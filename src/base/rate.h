/* SPDX-License-Identifier: MIT */
/**
 * rate.h - messages that may come by the thousand: so many within a time, and how many were left out
 *
 * Thread: the owner's. The clock is the caller's, so that nothing is read for a message that is left out.
 */
#ifndef SHEAF_RATE_H
#define SHEAF_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_rate {
	uint64_t window_ns; /* when this window began */
	uint32_t count;	    /* in it */
	uint64_t left_out;  /* not told of yet */
};

/**
 * sheaf_rate_allows() - is it time for another message?
 * @limit: so many within @length_ns.  @ret_left_out: with true, how many were left out since the last one that was not.
 */
static inline bool sheaf_rate_allows(struct sheaf_rate *rate, uint64_t now_ns, uint64_t length_ns,
				     uint32_t limit, uint64_t *ret_left_out)
{
	if (now_ns - rate->window_ns >= length_ns || now_ns < rate->window_ns) {
		rate->window_ns = now_ns;
		rate->count = 0;
	}
	if (rate->count >= limit) {
		rate->left_out++;
		return false;
	}
	rate->count++;
	*ret_left_out = rate->left_out;
	rate->left_out = 0;
	return true;
}

/** The window is over, and no message will say by itself how many were left out: that many, once. */
static inline uint64_t sheaf_rate_rest(struct sheaf_rate *rate, uint64_t now_ns, uint64_t length_ns)
{
	uint64_t rest = rate->left_out;

	if (now_ns - rate->window_ns < length_ns)
		return 0;
	rate->left_out = 0;
	return rest;
}

#endif
