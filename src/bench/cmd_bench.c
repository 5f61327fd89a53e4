/* SPDX-License-Identifier: MIT */
/*
 * cmd_bench.c - sheaf bench: the same work on the same image, with only the bundling changed
 *
 * Rounds of all configs, each in another order; a config is started, measured at all its points, and stopped, since an image has
 * one server at a time. So what changes on the machine meanwhile meets all of them. With --quick there are as many
 * rounds as fit into its time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/log.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/subject.h"
#include "cli/commands.h"
#include "host/host.h"

#define QUICK_NS                                                                                   \
	UINT64_C(108000000000) /* and a report is left to write, and a machine to be slow */
#define QUICK_RUN_MS	 60 /* with this, four rounds of all deployments fit: fewer tell no difference from chance */
#define FULL_RUN_MS	 250
#define QUICK_ROUNDS_MAX 9
#define FULL_ROUNDS	 5
#define WARM_UP_PART	 5 /* of the time of a cell */
#define RUN_MS_MAX	 600000

struct bench_args {
	bool quick, full, write;
	char *out, *observer;
	int run_ms, rounds; /* 0: not said */
	int workers;
	struct sheaf_bench_wishes wishes;
};

/* clang-format off */
#define AT(field) offsetof(struct bench_args, field)
static const struct sheaf_option bench_options[] = {
	{ "quick", 'q', SHEAF_OPTION_FLAG, AT(quick), .help = "a few points in two minutes; so it is without --full" },
	{ "full", 'f', SHEAF_OPTION_FLAG, AT(full), .help = "all depths, sizes and kinds of work; about 20 minutes" },
	{ "out", 'o', SHEAF_OPTION_TEXT, AT(out), .value = "DIR", .help = "where the report goes; sheaf-bench" },
	{ "write", 'w', SHEAF_OPTION_FLAG, AT(write), .help = "write to IMAGE too; WHAT IS IN IT IS LOST" },
	{ "paths", 0, SHEAF_OPTION_TEXT, AT(wishes.paths), .value = "LIST", .help = "of engine,dev,uring; all" },
	{ "deployments", 0, SHEAF_OPTION_TEXT, AT(wishes.deployments), .value = "LIST", .help = "of fused,pool,process; all" },
	{ "limits", 0, SHEAF_OPTION_TEXT, AT(wishes.limits), .value = "LIST", .help = "of single,1,2,4,8,16,32,auto; all" },
	{ "works", 0, SHEAF_OPTION_TEXT, AT(wishes.works), .value = "LIST", .help = "of read,write,mixed, with all of the next two" },
	{ "sizes", 0, SHEAF_OPTION_TEXT, AT(wishes.sizes), .value = "LIST", .help = "of a request: 512,4K,64K,1M" },
	{ "depths", 0, SHEAF_OPTION_TEXT, AT(wishes.depths), .value = "LIST", .help = "requests at a time: 1,8,32,128" },
	{ "seconds", 's', SHEAF_OPTION_DURATION, AT(run_ms), 10, RUN_MS_MAX, .value = "TIME", .help = "for each cell in each round: 1s, 200ms" },
	{ "rounds", 'r', SHEAF_OPTION_NUMBER, AT(rounds), 1, SHEAF_BENCH_ROUNDS_MAX, .value = "N", .help = "how often all is measured" },
	{ "workers", 0, SHEAF_OPTION_NUMBER, AT(workers), 1, SHEAF_WORKERS_MAX, .value = "N", .help = "of the pool, and of the driver's process; 1" },
	{ "observer", 0, SHEAF_OPTION_TEXT, AT(observer), .value = "COMMAND", .help = "run it beside each cell, on $SHEAF_BENCH_PID" },
	{ .kind = SHEAF_OPTION_END },
};
/* clang-format on */

static const char *const bench_operands[] = { "IMAGE" };
static const struct sheaf_command_line bench_line = {
	.usage = "bench [IMAGE] [--quick|--full] [--out DIR]",
	.summary = "What bundles bring: the same work with only the bundling changed.",
	.options = bench_options,
	.operands_max = 1,
	.operand_names = bench_operands,
	.epilogue = "Without IMAGE, a scratch image is made and removed. IMAGE is only read, "
		    "unless --write.\n",
};

