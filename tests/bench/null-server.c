/* SPDX-License-Identifier: MIT */
/**
 * null-server.c - the least that a FUSE-over-io_uring server can do: the measure of what the kernel's path allows
 *
 * MOUNTPOINT/disk is --size bytes of memory; READ and WRITE are a memcpy() (with --null not even that). No SCSI, no
 * slots, no engine. libfuse mounts, answers FUSE_INIT and all that is not READ or WRITE; the hot path is a ring of
 * our own in each thread.
 *
 *   1. The kernel has a queue for each possible CPU. Queue q is thread q % threads's; with more threads than
 *      queues, thread t has a share of the entries of queue t % queues.
 *   2. A turn is one io_uring_enter: take all requests that are there, answer each with COMMIT_AND_FETCH (answer and
 *      next request in one), submit once.
 *   3. FUSE_INIT, FORGET, INTERRUPT and the end of the connection come through /dev/fuse, which main() reads.
 *
 * Source of layouts and protocol: Linux 6.18, include/uapi/linux/fuse.h (struct fuse_uring_req_header and the like,
 * ours in src/fuse/kernel.h), fs/fuse/dev_uring.c; Documentation/filesystems/fuse-io-uring.rst.
 */
#include "fuse/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <getopt.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/counter.h"

#define MAX_WRITE      (1024u * 1024) /* 256 pages */
#define MAX_BACKGROUND 1024
#define DEFAULT_DEPTH  64
#define THREADS_MAX    256
#define DEPTH_MAX      1024
#define NODE_DISK      2
#define FIXED_BYTES    256 /* fuse_in_header and the operation's structure, at most */

struct entry {
	alignas(64) struct sheaf_uring_headers headers;
	uint8_t *payload;
	struct iovec iov[SHEAF_URING_IOVECS];
	struct sheaf_uring_command command;
	struct worker *worker;
};

struct worker {
	pthread_t thread;
	unsigned index;
	struct io_uring ring;
	struct entry *entries;
	unsigned entry_count;
	uint8_t *cold;			   /* a request for libfuse, in one piece */
	_Atomic uint64_t requests, enters; /* W: the thread; R: main() */
};

static struct {
	unsigned threads, depth, queues;
	bool pin, null;
	uint64_t size;
	uint8_t *memory;
	struct fuse_session *session;
	int fd;
	struct worker workers[THREADS_MAX];
} server;

/* Whose request libfuse answers right now; NULL: /dev/fuse's. */
static _Thread_local struct entry *cold_entry;
static _Thread_local bool answering_init;

/* What libfuse answers: one file with a size */

static void fill_stat(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){
		.st_ino = ino, .st_nlink = 1, .st_mode = S_IFDIR | 0755, .st_blksize = 4096
	};
	if (ino == NODE_DISK) {
		st->st_mode = S_IFREG | 0644;
		st->st_size = (off_t)server.size;
		st->st_blocks = (blkcnt_t)(server.size / 512);
	}
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_write = MAX_WRITE;
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = MAX_BACKGROUND * 3 / 4;
	conn->want |= conn->capable &
		      (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS);
	conn->want &= ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
				  FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ |
				  FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = NODE_DISK,
				      .attr_timeout = 3600,
				      .entry_timeout = 3600 };

	if (parent != FUSE_ROOT_ID || strcmp(name, "disk") != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill_stat(NODE_DISK, &e.attr);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill_stat(ino, &st);
	fuse_reply_attr(req, &st, 3600);
}

/* Taken and forgotten, as with O_TRUNC of a disk. */
static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	(void)attr, (void)to_set;
	op_getattr(req, ino, fi);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	/* libfuse 3.14 has no field for FOPEN_PARALLEL_DIRECT_WRITES. */
	struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES };

	(void)ino, (void)fi;
	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.open = op_open,
};

/* The hot path */

static void prepare(struct entry *entry, uint32_t operation)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&entry->worker->ring);

	assert(sqe);			  /* there is one for each entry */
	memset(sqe, 0, 2 * sizeof(*sqe)); /* SQE128 */
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = server.fd;
	sqe->cmd_op = operation;
	if (operation == SHEAF_URING_REGISTER) {
		sqe->addr = (uintptr_t)entry->iov;
		sqe->len = SHEAF_URING_IOVECS;
	}
	memcpy(sqe->cmd, &entry->command, sizeof(entry->command));
	io_uring_sqe_set_data(sqe, entry);
}

