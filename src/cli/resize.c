/* SPDX-License-Identifier: MIT */
/* resize.c - see resize.h */
#include "cli/resize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/engine.h"
#include "cli/engine_process.h"
#include "fuse/resize.h"
#include "host/drain.h"
#include "seam/channel.h"

/* Tasks that are out have deadlines and steps after them; who still holds one then does not let go. */
#define DRAIN_MS 120000

/* One resize, while it runs. */
struct job {
	struct sheaf_resize *resize;
	struct sheaf_engine *engine;
	struct sheaf_resize_wish wish;
	struct sheaf_disk_file *file;
	struct sheaf_store *store; /* the host's: has the image open */
	uint64_t before, after;	   /* bytes of the disk */
	uint64_t image;		   /* bytes that the image has for it */
	char message[SHEAF_RESIZE_MESSAGE];
};

/* Return: @error, with the reason for the asker. */
__attribute__((format(printf, 3, 4))) static int refuse(struct job *j, int error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(j->message, sizeof(j->message), format, list);
	va_end(list);
	return error;
}

static const char *name_of(const struct job *j)
{
	return j->file->image;
}

/* --- what may be --- */

static int find_disk(struct job *j)
{
	struct sheaf_disks *disks = &j->engine->fuse->disks;

	if (j->wish.index >= disks->count)
		return refuse(j, -ENOENT, "there is no disk %u", j->wish.index);
	j->file = &disks->files[j->wish.index];
	if (j->wish.index >= j->engine->images->count)
		return refuse(j, -EOPNOTSUPP,
			      "%s: its driver has a medium of its own, whose size is not sheaf's to change", name_of(j));
	j->store = j->engine->images->stores[j->wish.index];
	j->before = sheaf_disk_size(j->file);
	if (j->engine->process && !sheaf_life_can_resize(j->engine->process->life))
		return refuse(j, -EOPNOTSUPP,
			      "%s: its driver does not know how to change a size; serve the image anew for another one",
			      name_of(j));
	return 0;
}

static int check_rights(struct job *j)
{
	if (j->file->unit.read_only || j->store->read_only)
		return refuse(j, -EROFS,
			      "%s: is served read-only, so its size stays; mount it for writing first", name_of(j));
	if (j->engine->options->sizelimit)
		return refuse(j, -EOPNOTSUPP,
			      "%s: is served with --sizelimit, so its end is not the image's; mount it with another limit",
			      name_of(j));
	return 0;
}

static int measure(struct job *j)
{
	int r = sheaf_file_store_measure(j->store, &j->image);

	if (r < 0)
		return refuse(j, r, "%s: its size cannot be read: %s", name_of(j), strerror(-r));
	j->after = j->wish.bytes ? j->wish.bytes : j->image;
	if (!sheaf_file_store_is_device(j->store))
		return 0;
	if (!j->wish.bytes)
		j->after -= j->after % j->file->unit.block_size;
	if (j->after > j->image || j->after < j->image - j->image % j->file->unit.block_size)
		return refuse(j, -ENOTTY,
			      "%s: is a device of %" PRIu64
			      " bytes, and its size is the disk's; resize the device, then: sheaf resize DIR, without a size",
			      name_of(j), j->image);
	return 0;
}

static int check_size(struct job *j)
{
	uint32_t block = j->file->unit.block_size;

	if (j->after == 0 || j->after % block)
		return refuse(j, -EINVAL, "%s: %" PRIu64 " bytes are not a multiple of a block, %" PRIu32 " bytes",
			      name_of(j), j->after, block);
	if (j->after < j->before && !j->wish.force)
		return refuse(j, -EPERM,
			      "%s: has %" PRIu64 " bytes; with %" PRIu64
			      ", what is beyond them is lost; first shrink what is on the disk, then say --force",
			      name_of(j), j->before, j->after);
	if (j->after < j->image && j->after >= j->before && !j->wish.force &&
	    !sheaf_file_store_is_device(j->store))
		return refuse(j, -EPERM,
			      "%s: the image has %" PRIu64
			      " bytes for the disk, more than that; without a size the disk takes them all, with --force the image is cut",
			      name_of(j), j->image);
	return 0;
}

