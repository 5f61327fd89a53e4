/* SPDX-License-Identifier: MIT */
/**
 * check.h - `sheaf check`: a driver is judged by the rules of the seam and of SCSI, before it meets data
 *
 *   cmd_check.c   the command: options, the list of rules, one line for each
 *   judge.c       one rule in a child of its own: a crash is a finding, and so is no end
 *   subject.c     the driver in that child: loaded, brought up in DriverKit's order, stopped
 *   far.c         the same of a driver that is a program: its process, and the lane to it
 *   harness.c     plays the host: hands slots over, looks at all that comes back
 *   rules_*.c     the rules
 *
 * A rule is a function that returns when the driver keeps it, and else says what was found by check_fail(), which does not return. Each has a
 * driver of its own, just loaded, so that what one of them breaks is not blamed on another. The harness notes each kind
 * of misdeed; the rule that is about it judges it, and all others go on as far as they can.
 *
 * Thread: all of a rule runs on the child's one thread.
 */
#ifndef SHEAF_CHECK_H
#define SHEAF_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "check/far.h"
#include "cli/loaded_driver.h"
#include "driver/context.h"
#include "loop/loop.h"
#include "seam/region.h"

/** Slots of the harness; fewer where the driver takes fewer tasks. */
#define CHECK_SLOTS 64
/** Bytes before and after a buffer that nobody may write. */
#define CHECK_MARGIN 4096
#define CHECK_TRANSFER_MAX (UINT32_C(1) << 20)

/** What the harness notes; see harness.c. */
enum check_misdeed {
	CHECK_COUNT,	  /* a completion of 0 slots, or of more than 32 */
	CHECK_OWNER,	  /* a slot that the driver does not own: no such one, or given back already */
	CHECK_VERSION,
	CHECK_IDENTIFIER, /* or the target, which is echoed like it */
	CHECK_RESPONSE,	  /* a service response, status, count or sense that cannot be */
	CHECK_COMMAND,	  /* the command slot was written */
	CHECK_BOUNDS,	  /* bytes around the buffer were written */
	CHECK_TOUCHED,	  /* a slot was written after it was given back */
	CHECK_MISDEEDS,
};

/** Options of the command, as rules see them. */
struct check_options {
	const char *words; /* the driver, as sheaf_loaded_driver_open() takes it, or the command that starts it */
	bool program;	   /* it is started, in a process of its own */
	char *const *images; /* scratch images */
	uint32_t image_count;
	bool read_only; /* send nothing that writes */
	uint32_t seed;
	uint32_t block_size;
};

struct check_slot {
	bool out; /* the driver has it */
	bool ended;
	uint32_t generation;
	uint32_t requested;
	struct sheaf_task sent;
	struct sheaf_response response;
};

struct check {
	const struct check_options *options;
	int verdict_fd;
	uint64_t patience_ns; /* for a task */
	/* subject.c */
	struct sheaf_loaded_driver loaded; /* or: */
	struct check_far far;
	const struct sheaf_controller_ops *ops;
	void *controller;
	bool decline; /* do not offer the mapping */
	bool bundled;
	uint64_t initiator_id, highest_target_id, highest_lun;
	uint32_t maximum_tasks, maximum_contexts;
	bool auto_sense;
	uint32_t ids[CHECK_SLOTS];
	/* harness.c */
	uint32_t slots;
	struct sheaf_region region;
	struct sheaf_view view, controller_view;
	struct sheaf_loop *loop;
	struct sheaf_context *context;
	struct sheaf_request_port port;
	struct sheaf_op tick;
	bool tick_armed;
	bool guard; /* take buffers away from the driver when it gave them back */
	struct check_slot slot[CHECK_SLOTS];
	unsigned out;
	uint64_t tag;
	void (*on_end)(struct check *c, uint16_t slot); /* from inside the completion */
	unsigned started;				/* by on_end */
	char noted[CHECK_MISDEEDS][160];		/* the first of each kind */
	unsigned judges; /* kinds that this rule is about, a bit for each; what else goes wrong is for other rules */
	/* What the disk said of itself, by check_find_disk(). */
	uint32_t block_size;
	uint64_t blocks;
	bool write_protected;
};

