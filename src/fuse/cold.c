/* SPDX-License-Identifier: MIT */
/*
 * cold.c - what libfuse serves for us: names, attributes, directories, the .sheaf/ files
 *
 * Rare, so a mutex in the disks is fine. Thread: the loop whose device the request came from; each operation replies
 * before it returns.
 */
#include "fuse/fuse.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/bits.h"
#include "fuse/node.h"
#include "host/trace_reader.h"

#define FOREVER_SECONDS 86400.0
/* Bytes of a command. */
#define CONTROL_MAX 4000

/* An open .sheaf file is a snapshot. */
struct snapshot {
	size_t length;
	char *text;
	atomic_uint users; /* the open file, and each read: the file may be closed before its reply has returned here */
};

static void snapshot_put(struct snapshot *snapshot)
{
	if (atomic_fetch_sub(&snapshot->users, 1) > 1)
		return;
	free(snapshot->text);
	free(snapshot);
}

static struct sheaf_fuse *fuse_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void cold_init(void *userdata, struct fuse_conn_info *conn)
{
	const struct sheaf_fuse *fuse = userdata;

	conn->max_write = SHEAF_MAX_WRITE;
	/* What the kernel queues as background: our slots take no more at a time. */
	conn->max_background = (unsigned)fuse->host->slots;
	conn->congestion_threshold = conn->max_background * 3 / 4;
	conn->want |= conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS);
	conn->want &= ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
				  FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ |
				  FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static void cold_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct sheaf_disks *disks = &fuse_of(req)->disks;
	struct fuse_entry_param e = { .attr_timeout = 1.0, .entry_timeout = FOREVER_SECONDS };

	e.ino = sheaf_disks_lookup(disks, parent, name);
	if (!e.ino || !sheaf_disks_stat(disks, e.ino, &e.attr))
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void cold_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (sheaf_disks_stat(&fuse_of(req)->disks, ino, &st))
		fuse_reply_attr(req, &st, 1.0);
	else
		fuse_reply_err(req, ENOENT);
}

/* Lock held. */
static void set_times(struct sheaf_disks *disks, unsigned i, const struct stat *attr, int to_set)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (to_set & FUSE_SET_ATTR_ATIME)
		disks->atime[i] = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		disks->atime[i] = now;
	if (to_set & FUSE_SET_ATTR_MTIME)
		disks->mtime[i] = attr->st_mtim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		disks->mtime[i] = now;
	disks->ctime[i] = now;
}

/*
 * A disk's size stays. open(O_TRUNC) arrives as a size of 0 without a file handle and is ignored, as a block device
 * does; the size that it has may be "set"; all else is refused.
 */
static bool size_may_be_set(const struct sheaf_disk_file *file, const struct stat *attr, bool by_handle)
{
	return (uint64_t)attr->st_size == sheaf_disk_size(file) || (attr->st_size == 0 && !by_handle);
}

static void cold_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
			 struct fuse_file_info *fi)
{
	struct sheaf_disks *disks = &fuse_of(req)->disks;
	const struct sheaf_disk_file *file = sheaf_disks_find(disks, ino);
	struct stat st;

	/* A shell's > truncates what it writes to. */
	if (ino == SHEAF_NODE_COMMAND && to_set == FUSE_SET_ATTR_SIZE && attr->st_size == 0) {
		sheaf_disks_stat(disks, ino, &st);
		fuse_reply_attr(req, &st, 1.0);
		return;
	}
	if (!file) {
		fuse_reply_err(req, EPERM);
		return;
	}
	if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		fuse_reply_err(req, EPERM); /* options of the mount: mode=, uid=, gid= */
		return;
	}
	if (to_set & FUSE_SET_ATTR_SIZE && !size_may_be_set(file, attr, fi != NULL)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	pthread_mutex_lock(&disks->lock);
	set_times(disks, (unsigned)(file - disks->files), attr, to_set);
	pthread_mutex_unlock(&disks->lock);
	sheaf_disks_stat(disks, ino, &st);
	fuse_reply_attr(req, &st, 1.0);
}