static void answer(struct entry *entry, int error, uint32_t payload_bytes)
{
	const struct fuse_in_header *in = (const void *)entry->headers.in_out;
	const struct fuse_out_header out = {
		.len = (uint32_t)sizeof(out) + payload_bytes,
		.error = error,
		.unique = in->unique,
	};

	entry->command.commit_id = entry->headers.entry.commit_id;
	memcpy(entry->headers.in_out, &out, sizeof(out));
	entry->headers.entry.payload_bytes = payload_bytes;
	entry->headers.entry.flags = 0;
	prepare(entry, SHEAF_URING_COMMIT_AND_FETCH);
}

static void serve_read(struct entry *entry)
{
	const struct fuse_read_in *in = (const void *)entry->headers.operation;
	uint64_t left = in->offset < server.size ? server.size - in->offset : 0;
	uint32_t n = in->size < left ? in->size : (uint32_t)left;

	if (!server.null)
		memcpy(entry->payload, server.memory + in->offset, n);
	answer(entry, 0, n);
}

static void serve_write(struct entry *entry)
{
	const struct fuse_write_in *in = (const void *)entry->headers.operation;
	struct fuse_write_out out = { .size = in->size };

	if (in->offset > server.size || in->size > server.size - in->offset) {
		answer(entry, -ENOSPC, 0);
		return;
	}
	if (!server.null)
		memcpy(server.memory + in->offset, entry->payload, in->size);
	memcpy(entry->payload, &out, sizeof(out));
	answer(entry, 0, sizeof(out));
}

/* In one piece for libfuse: header, fixed structure, payload. Its reply comes out of reply_writev(). */
static void serve_cold(struct entry *entry)
{
	const struct fuse_in_header *in = (const void *)entry->headers.in_out;
	uint8_t *cold = entry->worker->cold;
	uint32_t payload = entry->headers.entry.payload_bytes;
	struct fuse_buf buffer = { .size = in->len, .mem = cold };

	if (payload > MAX_WRITE || in->len < sizeof(*in) + payload ||
	    in->len - sizeof(*in) - payload > sizeof(entry->headers.operation)) {
		answer(entry, -EIO, 0);
		return;
	}
	size_t fixed = in->len - sizeof(*in) - payload;

	memcpy(cold, in, sizeof(*in));
	memcpy(cold + sizeof(*in), entry->headers.operation, fixed);
	memcpy(cold + sizeof(*in) + fixed, entry->payload, payload);
	cold_entry = entry;
	fuse_session_process_buf(server.session, &buffer);
	if (cold_entry)
		answer(entry, -ENOSYS, 0);
	cold_entry = NULL;
}

static void serve(struct entry *entry)
{
	const struct fuse_in_header *in = (const void *)entry->headers.in_out;

	sheaf_count_add(&entry->worker->requests, 1);
	if (in->opcode == FUSE_READ)
		serve_read(entry);
	else if (in->opcode == FUSE_WRITE)
		serve_write(entry);
	else
		serve_cold(entry);
}

/* All requests that are there; false at the end of the connection. */
static bool serve_all(struct worker *worker)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;
	bool alive = true;

	io_uring_for_each_cqe(&worker->ring, head, cqe)
	{
		if (cqe->res == 0)
			serve(io_uring_cqe_get_data(cqe));
		else if (alive) {
			if (cqe->res != -ENOTCONN && cqe->res != -ECANCELED && cqe->res != -ENODEV)
				fprintf(stderr, "null-server: ring: %s\n", strerror(-cqe->res));
			alive = false;
		}
		n++;
	}
	io_uring_cq_advance(&worker->ring, n);
	return alive;
}

static int make_ring(struct worker *worker)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
		.cq_entries = worker->entry_count * 2,
	};

	return io_uring_queue_init_params(worker->entry_count, &worker->ring, &params);
}