struct check_rule {
	const char *name;
	void (*run)(struct check *c);
	bool vital; /* without it nothing else can be looked at */
	bool writes;
};
/** Ends with a row without a name; rules_*.c */
extern const struct check_rule check_rules_bring_up[], check_rules_seam[], check_rules_scsi[],
	check_rules_management[], check_rules_crash[];

/* judge.c */
enum check_verdict { CHECK_OK, CHECK_BROKEN, CHECK_SKIPPED };
struct check_judgement {
	enum check_verdict verdict;
	bool stuck; /* tasks did not end: do not be so patient with the next rule */
	char text[400];
};
/**
 * check_judge() - run @rule in a child
 * @limit_ms: then the child is killed, and that is the finding.  @patience_ms: for one task.
 */
void check_judge(const struct check_rule *rule, const struct check_options *options,
		 unsigned limit_ms, unsigned patience_ms, struct check_judgement *ret);
/** The rule is broken; what was found. Ends the child. */
void check_fail(struct check *c, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/** As check_fail(), when tasks do not end. */
void check_stuck(struct check *c, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/** The rule cannot be looked at here. Ends the child. */
void check_skip(struct check *c, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* subject.c: anything that fails is check_fail(). */
void check_load(struct check *c);
void check_create(struct check *c);
/** Hooks up to report_maximum_context_count. */
void check_identify(struct check *c);
/** The whole of bring-up, and a context. */
void check_bring_up(struct check *c);
/** load, create and bring up. */
void check_start_driver(struct check *c);
/** The context and the controller end; the driver may be brought up again. A program ends, and is started again for that. */
void check_stop_driver(struct check *c);
void check_destroy(struct check *c);
/** Of a program: SIGKILL, whatever it does; all that was out is nobody's. It may be created again. */
void check_kill_driver(struct check *c);

/* harness.c */
/** Region, views and a loop, for as many slots as the driver takes. 0 or -errno. */
int check_harness_create(struct check *c);
struct sheaf_completion_port check_harness_port(struct check *c);
/** The context ends, and its loop. */
void check_harness_detach(struct check *c);
void check_harness_free(struct check *c);
/** Build a task in @slot: @cdb, @direction, @bytes of data, at logical unit @lun. Returns it for more. */
struct sheaf_task *check_build(struct check *c, uint16_t slot, const uint8_t *cdb, uint8_t length,
			       uint8_t direction, uint32_t bytes, uint32_t lun);
/** The host's view of its buffer. */
uint8_t *check_buffer(struct check *c, uint16_t slot);
/** Hand over, as one bundle, or one by one in single-task mode. */
void check_hand_over(struct check *c, const uint16_t slots[], uint16_t n);
/** Turns until all is back. False: something is not, after the time that a task may take. */
bool check_wait(struct check *c);
/** As check_wait(), and check_stuck() if it is not; a rule that judges something else is then skipped. */
void check_all_end(struct check *c);
/** Some turns more: what comes now comes late. */
void check_linger(struct check *c);
/** Fail if the harness noted one of @kinds (a bit for each). */
void check_noted(struct check *c, unsigned kinds);
/** Look whether slots that the driver gave back are as it left them. */
void check_untouched(struct check *c);

/* One task, from slot 0, run to its end. */
struct check_answer {
	struct sheaf_response response;
	const uint8_t *data; /* bytes_transferred of it came */
	bool good;
	uint8_t key;  /* of CHECK CONDITION with sense data; else 0xff */
	uint16_t asc; /* ASC and ASCQ */
};
struct check_answer check_run(struct check *c, const uint8_t *cdb, uint8_t length,
			      uint8_t direction, uint32_t bytes, uint32_t lun);
/** The response of @slot, taken apart. */
struct check_answer check_answer_of(struct check *c, uint16_t slot);
/** "CHECK CONDITION 5/20/00" and the like. Thread: the child's. */
const char *check_say(const struct check_answer *answer);

/* rules_scsi.c */
/** TEST UNIT READY until unit attentions are over, capacity, write protection. With `judges`, a disk that does not say has 0 blocks. */
void check_find_disk(struct check *c);
/** READ (16) or WRITE (16) into @cdb. */
void check_rw_cdb(uint8_t cdb[16], bool write, uint64_t lba, uint32_t blocks);

#endif
