/* SPDX-License-Identifier: MIT */
/**
 * test_store.c - the contract of the stores, with real loops and real files
 *
 * Loop tests run as _i = 0..3: both back ends, each with the image on disk (TMPDIR or /tmp) and in memory
 * (/dev/shm). Where io_uring is forbidden its half passes without a look and says so; what needs root, a tool or
 * a kind of filesystem does so too.
 */
#include "store/store.h"
#include "store/file_store.h"
#include "store/image_lock.h"

#include "base/bits.h"
#include "base/log.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MIB	    (UINT64_C(1) << 20)
#define IMAGE_BYTES (8 * MIB)
#define TURNS_MAX   100000
#define NOT_DONE    1
#define VARIANTS    4

static char folder[128]; /* of this test, gone after it */
static char image[160];
static struct sheaf_loop *loop;
static struct sheaf_store *store;

/* --- helpers --- */

static void skipped(const char *why)
{
	printf("# not looked at: %s\n", why);
}

static void set_folder(const char *parent)
{
	snprintf(folder, sizeof(folder), "%s/test_store.XXXXXX", parent);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(image, sizeof(image), "%s/disk.img", folder);
}

static const char *disk_parent(void)
{
	const char *parent = getenv("TMPDIR");

	return parent && strlen(parent) < 64 ? parent : "/tmp";
}

static void setup_folder(void)
{
	set_folder(disk_parent());
}

static void teardown(void)
{
	char command[160];

	store = sheaf_store_free(store);
	loop = sheaf_loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static void make_image(uint64_t bytes)
{
	int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
}

/* Loop and image folder of variant @i; false where there is no such back end. */
static bool start_loop(int i)
{
	enum sheaf_io_backend backend = i & 1 ? SHEAF_IO_SYNC : SHEAF_IO_URING;
	const char *reason;

	set_folder(i & 2 ? "/dev/shm" : disk_parent());
	if (sheaf_loop_probe(backend, &reason) < 0) {
		skipped(reason);
		return false;
	}
	ck_assert_int_eq(sheaf_loop_create(backend, 16, &loop), 0);
	return true;
}

static int open_with(const struct sheaf_file_store_options *options, struct sheaf_store **ret)
{
	return sheaf_file_store_open(image, options, ret);
}

static void open_store(struct sheaf_file_store_options options)
{
	if (!options.block_size)
		options.block_size = 512;
	ck_assert_int_eq(open_with(&options, &store), 0);
}

static bool start(int i)
{
	if (!start_loop(i))
		return false;
	make_image(IMAGE_BYTES);
	open_store((struct sheaf_file_store_options){ 0 });
	return true;
}

struct test_io {
	struct sheaf_store_io io;
	int result;
	int count;
};

static bool submitting;

static void note_done(struct sheaf_store_io *io, int result)
{
	struct test_io *t = (struct test_io *)io;

	ck_assert(!submitting); /* never from inside the submit */
	t->result = result;
	t->count++;
}

static void begin(struct test_io *t)
{
	t->io.done = note_done;
	t->result = NOT_DONE;
	t->count = 0;
	submitting = true;
	sheaf_store_submit(store, loop, &t->io);
	submitting = false;
}

static int wait_for(struct test_io *t)
{
	for (int i = 0; t->count == 0; i++) {
		ck_assert_int_lt(i, TURNS_MAX);
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	}
	ck_assert_int_eq(t->count, 1);
	return t->result;
}

static int run_io(enum sheaf_store_op op, uint64_t offset, uint64_t length, void *data)
{
	struct test_io t = { .io = { .op = op, .offset = offset, .length = length, .data = data } };

	begin(&t);
	return wait_for(&t);
}

static int run_fua(uint64_t offset, uint64_t length, void *data)
{
	struct test_io t = { .io = { .op = SHEAF_STORE_WRITE,
				     .fua = true,
				     .offset = offset,
				     .length = length,
				     .data = data } };

	begin(&t);
	return wait_for(&t);
}

static void fill(uint8_t *data, uint64_t length, unsigned seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (uint64_t i = 0; i < length; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		data[i] = (uint8_t)x | 1; /* never zero */
	}
}

static bool all_zero(const uint8_t *data, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++) {
		if (data[i])
			return false;
	}
	return true;
}

static uint8_t *new_bytes(uint64_t length)
{
	void *p;

	ck_assert_int_eq(posix_memalign(&p, 4096, length), 0);
	memset(p, 0xee, length);
	return p;
}

/* The file itself, past the store. */
static void read_image(uint64_t offset, uint8_t *data, uint64_t length)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(pread(fd, data, length, (off_t)offset), (ssize_t)length);
	close(fd);
}

static uint64_t image_space(void)
{
	struct stat st;

	ck_assert_int_eq(stat(image, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void fill_store(void)
{
	uint8_t *data = new_bytes(store->size_bytes);

	fill(data, store->size_bytes, 7);
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 0, store->size_bytes, data), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
	free(data);
}

static void check_zero_only(uint64_t offset, uint64_t length)
{
	uint8_t *got = new_bytes(store->size_bytes), *want = new_bytes(store->size_bytes);

	fill(want, store->size_bytes, 7);
	memset(want + offset, 0, length);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, store->size_bytes, got), 0);
	ck_assert_int_eq(memcmp(got, want, store->size_bytes), 0);
	free(got);
	free(want);
}