static void reply_open(fuse_req_t req, uint64_t fh, uint32_t flags)
{
	/* libfuse 3.14 has no field for FOPEN_PARALLEL_DIRECT_WRITES. */
	struct fuse_open_out out = { .fh = fh, .open_flags = flags };

	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static void open_disk(fuse_req_t req, const struct sheaf_disk_file *file,
		      const struct fuse_file_info *fi)
{
	if (file->unit.read_only && (fi->flags & O_ACCMODE) != O_RDONLY)
		fuse_reply_err(req, EROFS);
	else
		reply_open(req, 0,
			   fuse_of(req)->cache ? FOPEN_KEEP_CACHE :
						 FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES);
}

/* A stream: what comes next, wherever the reader thinks that it is. The kernel lets in whom the mode does. */
static void open_record(fuse_req_t req)
{
	struct sheaf_fuse *fuse = fuse_of(req);
	const struct sheaf_unit *units[SHEAF_LUNS_MAX];
	struct sheaf_unit *now = calloc(fuse->disks.count, sizeof(*now));
	struct sheaf_trace_reader *reader;
	int r;

	if (!now) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (unsigned i = 0; i < fuse->disks.count; i++) {
		now[i] = fuse->disks.files[i].unit;
		now[i].blocks = sheaf_disk_blocks(&fuse->disks.files[i]);
		units[i] = &now[i];
	}
	r = sheaf_trace_open(fuse->host, units, fuse->disks.count, &reader);
	free(now);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		reply_open(req, (uintptr_t)reader, FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE | FOPEN_STREAM);
}

/* Nothing of the reader is touched after the reply: the file may be closed then. */
static void read_record(fuse_req_t req, size_t size, struct sheaf_trace_reader *reader)
{
	/* Not of malloc(): for so much it maps memory anew each time, whose faults are longer than the copy. */
	void *buffer = sheaf_session_scratch();
	ssize_t n = sheaf_trace_read(reader, buffer, size);

	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
}

static char *make_text(const struct sheaf_fuse *fuse, fuse_ino_t ino, size_t *ret_length)
{
	switch (ino) {
	case SHEAF_NODE_METRICS:
		return fuse->make_metrics(fuse->stats_arg, ret_length);
	case SHEAF_NODE_WHY:
		return fuse->make_why(fuse->stats_arg, ret_length);
	default:
		return fuse->make_stats(fuse->stats_arg, ret_length);
	}
}

static void open_node(fuse_req_t req)
{
	struct sheaf_node_handle *handle = sheaf_node_open(fuse_of(req));

	/* In parallel, or a command that takes long would hold the reset that is to end it. */
	if (handle)
		reply_open(req, (uintptr_t)handle, FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES);
	else
		fuse_reply_err(req, ENOMEM);
}

static void cold_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sheaf_fuse *fuse = fuse_of(req);
	const struct sheaf_disk_file *file = sheaf_disks_find(&fuse->disks, ino);
	struct snapshot *snapshot;

	if (file) {
		open_disk(req, file, fi);
		return;
	}
	if (sheaf_disks_find_sg(&fuse->disks, ino)) {
		open_node(req);
		return;
	}
	if ((fi->flags & O_ACCMODE) != (ino == SHEAF_NODE_COMMAND ? O_WRONLY : O_RDONLY)) {
		fuse_reply_err(req, EACCES);
		return;
	}
	if (ino == SHEAF_NODE_COMMAND) {
		reply_open(req, 0, FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE);
		return;
	}
	if (ino == SHEAF_NODE_RECORD) {
		open_record(req);
		return;
	}
	snapshot = malloc(sizeof(*snapshot));
	if (snapshot)
		snapshot->text = make_text(fuse, ino, &snapshot->length);
	if (!snapshot || !snapshot->text) {
		free(snapshot);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	atomic_init(&snapshot->users, 1);
	reply_open(req, (uintptr_t)snapshot, FOPEN_DIRECT_IO);
}

static void cold_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		      struct fuse_file_info *fi)
{
	struct snapshot *snapshot = (struct snapshot *)(uintptr_t)fi->fh;

	if (ino == SHEAF_NODE_RECORD) {
		read_record(req, size, (struct sheaf_trace_reader *)(uintptr_t)fi->fh);
		return;
	}
	if (!sheaf_control_find(ino)) {
		fuse_reply_err(req, EIO); /* disk reads are hot */
		return;
	}
	atomic_fetch_add(&snapshot->users, 1);
	if (offset < 0 || (uint64_t)offset >= snapshot->length)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, snapshot->text + offset,
			       sheaf_min64(size, snapshot->length - (uint64_t)offset));
	snapshot_put(snapshot);
}

/* One write is one command; a newline at its end is not part of it. */
static void cold_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	struct sheaf_fuse *fuse = fuse_of(req);
	char text[CONTROL_MAX + 1];
	int r;

	(void)offset, (void)fi;
	if (ino != SHEAF_NODE_COMMAND || !fuse->control) {
		fuse_reply_err(req, ino == SHEAF_NODE_COMMAND ? EOPNOTSUPP : EIO);
		return;
	}
	if (size > CONTROL_MAX || memchr(data, '\0', size)) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	r = fuse->control(fuse->stats_arg, text);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_write(req, size);
}

