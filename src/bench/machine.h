/* SPDX-License-Identifier: MIT */
/** machine.h - on what was measured, for the report */
#ifndef SHEAF_BENCH_MACHINE_H
#define SHEAF_BENCH_MACHINE_H

#include "bench/bench.h"

#define SHEAF_BENCH_FACTS 8

/** name, value; for people and for JSON. */
struct sheaf_bench_fact {
	const char *name;
	char value[256];
};

/** @scratch: the image is ours. Fills all SHEAF_BENCH_FACTS. */
void sheaf_bench_machine(const struct sheaf_bench_setup *setup, bool scratch, unsigned rounds,
			 struct sheaf_bench_fact facts[SHEAF_BENCH_FACTS]);

#endif
