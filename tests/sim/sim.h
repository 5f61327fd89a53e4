/* SPDX-License-Identifier: MIT */
/**
 * sim.h - a deterministic simulation of the seam: one seed, one schedule
 *
 * Host, queues, lanes and contexts are the real ones. Simulated are the loops (sim_loop.h), the clients of the queues
 * (sim_client.c), the driver and its image (sim_driver.c, sim_disk.h), and who runs when (sim_world.c). Nothing but the seed decides
 * anything, so that a schedule is the same whatever ran before it in this process.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/context.h"
#include "host/host.h"
#include "host/queue.h"
#include "sim_disk.h"
#include "sim_loop.h"

#define SIM_QUEUES_MAX	3
#define SIM_WORKERS_MAX 3
#define SIM_SLOTS_MAX	64
#define SIM_BLOCK_BYTES 16u /* value, and its complement */
#define SIM_TASK_BLOCKS 8u
#define SIM_TIMEOUT_NS	1000000000ull

/* Random numbers */

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_next(struct sim_random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint32_t sim_below(struct sim_random *r, uint32_t n)
{
	return (uint32_t)((sim_next(r) >> 32) * n >> 32);
}

static inline bool sim_percent(struct sim_random *r, unsigned percent)
{
	return sim_below(r, 100) < percent;
}

/* What a schedule came across; summed up, so that a run that never meets something is seen. */
enum sim_count {
	SIM_TASKS,
	SIM_READS,
	SIM_WRITES,
	SIM_FLUSHES,
	SIM_COMPARES,
	SIM_INLINE,
	SIM_ERRORS,
	SIM_ABORTS,
	SIM_RETRIES,
	SIM_TIMEOUTS,
	SIM_LATE,
	SIM_RECLAIMS,
	SIM_STARVED,
	SIM_MOVES,
	SIM_DOORBELLS,
	SIM_DEATHS,
	SIM_REISSUES,
	SIM_ABORTED_BY_DEATH,
	SIM_WAITED_IN_VAIN, /* ended by deadline while there was no driver */
	SIM_VIOLATIONS,
	SIM_HOSTILE,
	SIM_BROKEN_LANES,
	SIM_COUNTS,
};
extern const char *const sim_count_names[SIM_COUNTS];

/* Commands of the client. */
enum sim_kind { SIM_READ, SIM_WRITE, SIM_FLUSH, SIM_COMPARE, SIM_RESERVE };

/* How the driver said that a task ended. */
enum sim_answer {
	SIM_ANSWER_NONE,
	SIM_ANSWER_GOOD,
	SIM_ANSWER_ERROR,   /* CHECK CONDITION, MEDIUM ERROR */
	SIM_ANSWER_AGAIN,   /* BUSY or a unit attention: not carried out */
	SIM_ANSWER_ABORTED, /* not delivered, or aborted on its way */
	SIM_ANSWER_MISCOMPARE,
};

enum sim_phase {
	SIM_IDLE, /* the slot is not the client's */
	SIM_HELD, /* it is, without a task */
	SIM_ACTIVE,
	SIM_KEPT, /* its task timed out, the client waits for the slot */
};

/* What a client asks for. */
struct sim_command {
	enum sim_kind kind;
	unsigned lu, lba, blocks;
	uint64_t value;	   /* writes: of the first block */
	uint64_t expected; /* COMPARE: what the block has */
};

struct sim_task { /* one a slot */
	enum sim_phase phase;
	uint64_t number; /* in the order of starts; 0: never */
	struct sim_command command;
	unsigned queue;
	uint64_t since;	     /* moment of the disk in which it began */
	uint64_t started_ns;
	unsigned retries, gone; /* client->gone at its start */
	/* The driver's part in it. */
	enum sim_answer answer;
	bool refused; /* by process_parallel_task() */
	bool lingers;	   /* a write that timed out: the driver has it, or will get it from a lane */
	unsigned attempts; /* so often a driver got it */
};

struct sim_held { /* one a slot: the driver has it */
	bool held;
	bool aborted;
	uint64_t number;
	struct sim_command command;
	uint64_t identifier;
	unsigned landed; /* blocks of a write that are in the image already */
};

struct sim_context { /* the driver's, one a loop that serves it */
	struct sim_world *world;
	unsigned number;
	struct sheaf_loop *loop;
	struct sheaf_context *context; /* NULL: its process is dead */
	uint16_t done[SIM_SLOTS_MAX];  /* finished, not yet completed */
	unsigned done_count;
	uint64_t last_number[SIM_QUEUES_MAX];
};

struct sim_client { /* one a queue */
	struct sheaf_queue_client client; /* first */
	struct sim_world *world;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	unsigned number;
	bool keeps; /* its slots after a timeout, as entries of FUSE-over-io_uring */
	bool starved; /* found no slot, and was not told of one since */
	uint16_t inbox[SIM_SLOTS_MAX];
	unsigned inbox_count;
	bool must_tell_gone, must_tell_back;
	unsigned gone; /* so often its queue was told in this schedule */
};

enum sim_driver_state {
	SIM_ALIVE,
	SIM_DYING,  /* its threads are gone, its I/O is not */
	SIM_FENCED, /* nothing of it can come; the queues are being told */
	SIM_BACK,   /* there is another one; the queues are being told */
};

/* Probabilities of one schedule, in percent or as weights. */
struct sim_plan {
	unsigned steps;
	unsigned submit, work, io, land, tick, jump, abort, death; /* weights of the steps */
	unsigned answers_inline, batch, errors, again, refuses, sloppy, stuck, moves, restarts, keeps;
	bool hostile;
};

struct sim_config {
	bool single;
	uint32_t queues, workers, slots;
	uint16_t bundle_max;
};

struct sim_world {
	struct sim_config config;
	struct sim_random random;
	struct sim_plan plan;
	uint64_t seed;
	unsigned step;
	bool verbose, draining;
	bool hostile_now; /* plan.hostile, and its driver is not replaced yet */
	struct sheaf_host *host;
	struct sim_loops loops; /* queues, then workers */
	struct sim_client clients[SIM_QUEUES_MAX];
	struct sim_context contexts[SIM_WORKERS_MAX]; /* fused: of the queues */
	unsigned context_count;
	struct sim_disk disk;
	struct sim_task tasks[SIM_SLOTS_MAX];
	struct sim_held held[SIM_SLOTS_MAX];
	uint64_t last_identifier[SIM_SLOTS_MAX];
	uint64_t next_number;
	enum sim_driver_state driver;
	unsigned deaths;
	uint32_t mapped_ids;
	uint64_t injected; /* violations of the sloppy driver */
	unsigned broken_lanes; /* of this driver */
	struct sheaf_view raw; /* a hostile process's */
	struct sheaf_lane far[SIM_QUEUES_MAX * SIM_WORKERS_MAX];
	uint64_t *counts; /* SIM_COUNTS */
	/* At the beginning of the schedule; of each queue. */
	uint64_t begin_ns;
	uint64_t begin_started[SIM_QUEUES_MAX], begin_violations[SIM_QUEUES_MAX];
};

static inline void sim_count(struct sim_world *w, enum sim_count what)
{
	w->counts[what]++;
}

/** A rule was broken: say so, with the command that repeats it, and end the process. */
_Noreturn void sim_fail(const struct sim_world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void sim_say(const struct sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** An event of the schedule, with -v. */
#define sim_event(w, ...)                      \
	do {                                   \
		if ((w)->verbose)              \
			sim_say(w, __VA_ARGS__); \
	} while (0)
#define sim_check(w, condition, ...)               \
	do {                                       \
		if (!(condition))                  \
			sim_fail(w, __VA_ARGS__);  \
	} while (0)

/** May a driver get it twice? The simulation's own opinion, not the host's. */
static inline bool sim_repeats(enum sim_kind kind)
{
	return kind != SIM_COMPARE && kind != SIM_RESERVE;
}

/* sim_client.c: as events of a turn of the client's loop. */
void sim_client_init(struct sim_client *client);
void sim_client_submit(struct sim_client *client, unsigned n);
void sim_client_inbox(struct sim_client *client);
void sim_client_check_deadlines(const struct sim_client *client);
void sim_client_put_all(struct sim_client *client);
/** Ask for the abort of a task, of an LU's tasks, or a reset. Thread: any. */
void sim_client_abort(struct sim_world *w);
/** The earliest moment that a command under way began in. */
uint64_t sim_oldest(const struct sim_world *w);
extern const char *const sim_kind_names[];

/* sim_driver.c */
extern const struct sheaf_controller_ops sim_driver_ops;
/** I/O of up to @n tasks that this context has is over; all of them: UINT_MAX. Event of its loop's turn. */
void sim_driver_io(struct sim_context *context, unsigned n);
/** Part of a write lands, before its I/O is over. Also while the driver dies. */
void sim_driver_land(struct sim_world *w);
unsigned sim_driver_held(const struct sim_world *w, unsigned context);
/** The fence: nothing that it has lands any more. */
void sim_driver_fence(struct sim_world *w);
/** The context of a slot that the driver has. */
unsigned sim_context_of(const struct sim_world *w, unsigned slot);
/** One thing that no driver may do. Hostile schedules only. In a turn of loop @queue's when fused. */
void sim_driver_hostile(struct sim_world *w, unsigned queue);
/** It lets go of all that it owns, as it should. Fused, in a turn of loop @queue's. */
void sim_driver_repent(struct sim_world *w, unsigned queue);

/* sim_world.c */
/** Make the world of a configuration, for many schedules. */
struct sim_world *sim_world_create(const struct sim_config *config, uint64_t counts[SIM_COUNTS]);
void sim_world_free(struct sim_world *w);
/** One schedule. @steps: 0: the seed says. Ends the process when a rule is broken. */
void sim_world_run(struct sim_world *w, uint64_t seed, unsigned steps, bool verbose);

#endif