/* What is said on stderr while @path is opened. */
static int open_and_listen(const char *path, const struct sheaf_file_store_options *options,
			   char *said, size_t size)
{
	struct sheaf_store *opened = NULL;
	int pipe_fds[2], saved = dup(STDERR_FILENO), err;
	ssize_t n;

	ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
	fflush(stderr);
	dup2(pipe_fds[1], STDERR_FILENO);
	err = sheaf_file_store_open(path, options, &opened);
	dup2(saved, STDERR_FILENO);
	n = read(pipe_fds[0], said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(saved);
	if (err)
		ck_assert_ptr_null(opened);
	sheaf_store_free(opened);
	return err;
}

/* --- opening --- */

struct open_row {
	const char *name;
	const char *prepare; /* a shell command, in the folder */
	const char *path;    /* in the folder, or absolute */
	struct sheaf_file_store_options options;
	int want;
	const char *says[3];
};

static const struct open_row open_rows[] = {
	{ "missing",
	  "true",
	  "none.img",
	  { .block_size = 512 },
	  -ENOENT,
	  { "none.img", "sheaf create --size 10G" } },
	{ "missing folder",
	  "true",
	  "no/disk.img",
	  { .block_size = 512 },
	  -ENOENT,
	  { "no/disk.img" } },
	{ "not a folder",
	  "touch f",
	  "f/disk.img",
	  { .block_size = 512 },
	  -ENOTDIR,
	  { "f/disk.img" } },
	{ "folder", "mkdir d", "d", { .block_size = 512 }, -EISDIR, { "is a directory" } },
	{ "fifo",
	  "mkfifo p",
	  "p",
	  { .block_size = 512 },
	  -ENOTSUP,
	  { "is a FIFO", "regular file" } },
	{ "fifo, to read",
	  "mkfifo p",
	  "p",
	  { .block_size = 512, .read_only = true },
	  -ENOTSUP,
	  { "is a FIFO" } },
	{ "socket", "true", "socket", { .block_size = 512 }, -ENOTSUP, { "is a socket" } },
	{ "character device",
	  "true",
	  "/dev/null",
	  { .block_size = 512 },
	  -ENOTSUP,
	  { "character device" } },
	{ "symlink to itself", "ln -s l l", "l", { .block_size = 512 }, -ELOOP, { "l" } },
	{ "empty",
	  "touch e",
	  "e",
	  { .block_size = 512 },
	  -EINVAL,
	  { "is empty", "truncate -s 10G" } },
	{ "odd size",
	  "truncate -s 1000 i",
	  "i",
	  { .block_size = 512 },
	  -EINVAL,
	  { "1000", "512", "truncate -s %512" } },
	{ "odd size, 4096",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 4096 },
	  -EINVAL,
	  { "4608", "4096", "blocks of 512 bytes would do" } },
	{ "no such block size",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 1024 },
	  -EINVAL,
	  { "1024" } },
	{ "odd offset",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 512, .offset_bytes = 100 },
	  -EINVAL,
	  { "100" } },
	{ "offset at the end",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 512, .offset_bytes = 4608 },
	  -EINVAL,
	  { "offset 4608", "4608 bytes" } },
	{ "offset past the end",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 512, .offset_bytes = UINT64_MAX - 511 },
	  -EINVAL,
	  { "not inside" } },
	{ "limit past the end",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 512, .offset_bytes = 512, .sizelimit_bytes = 4608 },
	  -EINVAL,
	  { "4608", "512", "past the end" } },
	{ "huge limit",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 512, .offset_bytes = 512, .sizelimit_bytes = UINT64_MAX - 511 },
	  -EINVAL,
	  { "past the end" } },
	{ "odd limit",
	  "truncate -s 4608 i",
	  "i",
	  { .block_size = 512, .sizelimit_bytes = 1000 },
	  -EINVAL,
	  { "1000", "512" } },
	{ "program that runs",
	  "cp /bin/sleep s; truncate -s %512 s; ./s 30 & echo $! >pid; sleep 0.2",
	  "s",
	  { .block_size = 512 },
	  -ETXTBSY,
	  { "read-only" } },
	{ "one block", "truncate -s 512 i", "i", { .block_size = 512 }, 0, { "" } },
	{ "one block, 4096", "truncate -s 4096 i", "i", { .block_size = 4096 }, 0, { "" } },
	{ "odd tail cut off",
	  "truncate -s 1000 i",
	  "i",
	  { .block_size = 512, .sizelimit_bytes = 512 },
	  0,
	  { "" } },
};

static void make_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/socket", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void run_in_folder(const char *what)
{
	char command[512];

	snprintf(command, sizeof(command), "cd '%s' && { %s; }", folder, what);
	ck_assert_msg(system(command) == 0, "%s", command);
}

START_TEST(open_errors_are_named)
{
	const struct open_row *row = &open_rows[_i];
	char path[256], said[1200];
	int err;

	run_in_folder(row->prepare);
	make_socket();
	snprintf(path, sizeof(path), "%s%s%s", *row->path == '/' ? "" : folder,
		 *row->path == '/' ? "" : "/", row->path);
	err = open_and_listen(path, &row->options, said, sizeof(said));
	run_in_folder("if test -e pid; then kill $(cat pid); fi");
	ck_assert_msg(err == row->want, "%s: %d, not %d: %s", row->name, err, row->want, said);
	for (unsigned i = 0; i < 3 && row->says[i]; i++)
		ck_assert_msg(strstr(said, row->says[i]), "%s: not '%s' in: %s", row->name,
			      row->says[i], said);
	ck_assert_msg(row->want == 0 ? !*said : strstr(said, path) != NULL, "%s: %s", row->name,
		      said);
	if (row->want)
		ck_assert_msg(strchr(said, '\n') == strrchr(said, '\n'), "%s: twice: %s", row->name,
			      said);
}
END_TEST