static int check(struct job *j)
{
	int r = find_disk(j);

	if (r == 0)
		r = check_rights(j);
	if (r == 0)
		r = measure(j);
	return r < 0 ? r : check_size(j);
}

/* --- the parts --- */

static int cut_image(struct job *j, uint64_t bytes)
{
	int r;

	if (bytes == j->image || sheaf_file_store_is_device(j->store))
		return 0;
	r = sheaf_file_store_cut_image(j->store, bytes);
	if (r == 0)
		j->image = bytes;
	else if (r == -EFBIG || r == -EINVAL)
		refuse(j, r, "%s: its filesystem has no files of that size: %" PRIu64 " bytes for the disk", name_of(j),
		       bytes);
	else if (r == -ENOSPC || r == -EDQUOT)
		refuse(j, r, "%s: no space for %" PRIu64 " bytes; make room where the image is", name_of(j), bytes);
	else
		refuse(j, r, "%s: the image cannot be given another size: %s", name_of(j), strerror(-r));
	return r;
}

/* @parts: SHEAF_RESIZE_*, of the process that has store and LU. */
static int set_parts(struct job *j, uint64_t bytes, unsigned parts)
{
	unsigned i = j->wish.index;
	int r = 0;

	if (parts & SHEAF_RESIZE_STORE)
		r = sheaf_store_set_size(j->store, bytes);
	if (r == 0 && j->engine->process)
		r = sheaf_life_resize(j->engine->process->life, i, bytes, parts);
	else if (r == 0 && parts & SHEAF_RESIZE_LU)
		r = sheaf_lu_resize(j->engine->images->lus[i], bytes / j->file->unit.block_size);
	if (r == -EBUSY)
		return refuse(j, r,
			      "%s: is being formatted, sanitized or tested (a self-test in the background); try again "
			      "after that",
			      name_of(j));
	if (r == -EOPNOTSUPP)
		return refuse(j, r, "%s: its driver does not know how to change a size", name_of(j));
	if (r < 0)
		return refuse(j, r, "%s: the logical unit takes no other size: %s", name_of(j), strerror(-r));
	return 0;
}

static int grow(struct job *j)
{
	uint64_t image = j->image;
	int r = cut_image(j, j->after);

	if (r < 0)
		return r;
	r = set_parts(j, j->after, SHEAF_RESIZE_STORE | SHEAF_RESIZE_LU);
	if (r < 0) {
		sheaf_store_set_size(j->store, j->before);
		if (j->image != image)
			(void)sheaf_file_store_cut_image(j->store, image);
		return r;
	}
	sheaf_disk_set_size(&j->engine->fuse->disks, j->file, j->after);
	sheaf_disk_tell(j->engine->fuse, j->file, j->before);
	return 0;
}

static bool is_over(void *arg)
{
	return atomic_load(&((struct job *)arg)->engine->fuse->ended);
}

static int drain(struct job *j)
{
	int r = sheaf_host_drain(j->engine->host, DRAIN_MS, is_over, j);

	if (r == -ETIMEDOUT)
		refuse(j, r, "%s: the driver does not let go of a task; see: sheaf why DIR", name_of(j));
	else if (r < 0)
		refuse(j, r, "%s: %s", name_of(j), strerror(-r));
	return r;
}

/* Requests past the new end are refused, and those that had begun are over. */
static int shrink_held(struct job *j)
{
	int r = set_parts(j, j->after, SHEAF_RESIZE_LU);

	if (r < 0)
		return r;
	r = drain(j);
	if (r == 0)
		r = set_parts(j, j->after, SHEAF_RESIZE_STORE);
	if (r == 0)
		r = cut_image(j, j->after);
	if (r < 0) {
		char message[sizeof(j->message)];

		memcpy(message, j->message, sizeof(message));
		set_parts(j, j->before, SHEAF_RESIZE_STORE | SHEAF_RESIZE_LU);
		memcpy(j->message, message, sizeof(message));
	}
	return r;
}