static void cold_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct snapshot *snapshot = (struct snapshot *)(uintptr_t)fi->fh;

	if (ino == SHEAF_NODE_RECORD && fi->fh)
		sheaf_trace_close((struct sheaf_trace_reader *)(uintptr_t)fi->fh);
	else if (sheaf_control_find(ino) && snapshot)
		snapshot_put(snapshot);
	else if (sheaf_disks_find_sg(&fuse_of(req)->disks, ino))
		sheaf_node_close(fuse_of(req), (struct sheaf_node_handle *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

/*
 * Not for disks, which have their own. If these were not served, libfuse would answer ENOSYS, and the kernel would then
 * never again send the operation for any file of the mount: who had once closed stats.json had no FLUSH of the disks any more.
 */
static void cold_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

static void cold_fsync(fuse_req_t req, fuse_ino_t ino, int only_data, struct fuse_file_info *fi)
{
	(void)only_data;
	cold_flush(req, ino, fi);
}

static void cold_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			   struct fuse_file_info *fi)
{
	(void)ino, (void)mode, (void)offset, (void)length, (void)fi;
	fuse_reply_err(req, EOPNOTSUPP);
}

static void cold_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
		       struct fuse_file_info *fi)
{
	(void)ino, (void)offset, (void)whence, (void)fi;
	fuse_reply_err(req, EINVAL);
}

struct listing {
	fuse_req_t req;
	char *buffer;
	size_t size, used;
	off_t skip, index;
};

/* False when the buffer is full. */
static bool list(struct listing *l, const char *name, uint64_t node, mode_t type)
{
	struct stat st = { .st_ino = node, .st_mode = type };
	size_t n;

	if (l->index++ < l->skip)
		return true;
	n = fuse_add_direntry(l->req, l->buffer + l->used, l->size - l->used, name, &st, l->index);
	if (n > l->size - l->used)
		return false;
	l->used += n;
	return true;
}

static void list_root(struct listing *l, const struct sheaf_disks *disks)
{
	char name[32];

	if (!list(l, ".", SHEAF_NODE_ROOT, S_IFDIR) || !list(l, "..", SHEAF_NODE_ROOT, S_IFDIR) ||
	    !list(l, ".sheaf", SHEAF_NODE_CONTROL, S_IFDIR))
		return;
	for (unsigned i = 0; i < disks->count; i++) {
		sheaf_disks_name(disks, i, name);
		if (!list(l, name, SHEAF_NODE_DISK0 + i, S_IFREG))
			return;
	}
}

static void list_control(struct listing *l, const struct sheaf_disks *disks)
{
	char name[32];

	if (!list(l, ".", SHEAF_NODE_CONTROL, S_IFDIR) || !list(l, "..", SHEAF_NODE_ROOT, S_IFDIR))
		return;
	for (unsigned i = 0; i < SHEAF_CONTROL_FILES; i++)
		if (!list(l, sheaf_control_files[i].name, sheaf_control_files[i].node, S_IFREG))
			return;
	for (unsigned i = 0; i < disks->count; i++) {
		snprintf(name, sizeof(name), "sg%u", i);
		if (!list(l, name, SHEAF_NODE_SG0 + i, S_IFREG))
			return;
	}
}

static void cold_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
			 struct fuse_file_info *fi)
{
	struct listing l = { .req = req, .size = size, .skip = offset };

	(void)fi;
	if (ino != SHEAF_NODE_ROOT && ino != SHEAF_NODE_CONTROL) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	l.buffer = malloc(size);
	if (!l.buffer) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (ino == SHEAF_NODE_ROOT)
		list_root(&l, &fuse_of(req)->disks);
	else
		list_control(&l, &fuse_of(req)->disks);
	fuse_reply_buf(req, l.buffer, l.used);
	free(l.buffer);
}

static void cold_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct sheaf_disks *disks = &fuse_of(req)->disks;
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };

	(void)ino;
	for (unsigned i = 0; i < disks->count; i++)
		st.f_blocks += sheaf_disk_size(&disks->files[i]) / st.f_frsize;
	st.f_files = 2 * disks->count + 1 + SHEAF_CONTROL_FILES; /* and .sheaf */
	fuse_reply_statfs(req, &st);
}

/* Names are fixed: nothing is made, removed or renamed here. */
static void cold_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, sheaf_disks_lookup(&fuse_of(req)->disks, parent, name) ? EPERM : ENOENT);
}

static void cold_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to,
			const char *to_name, unsigned flags)
{
	(void)to, (void)to_name, (void)flags;
	cold_unlink(req, parent, name);
}

static void cold_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	fuse_reply_err(req, EPERM);
}

static void cold_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	fuse_reply_err(req, EPERM);
}

const struct fuse_lowlevel_ops sheaf_cold_ops = {
	.init = cold_init,
	.lookup = cold_lookup,
	.getattr = cold_getattr,
	.setattr = cold_setattr,
	.open = cold_open,
	.read = cold_read,
	.write = cold_write,
	.release = cold_release,
	.flush = cold_flush,
	.fsync = cold_fsync,
	.fallocate = cold_fallocate,
	.lseek = cold_lseek,
	.readdir = cold_readdir,
	.statfs = cold_statfs,
	.unlink = cold_unlink,
	.rmdir = cold_unlink,
	.rename = cold_rename,
	.mknod = cold_mknod,
	.mkdir = cold_mkdir,
};