START_TEST(open_without_permission_is_named)
{
	const struct sheaf_file_store_options options = { .block_size = 512 },
					      automatic = { .block_size = 512,
							    .read_only_auto = true };
	char said[1200];
	pid_t child;
	int status;

	make_image(4096);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		bool ok;

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		chmod(image, 0444);
		ok = open_and_listen(image, &options, said, sizeof(said)) == -EACCES &&
		     strstr(said, "may not write");
		ok = ok && open_and_listen(image, &automatic, said, sizeof(said)) == 0 && !*said;
		_exit(ok ? 0 : 1);
	}
	waitpid(child, &status, 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(chmod(image, 0), 0);
	if (geteuid() == 0) {
		child = fork();
		if (child == 0) {
			if (setuid(65534) < 0)
				_exit(2);
			_exit(open_and_listen(image, &automatic, said, sizeof(said)) == -EACCES &&
					      strstr(said, "may not read")
				      ? 0
				      : 1);
		}
		waitpid(child, &status, 0);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}
END_TEST

START_TEST(read_only_auto_falls_back)
{
	const struct sheaf_file_store_options options = { .block_size = 512,
							  .read_only_auto = true };

	run_in_folder("cp /bin/sleep disk.img; truncate -s %512 disk.img; ./disk.img 30 & echo $! "
		      ">pid; sleep 0.2");
	ck_assert_int_eq(open_with(&options, &store), 0);
	ck_assert(store->read_only);
	ck_assert(!store->can_discard);
	run_in_folder("kill $(cat pid)");
}
END_TEST

START_TEST(immutable_image_is_read_only)
{
	const struct sheaf_file_store_options options = { .block_size = 512,
							  .read_only_auto = true };
	char command[256];
	int err;

	make_image(4096);
	snprintf(command, sizeof(command), "chattr +i '%s' 2>/dev/null", image);
	if (system(command) != 0) {
		skipped("chattr +i is not possible here");
		return;
	}
	err = open_with(&options, &store);
	snprintf(command, sizeof(command), "chattr -i '%s'", image);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(err, 0);
	ck_assert(store->read_only);
}
END_TEST

START_TEST(store_describes_the_image)
{
	make_image(IMAGE_BYTES);
	open_store((struct sheaf_file_store_options){ .block_size = 4096 });
	ck_assert_str_eq(store->name, image);
	ck_assert_uint_eq(store->size_bytes, IMAGE_BYTES);
	ck_assert(!store->read_only);
	ck_assert(!store->direct);
	ck_assert_uint_eq(store->alignment_bytes, 1);
	ck_assert_uint_ge(store->physical_block_bytes, 512);
}
END_TEST

/* --- locks --- */

struct lock_row {
	bool first_read_only, second_read_only, second_shares;
	int want;
};

static const struct lock_row lock_rows[] = {
	{ false, false, false, -EAGAIN }, { false, true, false, -EAGAIN },
	{ true, false, false, -EAGAIN },  { true, true, false, 0 },
	{ false, false, true, 0 },	  { true, false, true, 0 },
};

START_TEST(image_has_one_writer_or_readers)
{
	const struct lock_row *row = &lock_rows[_i];
	struct sheaf_file_store_options options = { .block_size = 512,
						    .read_only = row->second_read_only,
						    .force_share = row->second_shares };
	char said[1200], want[64];

	make_image(4096);
	open_store((struct sheaf_file_store_options){ .read_only = row->first_read_only });
	ck_assert_int_eq(open_and_listen(image, &options, said, sizeof(said)), row->want);
	if (row->want) {
		snprintf(want, sizeof(want), "served already, by pid %d (", (int)getpid());
		ck_assert_msg(strstr(said, want), "%s", said);
	} else {
		ck_assert_str_eq(said, "");
	}
	store = sheaf_store_free(store);
	options.force_share = false;
	ck_assert_int_eq(open_with(&options, &store), 0);
}
END_TEST

START_TEST(forced_share_is_read_only)
{
	make_image(4096);
	open_store((struct sheaf_file_store_options){ .force_share = true });
	ck_assert(store->read_only);
}
END_TEST

START_TEST(holder_in_another_process_is_named)
{
	const struct sheaf_file_store_options options = { .block_size = 512,
							  .read_only_auto = true };
	char said[1200], want[64], byte;
	int ready[2];
	pid_t child;

	make_image(4096);
	ck_assert_int_eq(pipe(ready), 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		open_store((struct sheaf_file_store_options){ 0 });
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(open_and_listen(image, &options, said, sizeof(said)), -EAGAIN);
	snprintf(want, sizeof(want), "by pid %d (", (int)child);
	ck_assert_msg(strstr(said, want), "%s", said);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ck_assert_int_eq(open_with(&options, &store), 0); /* nothing is left behind */
	close(ready[0]);
	close(ready[1]);
}
END_TEST

static bool is_locked(int byte)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
	};
	int fd = open(image, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(fcntl(fd, F_OFD_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}

/* A lock that no process has, as a killed server's while the kernel closes its ring: the file is on its way through a socket. */
static int lock_without_holder(void)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)"f", 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int pair[2], fd = open(image, O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(sheaf_image_lock(fd, image, true), 0);
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(sendmsg(pair[0], &message, 0), 1);
	close(fd);
	close(pair[0]);
	return pair[1]; /* the last that keeps it */
}

static void *close_later(void *socket)
{
	usleep(100000);
	close(*(int *)socket);
	return NULL;
}

START_TEST(lock_of_a_server_that_was_killed_is_waited_for)
{
	pthread_t thread;
	int kept;

	make_image(4096);
	kept = lock_without_holder();
	ck_assert(is_locked(101));
	ck_assert_int_eq(pthread_create(&thread, NULL, close_later, &kept), 0);
	open_store((struct sheaf_file_store_options){ 0 });
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(lock_that_stays_is_an_error)
{
	const struct sheaf_file_store_options options = { .block_size = 512 };
	char said[1200];
	int kept;

	make_image(4096);
	kept = lock_without_holder();
	ck_assert_int_eq(open_and_listen(image, &options, said, sizeof(said)), -EAGAIN);
	ck_assert_msg(strstr(said, "served already, by another process"), "%s", said);
	close(kept);
}
END_TEST

/* qemu-img @what with the image and @last as arguments. */
static bool qemu_img_can(const char *what, const char *last)
{
	char command[512];

	snprintf(command, sizeof(command), "cd '%s' && qemu-img %s '%s' %s >/dev/null 2>&1", folder,
		 what, image, last);
	return system(command) == 0;
}

/* Between raw images QEMU lets writers share, and `info` looks at no lock at all; `convert` wants a still image. */
START_TEST(qemu_sees_the_lock)
{
	make_image(MIB);
	if (!qemu_img_can("convert -f raw -O raw", "copy")) {
		skipped("no qemu-img");
		return;
	}
	open_store((struct sheaf_file_store_options){ 0 });
	ck_assert(!qemu_img_can("convert -f raw -O raw", "copy"));
	ck_assert(qemu_img_can("convert -U -f raw -O raw", "copy"));
	ck_assert(qemu_img_can("info -f raw", ""));
	ck_assert(!qemu_img_can("resize -f raw", "2M"));
	ck_assert(!qemu_img_can("bench -w -c 1 -f raw", ""));
	store = sheaf_store_free(store);
	open_store((struct sheaf_file_store_options){ .read_only = true });
	ck_assert(qemu_img_can("convert -f raw -O raw", "copy"));
	ck_assert(!qemu_img_can("resize -f raw", "2M"));
	ck_assert(!qemu_img_can("bench -w -c 1 -f raw", ""));
	store = sheaf_store_free(store);
	ck_assert(qemu_img_can("bench -w -c 1 -f raw", ""));
	ck_assert(qemu_img_can("resize -f raw", "2M"));
}
END_TEST

static pid_t start_qemu_nbd(void)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		char socket_path[160];

		snprintf(socket_path, sizeof(socket_path), "%s/nbd", folder);
		execlp("qemu-nbd", "qemu-nbd", "-t", "-f", "raw", "-k", socket_path, image,
		       (char *)NULL);
		_exit(127);
	}
	for (int tries = 0; !is_locked(101) && tries < 1000; tries++)
		usleep(10000);
	return child;
}

/* A QEMU program that has the image open for writing. */
START_TEST(lock_of_qemu_is_seen)
{
	const struct sheaf_file_store_options writer = { .block_size = 512 };
	const struct sheaf_file_store_options reader = { .block_size = 512, .read_only = true };
	char said[2][1200];
	int err[2];
	pid_t child;

	make_image(MIB);
	if (system("qemu-nbd --version >/dev/null 2>&1") != 0) {
		skipped("no qemu-nbd");
		return;
	}
	child = start_qemu_nbd();
	err[0] = open_and_listen(image, &writer, said[0], sizeof(said[0]));
	err[1] = open_and_listen(image, &reader, said[1], sizeof(said[1]));
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(err[i], -EAGAIN);
		ck_assert_msg(strstr(said[i], "(qemu-nbd)"), "%s", said[i]);
	}
}
END_TEST