static void place(const struct worker *worker)
{
	const struct sched_param priority = { 0 };
	cpu_set_t cpus;

	/* No wake-up preemption, so that a burst is there as a whole when we look. */
	if (sched_setscheduler(0, SCHED_BATCH, &priority) < 0)
		perror("null-server: SCHED_BATCH");
	if (!server.pin)
		return;
	CPU_ZERO(&cpus);
	CPU_SET(worker->index % server.queues, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		perror("null-server: --pin");
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	int r = make_ring(worker);

	place(worker);
	if (r < 0) {
		fprintf(stderr, "null-server: io_uring: %s\n", strerror(-r));
		exit(1); /* a queue without entries would block every request */
	}
	for (unsigned i = 0; i < worker->entry_count; i++)
		prepare(&worker->entries[i], SHEAF_URING_REGISTER);
	do {
		r = io_uring_submit_and_wait(&worker->ring, 1);
		sheaf_count_add(&worker->enters, 1);
	} while ((r >= 0 || r == -EINTR) && serve_all(worker));
	return NULL;
}

/* Mount, FUSE_INIT, /dev/fuse */

/* libfuse's replies: to the ring entry of this thread's request, or to the device. */
static ssize_t reply_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	struct entry *entry = cold_entry;
	size_t length = 0;

	(void)userdata;
	if (answering_init && count == 2 && iov[1].iov_len == sizeof(struct fuse_init_out)) {
		struct fuse_init_out *init = iov[1].iov_base;

		init->flags |= FUSE_INIT_EXT;
		init->flags2 |= SHEAF_FLAGS2_OVER_IO_URING;
	}
	if (!entry)
		return writev(fd, iov, count);
	for (int i = 1; i < count; i++) {
		memcpy(entry->payload + length, iov[i].iov_base, iov[i].iov_len);
		length += iov[i].iov_len;
	}
	cold_entry = NULL; /* answered */
	answer(entry, out->error, (uint32_t)length);
	return (ssize_t)(sizeof(*out) + length);
}

static ssize_t refuse_read(int fd, void *buffer, size_t length, void *userdata)
{
	(void)fd, (void)buffer, (void)length, (void)userdata;
	errno = EINVAL;
	return -1;
}

static bool offers_uring(const uint8_t *message)
{
	const struct fuse_init_in *init = (const void *)(message + sizeof(struct fuse_in_header));

	return init->flags & FUSE_INIT_EXT && init->flags2 & SHEAF_FLAGS2_OVER_IO_URING;
}

/* One request from /dev/fuse. Returns its opcode, 0: none, or -errno. */
static int serve_device(uint8_t *message)
{
	const struct fuse_in_header *in = (const void *)message;
	ssize_t n = read(server.fd, message, MAX_WRITE + FIXED_BYTES);
	struct fuse_buf buffer = { .size = (size_t)n, .mem = message };

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOENT ? 0 : -errno;
	if (in->opcode == FUSE_INTERRUPT) {
		/* The kernel then sends no more. */
		struct fuse_out_header out = { sizeof(out), -ENOSYS, in->unique };

		return write(server.fd, &out, sizeof(out)) < 0 ? -errno : FUSE_INTERRUPT;
	}
	answering_init = in->opcode == FUSE_INIT;
	if (answering_init && !offers_uring(message)) {
		fprintf(stderr, "null-server: FUSE-over-io_uring is off: "
				"echo Y > /sys/module/fuse/parameters/enable_uring\n");
		return -EOPNOTSUPP;
	}
	fuse_session_process_buf(server.session, &buffer);
	answering_init = false;
	return (int)in->opcode;
}

static int mount_at(const char *mountpoint)
{
	static const struct fuse_custom_io io = { .writev = reply_writev, .read = refuse_read };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	if (fuse_opt_add_arg(&args, "null-server") < 0 ||
	    fuse_opt_add_arg(&args, "-ofsname=null-server,subtype=null-server") < 0)
		return -ENOMEM;
	server.session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	fuse_opt_free_args(&args);
	if (!server.session || fuse_session_mount(server.session, mountpoint) < 0)
		return -EIO; /* libfuse said why */
	server.fd = fuse_session_fd(server.session);
	if (fcntl(server.fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return fuse_session_custom_io(server.session, &io, server.fd);
}

/* Until the end of the connection or a signal. */
static int run_device(int signals, void (*after_init)(void))
{
	struct pollfd fds[] = { { server.fd, POLLIN, 0 }, { signals, POLLIN, 0 } };
	uint8_t *message = malloc(MAX_WRITE + FIXED_BYTES);
	int r = message ? 0 : -ENOMEM;

	while (r >= 0 && poll(fds, 2, -1) >= 0 && !fds[1].revents) {
		r = serve_device(message);
		if (r == FUSE_INIT)
			after_init();
	}
	free(message);
	return r == -ENODEV || r >= 0 ? 0 : r;
}

/* Threads and their entries */

/* Queues are numbered by possible CPU, online or not: num_possible_cpus(). */
static unsigned possible_cpus(void)
{
	FILE *in = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned first, last = 0;

	if (in) {
		if (fscanf(in, "%u-%u", &first, &last) != 2)
			last = 0;
		fclose(in);
	}
	return last + 1;
}

static void *map(size_t bytes, int flags)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
			-1, 0);

	if (at == MAP_FAILED) {
		fprintf(stderr, "null-server: no memory for %zu bytes\n", bytes);
		exit(1);
	}
	return at;
}