static int shrink(struct job *j)
{
	struct sheaf_disks *disks = &j->engine->fuse->disks;
	struct sheaf_disk_hold hold;
	int r;

	sheaf_disk_set_size(disks, j->file, j->after);
	sheaf_disk_enter(j->file, &hold, j->after, j->before);
	r = shrink_held(j);
	if (r < 0)
		sheaf_disk_set_size(disks, j->file, j->before);
	sheaf_disk_leave(j->file, &hold);
	sheaf_disk_tell(j->engine->fuse, j->file, j->after);
	return r;
}

static int run(struct job *j)
{
	int r = check(j);

	if (r < 0)
		return r;
	if (j->after == j->before)
		return cut_image(j, j->after);
	r = j->after > j->before ? grow(j) : shrink(j);
	if (r == 0)
		sheaf_info("%s: %" PRIu64 " bytes, %" PRIu64 " before", name_of(j), j->after, j->before);
	return r;
}

static void *resize_main(void *arg)
{
	struct sheaf_resize *resize = arg;
	struct job j = { .resize = resize, .engine = resize->engine };
	int r;

	pthread_setname_np(pthread_self(), "sheaf-resize");
	pthread_mutex_lock(&resize->lock);
	j.wish = resize->wish;
	pthread_mutex_unlock(&resize->lock);
	r = run(&j);
	if (r < 0)
		sheaf_warning("resize: %s", j.message);
	pthread_mutex_lock(&resize->lock);
	resize->running = false;
	resize->result = r;
	memcpy(resize->message, j.message, sizeof(resize->message));
	pthread_mutex_unlock(&resize->lock);
	return NULL;
}

/* --- what others call --- */

void sheaf_resize_init(struct sheaf_resize *resize, struct sheaf_engine *engine)
{
	memset(resize, 0, sizeof(*resize));
	pthread_mutex_init(&resize->lock, NULL);
	resize->engine = engine;
}

void sheaf_resize_end(struct sheaf_resize *resize)
{
	bool has_thread;

	pthread_mutex_lock(&resize->lock);
	has_thread = resize->has_thread;
	resize->has_thread = false;
	pthread_mutex_unlock(&resize->lock);
	if (has_thread)
		pthread_join(resize->thread, NULL);
}

#define WORD "resize "

bool sheaf_resize_is_meant(const char *text)
{
	return strncmp(text, WORD, sizeof(WORD) - 1) == 0;
}

static int parse(const char *text, struct sheaf_resize_wish *ret)
{
	int end = -1;

	*ret = (struct sheaf_resize_wish){ 0 };
	if (sscanf(text, WORD "%" SCNu64 " %u %" SCNu64 "%n", &ret->ticket, &ret->index, &ret->bytes, &end) != 3 ||
	    end < 0 || ret->bytes > INT64_MAX)
		return -EINVAL;
	ret->force = strcmp(text + end, " force") == 0;
	return ret->force || !text[end] ? 0 : -EINVAL;
}

/* Lock held. */
static int start(struct sheaf_resize *resize, const struct sheaf_resize_wish *wish)
{
	int r;

	if (resize->running)
		return -EBUSY;
	if (atomic_load(&resize->engine->fuse->ended))
		return -ECANCELED;
	if (resize->has_thread)
		pthread_join(resize->thread, NULL); /* it has ended but for its return */
	resize->wish = *wish;
	resize->message[0] = '\0';
	r = -pthread_create(&resize->thread, NULL, resize_main, resize);
	resize->has_thread = resize->running = r == 0;
	resize->result = r;
	return r;
}

int sheaf_resize_begin(struct sheaf_resize *resize, const char *text)
{
	struct sheaf_resize_wish wish;
	int r = parse(text, &wish);

	if (r < 0)
		return r;
	pthread_mutex_lock(&resize->lock);
	r = start(resize, &wish);
	pthread_mutex_unlock(&resize->lock);
	return r;
}

void sheaf_resize_look(struct sheaf_resize *resize, struct sheaf_resize_info *ret)
{
	pthread_mutex_lock(&resize->lock);
	ret->ticket = resize->wish.ticket;
	ret->state = resize->running	  ? "running"
		     : !resize->has_thread ? "none"
		     : resize->result == 0 ? "done"
					   : "failed";
	memcpy(ret->message, resize->message, sizeof(ret->message));
	pthread_mutex_unlock(&resize->lock);
}