/* --- reading and writing --- */

START_TEST(bytes_are_exact)
{
	static const struct {
		uint64_t offset, length;
	} rows[] = { { 0, 512 },
		     { 512, 512 },
		     { 3584, 1024 },
		     { 4096, 4096 },
		     { 512, MIB },
		     { 5 * MIB, 3 * MIB },
		     { IMAGE_BYTES - 512, 512 },
		     { 0, IMAGE_BYTES } };
	uint8_t *model, *data;

	if (!start(_i))
		return;
	model = new_bytes(IMAGE_BYTES);
	data = new_bytes(IMAGE_BYTES);
	memset(model, 0, IMAGE_BYTES);
	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		fill(model + rows[r].offset, rows[r].length, r);
		ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, rows[r].offset, rows[r].length,
					model + rows[r].offset),
				 0);
		ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, IMAGE_BYTES, data), 0);
		ck_assert_int_eq(memcmp(data, model, IMAGE_BYTES), 0);
		memset(data, 0xee,
		       2 * rows[r].length <= IMAGE_BYTES ? 2 * rows[r].length : IMAGE_BYTES);
		ck_assert_int_eq(run_io(SHEAF_STORE_READ, rows[r].offset, rows[r].length, data), 0);
		ck_assert_int_eq(memcmp(data, model + rows[r].offset, rows[r].length), 0);
		if (rows[r].length < IMAGE_BYTES && r > 0)
			ck_assert_uint_eq(data[rows[r].length], 2 * rows[r].length <= IMAGE_BYTES
									? 0xee
									: data[rows[r].length]);
		read_image(0, data, IMAGE_BYTES);
		ck_assert_int_eq(memcmp(data, model, IMAGE_BYTES), 0);
	}
	free(model);
	free(data);
}
END_TEST

START_TEST(empty_ios_are_done)
{
	if (!start(_i))
		return;
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, IMAGE_BYTES, 0, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 0, 0, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 0, 0, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, 512, 0, NULL), 0);
}
END_TEST

START_TEST(many_ios_at_once)
{
	enum { COUNT = 64 };
	static struct test_io ios[COUNT];
	uint8_t *data, *got;

	if (!start(_i))
		return;
	data = new_bytes(COUNT * 4096);
	got = new_bytes(COUNT * 4096);
	fill(data, COUNT * 4096, 3);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < COUNT; i++) {
			ios[i].io = (struct sheaf_store_io){
				.op = round ? SHEAF_STORE_READ : SHEAF_STORE_WRITE,
				.fua = i % 5 == 0,
				.offset = (COUNT - 1 - i) * 4096,
				.length = 4096,
				.data = (round ? got : data) + (COUNT - 1 - i) * 4096
			};
			begin(&ios[i]);
		}
		for (unsigned i = 0; i < COUNT; i++)
			ck_assert_int_eq(wait_for(&ios[i]), 0);
	}
	ck_assert_int_eq(memcmp(data, got, COUNT * 4096), 0);
	free(data);
	free(got);
}
END_TEST