static void make_worker(unsigned index)
{
	struct worker *worker = &server.workers[index];
	unsigned sharers = (server.threads + server.queues - 1) / server.queues; /* (1) */
	unsigned depth = (server.depth + sharers - 1) / sharers;
	unsigned queues = 0;

	worker->index = index;
	for (unsigned q = index % server.queues; q < server.queues; q += server.threads)
		queues++;
	worker->entry_count = queues * depth;
	worker->entries = map(worker->entry_count * sizeof(struct entry), MAP_POPULATE);
	worker->cold = map(MAX_WRITE + FIXED_BYTES, MAP_NORESERVE);
	for (unsigned i = 0; i < worker->entry_count; i++) {
		struct entry *entry = &worker->entries[i];

		entry->worker = worker;
		entry->payload = map(MAX_WRITE, MAP_NORESERVE);
		entry->iov[0] = (struct iovec){ &entry->headers, sizeof(entry->headers) };
		entry->iov[1] = (struct iovec){ entry->payload, MAX_WRITE };
		entry->command.queue_id =
			(uint16_t)(index % server.queues + i % queues * server.threads);
	}
}

static void start_workers(void)
{
	for (unsigned i = 0; i < server.threads; i++) {
		int r = pthread_create(&server.workers[i].thread, NULL, run_worker,
				       &server.workers[i]);

		if (r != 0) {
			fprintf(stderr, "null-server: thread: %s\n", strerror(r));
			exit(1);
		}
	}
}

static void print_counters(void)
{
	uint64_t requests = 0, enters = 0;

	for (unsigned i = 0; i < server.threads; i++) {
		requests += sheaf_count_get(&server.workers[i].requests);
		enters += sheaf_count_get(&server.workers[i].enters);
	}
	printf("requests %lu, io_uring_enter calls %lu\n", requests, enters);
}

static uint64_t parse_size(const char *text)
{
	static const char units[] = "kmgt";
	char *end;
	uint64_t n = strtoull(text, &end, 0);
	const char *unit = *end ? strchr(units, *end | 0x20) : NULL;

	return unit ? n << 10 * (unit - units + 1) : *end ? 0 : n;
}

static void usage(void)
{
	fprintf(stderr, "usage: null-server [--threads=N] [--pin] [--null] [--depth=N] "
			"--size=BYTES MOUNTPOINT\n"
			"  --threads  default: one for each possible CPU\n"
			"  --pin      each thread on the CPU of its queue\n"
			"  --null     data is neither read nor written\n"
			"  --depth    requests at a time on each CPU's queue, default 64\n");
	exit(2);
}

static const char *parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "threads", required_argument, NULL, 't' },
		{ "pin", no_argument, NULL, 'p' },
		{ "null", no_argument, NULL, 'n' },
		{ "depth", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ 0 },
	};
	int c;

	server.queues = possible_cpus();
	server.threads = server.queues;
	server.depth = DEFAULT_DEPTH;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			server.threads = (unsigned)parse_size(optarg);
		else if (c == 'p')
			server.pin = true;
		else if (c == 'n')
			server.null = true;
		else if (c == 'd')
			server.depth = (unsigned)parse_size(optarg);
		else if (c == 's')
			server.size = parse_size(optarg);
		else
			usage();
	}
	if (server.size == 0 || server.threads < 1 || server.threads > THREADS_MAX ||
	    server.depth < 1 || server.depth > DEPTH_MAX || optind != argc - 1)
		usage();
	return argv[optind];
}

int main(int argc, char **argv)
{
	const char *mountpoint = parse(argc, argv);
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Populated: a page that nobody wrote would be read out of the cache of one zero page. */
	if (!server.null)
		server.memory = map(server.size, MAP_POPULATE);
	for (unsigned i = 0; i < server.threads; i++)
		make_worker(i);
	r = mount_at(mountpoint);
	if (r == 0)
		r = run_device(signalfd(-1, &set, SFD_CLOEXEC), start_workers);
	if (r < 0)
		fprintf(stderr, "null-server: %s\n", strerror(-r));
	if (server.session)
		fuse_session_unmount(server.session);
	print_counters();
	return r < 0;
}