struct run {
	struct sheaf_bench_setup setup;
	struct sheaf_bench_plan plan;
	struct sheaf_bench_results results;
	struct sheaf_bench_progress progress;
	unsigned rounds_wanted, rounds_done;
	uint64_t budget_ns; /* 0: none */
};

/* A config in one round. */
static int run_config(struct run *run, const struct sheaf_bench_config *config)
{
	struct sheaf_bench_subject subject;
	int r = sheaf_bench_subject_start(&subject, &run->setup, config, false), stopped;

	if (r < 0)
		return r;
	for (unsigned p = 0; r == 0 && p < run->plan.point_count; p++) {
		struct sheaf_bench_cell *cell =
			sheaf_bench_results_find(&run->results, config, &run->plan.points[p]);
		struct sheaf_bench_sample sample = { 0 };

		if (!cell)
			continue;
		r = sheaf_bench_subject_measure(&subject, &cell->point, &sample);
		if (r == 0)
			r = sheaf_bench_results_add(cell, &sample);
		sheaf_bench_progress_step(&run->progress);
	}
	stopped = sheaf_bench_subject_stop(&subject);
	return r < 0 ? r : stopped;
}

static int run_round(struct run *run)
{
	unsigned order[SHEAF_BENCH_CONFIGS_MAX];
	int r = 0;

	sheaf_bench_plan_shuffle(&run->plan, run->rounds_done, order);
	for (unsigned i = 0; r == 0 && i < run->plan.config_count; i++)
		r = run_config(run, &run->plan.configs[order[i]]);
	return r;
}

/* As many as fit, going by the longest so far. */
static void reckon_rounds(struct run *run, uint64_t longest_ns)
{
	uint64_t spent = sheaf_clock_ns() - run->progress.began_ns;
	uint64_t left = run->budget_ns > spent ? run->budget_ns - spent : 0;
	unsigned more = (unsigned)sheaf_min64(left / longest_ns, QUICK_ROUNDS_MAX);

	if (!run->budget_ns)
		return;
	run->rounds_wanted = run->rounds_done + more < QUICK_ROUNDS_MAX ? run->rounds_done + more
									: QUICK_ROUNDS_MAX;
	run->progress.total = run->rounds_wanted * sheaf_bench_plan_cells(&run->plan);
}

static int run_rounds(struct run *run)
{
	uint64_t longest = 1;
	int r = 0;

	sheaf_bench_progress_begin(&run->progress,
				   run->rounds_wanted * sheaf_bench_plan_cells(&run->plan));
	while (r == 0 && run->rounds_done < run->rounds_wanted) {
		uint64_t began = sheaf_clock_ns();

		r = run_round(run);
		if (r < 0)
			break;
		run->rounds_done++;
		if (sheaf_clock_ns() - began > longest)
			longest = sheaf_clock_ns() - began;
		reckon_rounds(run, longest);
		sheaf_bench_progress_round(&run->progress, run->rounds_done, run->rounds_wanted);
	}
	sheaf_bench_progress_end(&run->progress);
	return r;
}

/* Which transports there are: try them. Paths that are not to be had are taken out, and noted. */
static int try_paths(struct run *run, struct sheaf_bench_report *report, unsigned *notes)
{
	for (unsigned p = SHEAF_BENCH_DEV; p < SHEAF_BENCH_PATHS; p++) {
		const struct sheaf_bench_config config = { (enum sheaf_bench_path)p,
							   SHEAF_BENCH_FUSED, SHEAF_BENCH_AUTO };
		struct sheaf_bench_mount mount;
		bool wanted = false;
		int r;

		for (unsigned i = 0; i < run->plan.config_count; i++)
			wanted |= run->plan.configs[i].path == p;
		if (!wanted)
			continue;
		r = sheaf_bench_mount_start(&mount, &run->setup, &config, true);
		if (r == -EINTR)
			return r;
		if (r == 0) {
			r = sheaf_bench_mount_stop(&mount);
			if (r < 0)
				return r;
			continue;
		}
		snprintf(report->notes[(*notes)++], sizeof(report->notes[0]),
			 "Not measured: %s, which cannot be had here; why says: sheaf mount "
			 "--transport=%s.",
			 sheaf_bench_path_titles[p], sheaf_bench_path_names[p]);
		sheaf_warning("%s", report->notes[*notes - 1]);
		sheaf_bench_plan_drop_path(&run->plan, (enum sheaf_bench_path)p);
	}
	if (run->plan.config_count == 0) {
		sheaf_error("nothing is left to measure");
		return -ENOTSUP;
	}
	return 0;
}

