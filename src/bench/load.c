/* SPDX-License-Identifier: MIT */
/*
 * load.c - see load.h
 *
 * A closed loop: what has ended is started anew until the time is over, then the rest is waited for. The clock is read once for
 * all that was submitted together and once for all that was found complete, so a request's latency is from
 * the call that submitted it to the return of the call that found it.
 */
#include "bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SEED UINT64_C(88172645463325252)
#define FILL 0x5a

static int begin(void *arg)
{
	struct sheaf_bench_generator *g = arg;
	struct stat st;
	int r = 0;

	g->source.random = SEED;
	g->fd = open(g->path, O_DIRECT | O_CLOEXEC | (g->read_only ? O_RDONLY : O_RDWR));
	if (g->fd < 0 || fstat(g->fd, &st) < 0)
		r = -errno;
	else
		g->source.size = (uint64_t)st.st_size;
	if (r == 0 && g->source.size < SHEAF_BENCH_BYTES_MAX)
		r = -EINVAL;
	if (r < 0)
		sheaf_error("%s: %s", g->path, strerror(-r));
	if (r == 0) {
		r = io_uring_queue_init(SHEAF_BENCH_DEPTH_MAX, &g->ring, 0);
		if (r < 0)
			sheaf_error("the load generator needs io_uring: %s", strerror(-r));
	}
	return r;
}

static void end(void *arg)
{
	(void)arg; /* the process is about to end, and takes all with it */
}

static int make_buffers(struct sheaf_bench_generator *g, const struct sheaf_bench_point *point)
{
	size_t bytes = (size_t)point->depth * point->bytes;
	void *buffers;

	if (bytes <= g->buffer_bytes)
		return 0;
	buffers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED)
		return -errno;
	memset(buffers, FILL, bytes);
	if (g->buffers)
		munmap(g->buffers, g->buffer_bytes);
	g->buffers = buffers;
	g->buffer_bytes = bytes;
	return 0;
}

static void start(struct sheaf_bench_generator *g, const struct sheaf_bench_point *point,
		  unsigned index, uint64_t now)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&g->ring);
	uint8_t *buffer = g->buffers + (size_t)index * point->bytes;
	uint64_t offset;

	g->requests[index].started_ns = now;
	if (sheaf_bench_source_next(&g->source, point, &offset))
		io_uring_prep_read(sqe, g->fd, buffer, point->bytes, offset);
	else
		io_uring_prep_write(sqe, g->fd, buffer, point->bytes, offset);
	io_uring_sqe_set_data64(sqe, index);
}

static void ended(struct sheaf_bench_generator *g, const struct sheaf_bench_point *point,
		  const struct io_uring_cqe *cqe, uint64_t now, struct sheaf_bench_load *load)
{
	const struct sheaf_bench_request *request = &g->requests[cqe->user_data];

	load->requests++;
	if (cqe->res == (int)point->bytes)
		load->bytes += point->bytes;
	else if (!load->error)
		load->error = cqe->res < 0 ? -cqe->res : EIO;
	sheaf_histogram_record(&load->latency, now - request->started_ns);
}

/* All completions that are there; starts as many anew until it is over. Returns how many are in flight fewer. */
static unsigned reap(struct sheaf_bench_generator *g, const struct sheaf_bench_point *point,
		     struct sheaf_bench_load *load)
{
	unsigned indices[SHEAF_BENCH_DEPTH_MAX], n = 0, started = 0, head;
	struct io_uring_cqe *cqe;
	uint64_t now = sheaf_clock_ns();

	io_uring_for_each_cqe(&g->ring, head, cqe)
	{
		ended(g, point, cqe, now, load);
		indices[n++] = (unsigned)cqe->user_data;
	}
	io_uring_cq_advance(&g->ring, n);
	for (; started < n && !load->error; started++) {
		if (sheaf_bench_source_is_over(&g->source, point, now))
			break;
		start(g, point, indices[started], now);
	}
	return n - started;
}

static int run(void *arg, const struct sheaf_bench_point *point, uint64_t ns,
	       struct sheaf_bench_shared *shared)
{
	struct sheaf_bench_generator *g = arg;
	struct sheaf_bench_load *load = &shared->load;
	unsigned in_flight = 0;
	uint64_t began;
	int r = make_buffers(g, point);

	if (r < 0) {
		sheaf_error("the load generator's buffers: %s", strerror(-r));
		return r;
	}
	began = sheaf_clock_ns();
	sheaf_bench_source_begin(&g->source, began, ns);
	for (; in_flight < point->depth; in_flight++) {
		if (in_flight && sheaf_bench_source_is_over(&g->source, point, began))
			break;
		start(g, point, in_flight, began);
	}
	while (in_flight > 0) {
		r = io_uring_submit_and_wait(&g->ring, 1);
		if (r < 0 && r != -EINTR && r != -EAGAIN) {
			sheaf_error("io_uring: %s", strerror(-r));
			return r;
		}
		in_flight -= reap(g, point, load);
	}
	load->ns = sheaf_clock_ns() - began;
	if (load->error)
		sheaf_error("%s: %s", g->path, strerror(load->error));
	return -load->error;
}

const struct sheaf_bench_worker_ops sheaf_bench_load_ops = {
	.begin = begin,
	.run = run,
	.end = end,
};