START_TEST(fua_and_flush_work)
{
	uint8_t *data, *got;

	if (!start(_i))
		return;
	data = new_bytes(MIB);
	got = new_bytes(MIB);
	for (int refused = 0; refused < 2; refused++) {
		((struct sheaf_file_store *)store)->dsync_refused = refused; /* then fdatasync */
		fill(data, MIB, 1 + (unsigned)refused);
		ck_assert_int_eq(run_fua(4096, MIB, data), 0);
		ck_assert_int_eq(run_io(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
		read_image(4096, got, MIB);
		ck_assert_int_eq(memcmp(data, got, MIB), 0);
	}
	free(data);
	free(got);
}
END_TEST

START_TEST(read_only_store_takes_no_writes)
{
	uint8_t data[512] = { 1 };

	if (!start_loop(_i))
		return;
	make_image(4096);
	open_store((struct sheaf_file_store_options){ .read_only = true });
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 0, 512, data), -EROFS);
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, 0, 512, NULL), -EROFS);
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 0, 512, NULL), -EROFS);
	ck_assert_int_eq(run_io(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, 512, data), 0);
	ck_assert(all_zero(data, 512));
}
END_TEST

START_TEST(part_of_an_image)
{
	uint8_t *data, *got;

	if (!start_loop(_i))
		return;
	make_image(IMAGE_BYTES);
	open_store((struct sheaf_file_store_options){ .offset_bytes = 63 * 512,
						      .sizelimit_bytes = MIB });
	ck_assert_uint_eq(store->size_bytes, MIB);
	ck_assert_uint_eq(63 * 512 % store->physical_block_bytes, 0);
	data = new_bytes(IMAGE_BYTES);
	got = new_bytes(MIB);
	fill(got, MIB, 9);
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 0, MIB, got), 0);
	read_image(0, data, IMAGE_BYTES);
	ck_assert(all_zero(data, 63 * 512));
	ck_assert_int_eq(memcmp(data + 63 * 512, got, MIB), 0);
	ck_assert(all_zero(data + 63 * 512 + MIB, IMAGE_BYTES - 63 * 512 - MIB));
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, MIB - 512, 512, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 0, 1024, NULL), 0);
	memset(got, 0, 1024);
	memset(got + MIB - 512, 0, 512);
	read_image(63 * 512, data, MIB);
	ck_assert_int_eq(memcmp(data, got, MIB), 0);
	store = sheaf_store_free(store);
	open_store((struct sheaf_file_store_options){ .offset_bytes = 63 * 512 });
	ck_assert_uint_eq(store->size_bytes, IMAGE_BYTES - 63 * 512);
	free(data);
	free(got);
}
END_TEST

static int keep(enum sheaf_store_note note, const char *text)
{
	struct test_io t = { .io = { .data = (char *)(uintptr_t)text, .length = strlen(text), .done = note_done },
			     .result = NOT_DONE };

	submitting = true;
	sheaf_store_keep(store, note, loop, &t.io);
	submitting = false;
	return wait_for(&t);
}

static bool is_kept(enum sheaf_store_note note, const char *text)
{
	char got[64];
	int n = sheaf_store_kept(store, note, got, sizeof(got));

	return n == (int)strlen(text) && memcmp(got, text, strlen(text)) == 0;
}

/* The names are those that images out there have. */
START_TEST(notes_are_attributes_of_the_image)
{
	char got[16];

	if (!start(_i))
		return;
	if (setxattr(image, "user.test", "x", 1, 0) < 0) {
		skipped("this filesystem has no extended attributes of users");
		return;
	}
	ck_assert_int_eq(sheaf_store_kept(store, SHEAF_NOTE_RESERVATIONS, got, sizeof(got)), 0);
	ck_assert_int_eq(keep(SHEAF_NOTE_RESERVATIONS, "one two three"), 0);
	ck_assert_int_eq(keep(SHEAF_NOTE_UNFINISHED, "sanitize"), 0);
	ck_assert(is_kept(SHEAF_NOTE_RESERVATIONS, "one two three"));
	ck_assert_int_eq(sheaf_store_kept(store, SHEAF_NOTE_RESERVATIONS, got, 12), -E2BIG);
	ck_assert_int_eq(getxattr(image, "user.sheaf.reservations", got, sizeof(got)), 13);
	ck_assert_int_eq(getxattr(image, "user.sheaf.unfinished", got, sizeof(got)), 8);
	ck_assert_mem_eq(got, "sanitize", 8);
	ck_assert_int_eq(keep(SHEAF_NOTE_RESERVATIONS, ""), 0);
	ck_assert_int_eq(keep(SHEAF_NOTE_RESERVATIONS, ""), 0); /* there is none any more */
	ck_assert_int_eq(getxattr(image, "user.sheaf.reservations", got, sizeof(got)), -1);
	store = sheaf_store_free(store);
	/* Each part of an image has its own; a read-only one is read. */
	open_store((struct sheaf_file_store_options){ .offset_bytes = 4096 });
	ck_assert_int_eq(sheaf_store_kept(store, SHEAF_NOTE_UNFINISHED, got, sizeof(got)), 0);
	ck_assert_int_eq(keep(SHEAF_NOTE_UNFINISHED, "format"), 0);
	ck_assert_int_eq(getxattr(image, "user.sheaf.unfinished.4096", got, sizeof(got)), 6);
	store = sheaf_store_free(store);
	open_store((struct sheaf_file_store_options){ .read_only = true });
	ck_assert(is_kept(SHEAF_NOTE_UNFINISHED, "sanitize"));
}
END_TEST

START_TEST(image_cut_behind_our_back_is_an_error)
{
	uint8_t *data;

	if (!start(_i))
		return;
	data = new_bytes(MIB);
	fill_store();
	ck_assert_int_eq(truncate(image, 4096 + 100), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, 4096, data), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, MIB, data), -EIO);
	/* In a page that is there in part: a mapping learns of the cut only past that page. */
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 4096, 512, data), -EIO);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 2 * MIB, MIB, data), -EIO);
	ck_assert_int_eq(run_io(SHEAF_STORE_STATUS, 2 * MIB, MIB, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 2 * MIB, 512, data), 0); /* it grows again */
	free(data);
}
END_TEST