static int write_report(struct run *run, struct sheaf_bench_report *report, bool scratch,
			const char *out)
{
	int r = mkdir(out, 0777) < 0 && errno != EEXIST ? -errno : 0;

	if (r < 0) {
		sheaf_error("%s: %s", out, strerror(-r));
		return r;
	}
	sheaf_bench_results_finish(&run->results);
	report->plan = &run->plan;
	report->results = &run->results;
	report->rounds = run->rounds_done;
	sheaf_bench_machine(&run->setup, scratch, run->rounds_done, report->facts);
	sheaf_bench_table(report, stdout);
	r = sheaf_bench_report_write(report, out);
	if (r == 0)
		printf("\nall figures and plots: %s/bench.html\n", out);
	return r;
}

static int bench(struct run *run, const struct bench_args *args,
		 const struct sheaf_bench_scratch *scratch)
{
	struct sheaf_bench_report report = { 0 };
	unsigned notes = 0;
	int r;

	run->setup.image = scratch->image;
	run->setup.directory = scratch->directory;
	run->setup.read_only = !scratch->own_image && !args->write;
	if (run->plan.left_out_writes) {
		snprintf(report.notes[notes++], sizeof(report.notes[0]),
			 "Writes were not measured: %s is only read without --write.",
			 "an image of yours");
		sheaf_warning("%s: is only read, so writes are not measured; with --write they "
			      "are, and what is in it is lost",
			      scratch->image);
	}
	r = try_paths(run, &report, &notes);
	if (r == 0)
		r = sheaf_bench_results_init(&run->results, &run->plan);
	if (r == 0)
		r = run_rounds(run);
	if (r == -EINTR)
		sheaf_warning("interrupted after %u rounds", run->rounds_done);
	if (run->rounds_done && (r == 0 || r == -EINTR)) {
		int written = write_report(run, &report, scratch->own_image,
					   args->out ? args->out : "sheaf-bench");

		r = r < 0 ? r : written;
	}
	sheaf_bench_results_free(&run->results);
	return r;
}

static int prepare(struct run *run, const struct bench_args *args, const char *image)
{
	bool full = args->full;
	int run_ms = args->run_ms ? args->run_ms : full ? FULL_RUN_MS : QUICK_RUN_MS;
	struct sheaf_bench_wishes wishes = args->wishes;

	if (args->quick && args->full) {
		sheaf_error("--quick and --full: one of them");
		return -EINVAL;
	}
	wishes.full = full;
	wishes.may_write = !image || args->write;
	run->setup.workers = (unsigned)args->workers;
	run->setup.slots = SHEAF_BENCH_DEPTH_MAX;
	run->setup.run_ns = (uint64_t)run_ms * 1000000;
	run->setup.warm_up_ns = run->setup.run_ns / WARM_UP_PART;
	run->setup.observer = args->observer;
	run->rounds_wanted = args->rounds ? (unsigned)args->rounds
			     : full	  ? FULL_ROUNDS
					  : QUICK_ROUNDS_MAX;
	run->budget_ns = args->rounds || full ? 0 : QUICK_NS;
	return sheaf_bench_plan_make(&wishes, &run->plan);
}

int sheaf_cmd_bench(int argc, char **argv)
{
	struct bench_args args = { .workers = 1 };
	struct sheaf_operands operands;
	struct sheaf_bench_scratch scratch;
	struct run *run;
	int r = sheaf_options_parse(&bench_line, argc, argv, &args, &operands), code;

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	run = calloc(1, sizeof(*run));
	r = run ? prepare(run, &args, operands.count ? operands.words[0] : NULL) : -ENOMEM;
	code = r == 0 ? SHEAF_EXIT_OK : SHEAF_EXIT_USAGE;
	if (r == 0) {
		sheaf_bench_catch_signals();
		r = sheaf_bench_scratch_make(&scratch, operands.count ? operands.words[0] : NULL);
		if (r == 0) {
			r = bench(run, &args, &scratch);
			sheaf_bench_scratch_remove(&scratch);
		}
		code = r == 0 ? SHEAF_EXIT_OK : SHEAF_EXIT_FAILED;
	}
	free(run);
	sheaf_options_free(&bench_line, &args, &operands);
	return code;
}
