/* SPDX-License-Identifier: MIT */
/**
 * fuzz.h - what harnesses share: the entry that libFuzzer calls, and an input that is read piece by piece
 *
 * A harness is one .c file. With ./configure CC=clang --enable-fuzz it is linked with libFuzzer; otherwise with main.c, which runs
 * it over files and folders, so that make check replays the corpus.
 */
#ifndef SHEAF_FUZZ_H
#define SHEAF_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

/** The next @n bytes; zeros where the input has no more. */
static inline void fuzz_bytes(struct fuzz_input *in, void *ret, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(ret, 0, n);
	if (have)
		memcpy(ret, in->data, have);
	in->data += have;
	in->left -= have;
}

static inline uint64_t fuzz_number(struct fuzz_input *in, size_t bytes)
{
	uint64_t n = 0;

	fuzz_bytes(in, &n, bytes);
	return n;
}

/** A rule that must hold for every input. */
static inline void fuzz_check(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

#endif