/* --- discard, zero, status --- */

START_TEST(discard_makes_a_hole)
{
	uint64_t before;

	if (!start(_i))
		return;
	fill_store();
	before = image_space();
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, MIB, 4 * MIB, NULL), 0);
	check_zero_only(MIB, 4 * MIB);
	if (store->can_discard)
		ck_assert_uint_le(image_space(), before - 4 * MIB + 65536);
	else
		skipped("the filesystem has no holes");
}
END_TEST

START_TEST(discard_of_odd_ranges_reads_as_zeros)
{
	if (!start(_i))
		return;
	fill_store();
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 512, 9 * 512, NULL), 0);
	check_zero_only(512, 9 * 512);
}
END_TEST

START_TEST(zero_keeps_the_space)
{
	uint64_t before;

	if (!start(_i))
		return;
	fill_store();
	before = image_space();
	for (int twice = 0; twice < 2; twice++) { /* the second time what is refused is known */
		ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, MIB + 512, 2 * MIB + 512, NULL), 0);
		check_zero_only(MIB + 512, 2 * MIB + 512);
	}
	ck_assert_uint_ge(image_space() + 65536, before);
}
END_TEST

static struct test_io status_of(uint64_t offset, uint64_t length)
{
	struct test_io t = {
		.io = { .op = SHEAF_STORE_STATUS, .offset = offset, .length = length }
	};

	begin(&t);
	ck_assert_int_eq(wait_for(&t), 0);
	return t;
}

static void check_status(uint64_t offset, uint64_t length, bool hole, uint64_t bytes)
{
	struct test_io t = status_of(offset, length);

	ck_assert_msg(t.io.extent_hole == hole && t.io.extent_bytes == bytes,
		      "%llu+%llu: %s of %llu, not %s of %llu", (unsigned long long)offset,
		      (unsigned long long)length, t.io.extent_hole ? "hole" : "data",
		      (unsigned long long)t.io.extent_bytes, hole ? "hole" : "data",
		      (unsigned long long)bytes);
}

/* Data in [2 MiB, 3 MiB), else holes. */
static void check_statuses(void)
{
	uint8_t *data = new_bytes(MIB);

	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 2 * MIB, MIB, data), 0);
	check_status(0, IMAGE_BYTES, true, 2 * MIB);
	check_status(512, 1024, true, 1024);
	check_status(2 * MIB - 512, MIB, true, 512);
	check_status(2 * MIB, IMAGE_BYTES - 2 * MIB, false, MIB);
	check_status(2 * MIB + 512, 512, false, 512);
	check_status(3 * MIB - 512, MIB, false, 512);
	check_status(3 * MIB, 5 * MIB, true, 5 * MIB);
	check_status(IMAGE_BYTES - 512, 512, true, 512);
	free(data);
}

START_TEST(status_tells_data_from_holes)
{
	if (!start(_i))
		return;
	if (!store->can_discard) {
		skipped("the filesystem has no holes");
		return;
	}
	check_statuses();
}
END_TEST

/* Mount @type in the folder and let the image be there. False where that is not allowed. */
static bool mount_small(const char *type, const char *options, char mount_point[160])
{
	snprintf(mount_point, 160, "%s/small", folder);
	ck_assert_int_eq(mkdir(mount_point, 0700), 0);
	if (mount(type, mount_point, type, 0, options) < 0) {
		skipped("mounting a small filesystem needs root");
		return false;
	}
	snprintf(image, sizeof(image), "%.120s/small/disk.img", folder);
	return true;
}

START_TEST(full_filesystem_is_reported)
{
	char mount_point[160];
	uint8_t *data;
	int err[3];

	if (!start_loop(_i) || !mount_small("tmpfs", "size=1m", mount_point))
		return;
	make_image(IMAGE_BYTES);
	open_store((struct sheaf_file_store_options){ 0 });
	data = new_bytes(2 * MIB);
	fill(data, 2 * MIB, 1);
	err[0] = run_io(SHEAF_STORE_WRITE, 0, 2 * MIB, data);
	err[1] = run_io(SHEAF_STORE_DISCARD, 0, IMAGE_BYTES, NULL);
	err[2] = run_io(SHEAF_STORE_WRITE, 4 * MIB, MIB / 2, data); /* there is room again */
	store = sheaf_store_free(store);
	ck_assert_int_eq(umount2(mount_point, MNT_DETACH), 0);
	free(data);
	ck_assert_int_eq(err[0], -ENOSPC);
	ck_assert_int_eq(err[1], 0);
	ck_assert_int_eq(err[2], 0);
}
END_TEST

/* ramfs has neither holes nor zero ranges. */
START_TEST(zeros_are_written_where_fallocate_is_refused)
{
	char mount_point[160];

	if (!start_loop(_i) || !mount_small("ramfs", NULL, mount_point))
		return;
	make_image(IMAGE_BYTES);
	open_store((struct sheaf_file_store_options){ 0 });
	ck_assert_int_eq(umount2(mount_point, MNT_DETACH), 0); /* it goes with the last close */
	ck_assert(!store->can_discard);
	fill_store();
	for (int twice = 0; twice < 2; twice++) {
		ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, MIB - 512, 3 * MIB, NULL), 0);
		check_zero_only(MIB - 512, 3 * MIB);
	}
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, MIB - 512, 4 * MIB, NULL), 0);
	check_zero_only(MIB - 512, 4 * MIB);
	check_status(512, MIB, false, MIB);
}
END_TEST

/* --- direct I/O --- */

static void check_direct_io(void)
{
	uint8_t *data = new_bytes(MIB + 4096), *got = new_bytes(MIB + 4096);
	static const unsigned shifts[] = { 0, 1, 512, 3 };

	for (unsigned i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		uint8_t *from = data + shifts[i], *to = got + shifts[i];

		fill(from, MIB, i + 20);
		ck_assert_int_eq(i % 2 ? run_fua(4096, MIB, from)
				       : run_io(SHEAF_STORE_WRITE, 4096, MIB, from),
				 0);
		memset(got, 0xee, MIB + 4096);
		ck_assert_int_eq(run_io(SHEAF_STORE_READ, 4096, MIB, to), 0);
		ck_assert_int_eq(memcmp(from, to, MIB), 0);
		ck_assert_uint_eq(to[MIB], 0xee);
	}
	free(data);
	free(got);
}

START_TEST(direct_io_takes_any_pointer)
{
	const struct sheaf_file_store_options options = { .block_size = 4096,
							  .direct = SHEAF_DIRECT_ON };
	uint8_t *data;
	int err;

	if (!start_loop(_i))
		return;
	make_image(IMAGE_BYTES);
	err = open_with(&options, &store);
	if (err == -EINVAL) {
		skipped("no direct I/O here");
		return;
	}
	ck_assert_int_eq(err, 0);
	ck_assert(store->direct);
	check_direct_io();
	fill_store();
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, MIB, 2 * MIB + 4096, NULL), 0);
	check_zero_only(MIB, 2 * MIB + 4096);
	ck_assert_int_eq(truncate(image, 8192 + 100), 0);
	data = new_bytes(MIB);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, MIB, data), -EIO);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 2 * MIB, 4096, data), -EIO);
	free(data);
}
END_TEST

START_TEST(direct_io_that_cannot_be_is_refused)
{
	const struct sheaf_file_store_options options = { .block_size = 512,
							  .direct = SHEAF_DIRECT_ON,
							  .offset_bytes = 512 };
	char said[1200];
	int err;

	make_image(IMAGE_BYTES);
	err = open_and_listen(image, &options, said, sizeof(said));
	if (err == 0)
		skipped("this filesystem does direct I/O of 512 bytes");
	else
		ck_assert_msg(err == -EINVAL && strstr(said, "direct I/O is not possible: "), "%s",
			      said);
}
END_TEST

/* Attach the image to a free loop device; -1 where that is not allowed. The device goes with the last close. */
static int attach_loop_device(char device[32])
{
	struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, fd, backing;

	if (control < 0)
		return -1;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(device, 32, "/dev/loop%d", number);
	fd = number < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
	backing = open(image, O_RDWR | O_CLOEXEC);
	if (fd >= 0 &&
	    (ioctl(fd, LOOP_SET_FD, backing) < 0 || ioctl(fd, LOOP_SET_STATUS64, &info) < 0)) {
		close(fd);
		fd = -1;
	}
	close(backing);
	return fd;
}

START_TEST(block_device_is_a_store)
{
	char device[32], file[160];
	int fd;

	if (!start_loop(_i))
		return;
	make_image(IMAGE_BYTES);
	fd = attach_loop_device(device);
	if (fd < 0) {
		skipped("no loop device to be had");
		return;
	}
	strcpy(file, image);
	strcpy(image, device);
	open_store((struct sheaf_file_store_options){ .block_size = 4096 });
	ck_assert_uint_eq(store->size_bytes, IMAGE_BYTES);
	check_direct_io();
	fill_store();
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, MIB, MIB, NULL), 0);
	check_zero_only(MIB, MIB);
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, MIB, 2 * MIB, NULL), 0);
	check_zero_only(MIB, 2 * MIB);
	ck_assert_uint_gt(status_of(0, IMAGE_BYTES).io.extent_bytes, 0);
	store = sheaf_store_free(store);
	close(fd);
}
END_TEST

START_TEST(device_of_large_blocks_is_direct_where_they_fit)
{
	struct sheaf_file_store_options options = { .block_size = 512, .direct = SHEAF_DIRECT_ON };
	char device[32], said[1200];
	int fd, err;

	make_image(IMAGE_BYTES);
	fd = attach_loop_device(device);
	if (fd < 0 || ioctl(fd, LOOP_SET_BLOCK_SIZE, 4096) < 0) {
		skipped("no loop device with blocks of 4096 bytes to be had");
		if (fd >= 0)
			close(fd);
		return;
	}
	err = open_and_listen(device, &options, said, sizeof(said));
	strcpy(image, device);
	open_store((struct sheaf_file_store_options){ .block_size = 512 });
	ck_assert(!store->direct);
	store = sheaf_store_free(store);
	open_store((struct sheaf_file_store_options){ .block_size = 4096 });
	ck_assert(store->direct);
	ck_assert_uint_eq(store->alignment_bytes, 4096);
	ck_assert_uint_eq(store->physical_block_bytes, 4096);
	store = sheaf_store_free(store);
	close(fd);
	ck_assert_int_eq(err, -EINVAL);
	ck_assert_msg(strstr(said, "direct I/O is not possible: it would need larger blocks"), "%s",
		      said);
}
END_TEST

START_TEST(mounted_device_is_not_written)
{
	const struct sheaf_file_store_options options = { .block_size = 512,
							  .read_only_auto = true };
	char device[32], said[1200], command[256], mount_point[160];
	int fd, err;

	make_image(IMAGE_BYTES);
	snprintf(command, sizeof(command), "mkfs.ext4 -q -O ^has_journal '%s' >/dev/null 2>&1",
		 image);
	snprintf(mount_point, sizeof(mount_point), "%s/m", folder);
	ck_assert_int_eq(mkdir(mount_point, 0700), 0);
	fd = system(command) == 0 ? attach_loop_device(device) : -1;
	if (fd < 0 || mount(device, mount_point, "ext4", 0, NULL) < 0) {
		skipped("a loop mount is not possible here");
		if (fd >= 0)
			close(fd);
		return;
	}
	err = open_and_listen(device, &options, said, sizeof(said));
	umount2(mount_point, MNT_DETACH);
	close(fd);
	ck_assert_int_eq(err, -EBUSY);
	ck_assert_msg(strstr(said, "the device is in use"), "%s", said);
}
END_TEST

/* --- memory and null --- */

static bool start_memory(int i, uint64_t size)
{
	if (!start_loop(i))
		return false;
	ck_assert_int_eq(sheaf_memory_store_create(size, &store), 0);
	return true;
}

START_TEST(memory_keeps_bytes)
{
	uint8_t *data;

	if (!start_memory(_i, IMAGE_BYTES))
		return;
	fill_store();
	data = new_bytes(IMAGE_BYTES);
	fill(data, IMAGE_BYTES, 7);
	ck_assert_int_eq(memcmp(sheaf_memory_store_bytes(store), data, IMAGE_BYTES), 0);
	free(data);
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 512, 9 * 512, NULL), 0);
	check_zero_only(512, 9 * 512);
}
END_TEST

START_TEST(memory_knows_its_holes)
{
	if (!start_memory(_i, IMAGE_BYTES))
		return;
	check_statuses();
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 2 * MIB + 512, 8192, NULL), 0);
	check_status(2 * MIB, MIB, false, 4096);
	check_status(2 * MIB + 4096, MIB, true, 4096);
	check_status(2 * MIB + 8192, MIB, false, MIB - 8192);
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, 0, 512, NULL), 0);
	check_status(0, MIB, false, 4096);
}
END_TEST

START_TEST(memory_of_odd_size)
{
	uint8_t data[512];

	if (!start_memory(_i, 4096 + 512))
		return;
	memset(data, 5, sizeof(data));
	check_status(4096, 512, true, 512);
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, 4096, 512, data), 0);
	check_status(0, 4608, true, 4096);
	check_status(4096, 512, false, 512);
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 4096, 512, NULL), 0);
	check_status(0, 4608, true, 4608);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 4096, 512, data), 0);
	ck_assert(all_zero(data, 512));
}
END_TEST

START_TEST(huge_memory_costs_nothing)
{
	uint8_t data[512] = { 3 };
	uint64_t size = UINT64_C(1) << 40;
	int err;

	if (!start_loop(_i))
		return;
	err = sheaf_memory_store_create(size, &store);
	if (err == -ENOMEM) {
		skipped("a limit on addresses (ulimit -v, or a sanitizer's)");
		return;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_WRITE, size - 512, 512, data), 0);
	ck_assert_uint_eq(sheaf_memory_store_bytes(store)[size - 512], 3);
}
END_TEST

START_TEST(null_forgets)
{
	uint8_t *data;

	if (!start_loop(_i))
		return;
	ck_assert_int_eq(sheaf_null_store_create(IMAGE_BYTES, &store), 0);
	data = new_bytes(MIB);
	ck_assert_int_eq(run_fua(0, MIB, data), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_READ, 0, MIB, data), 0);
	ck_assert(all_zero(data, MIB));
	ck_assert_int_eq(run_io(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_DISCARD, 0, MIB, NULL), 0);
	ck_assert_int_eq(run_io(SHEAF_STORE_ZERO, 0, MIB, NULL), 0);
	check_status(512, MIB, true, MIB);
	free(data);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name, SFun setup)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return tc;
}

static void add_open_tests(Suite *suite)
{
	TCase *tc = new_case(suite, "open", setup_folder);

	tcase_add_loop_test(tc, open_errors_are_named, 0, sizeof(open_rows) / sizeof(open_rows[0]));
	tcase_add_test(tc, open_without_permission_is_named);
	tcase_add_test(tc, read_only_auto_falls_back);
	tcase_add_test(tc, immutable_image_is_read_only);
	tcase_add_test(tc, store_describes_the_image);
	tcase_add_test(tc, direct_io_that_cannot_be_is_refused);
	tcase_add_test(tc, device_of_large_blocks_is_direct_where_they_fit);
	tcase_add_test(tc, mounted_device_is_not_written);
	tc = new_case(suite, "lock", setup_folder);
	tcase_add_loop_test(tc, image_has_one_writer_or_readers, 0,
			    sizeof(lock_rows) / sizeof(lock_rows[0]));
	tcase_add_test(tc, forced_share_is_read_only);
	tcase_add_test(tc, holder_in_another_process_is_named);
	tcase_add_test(tc, lock_of_a_server_that_was_killed_is_waited_for);
	tcase_add_test(tc, lock_that_stays_is_an_error);
	tcase_add_test(tc, qemu_sees_the_lock);
	tcase_add_test(tc, lock_of_qemu_is_seen);
}

static Suite *store_suite(void)
{
	const TTest *const file_tests[] = {
		bytes_are_exact,
		empty_ios_are_done,
		many_ios_at_once,
		fua_and_flush_work,
		read_only_store_takes_no_writes,
		part_of_an_image,
		notes_are_attributes_of_the_image,
		image_cut_behind_our_back_is_an_error,
		discard_makes_a_hole,
		discard_of_odd_ranges_reads_as_zeros,
		zero_keeps_the_space,
		status_tells_data_from_holes,
		full_filesystem_is_reported,
		zeros_are_written_where_fallocate_is_refused,
		direct_io_takes_any_pointer,
		block_device_is_a_store,
	};
	const TTest *const memory_tests[] = { memory_keeps_bytes, memory_knows_its_holes,
					      memory_of_odd_size, huge_memory_costs_nothing,
					      null_forgets };
	Suite *suite = suite_create("store");
	TCase *tc;

	add_open_tests(suite);
	tc = new_case(suite, "file", NULL);
	for (unsigned i = 0; i < sizeof(file_tests) / sizeof(file_tests[0]); i++)
		tcase_add_loop_test(tc, file_tests[i], 0, VARIANTS);
	tc = new_case(suite, "memory", NULL);
	for (unsigned i = 0; i < sizeof(memory_tests) / sizeof(memory_tests[0]); i++)
		tcase_add_loop_test(tc, memory_tests[i], 0, 2);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(store_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
