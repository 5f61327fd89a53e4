/* SPDX-License-Identifier: MIT */
/**
 * file_map.h - an image in memory (tmpfs), mapped: transfers are copies and not system calls
 *
 * A read of a hole through a mapping would give it a page. So a map knows which pages the file has, a bit each, and
 * copies only where all of them are there; everywhere else the caller makes its system call, and tells what it learnt.
 *
 *   1. A bit is set: the page is there, unless somebody else took it away (2, 3).
 *   2. Who makes holes clears the bits first (clear_begin()), and none is set until it has ended (clear_end()). Who sets
 *      bits looks at `clears` before it finds out about the pages (watch()), sets them, and takes them back if `clears`
 *      has changed meanwhile. A copy that looked at the bits just before goes on beside the hole being made, as a
 *      write() would: at worst a page of the hole comes back, with zeros or what was written. Never other data.
 *   3. Processes that do not keep the lock may cut the file: a page that is past the end ends the copy (guarded_copy.h),
 *      the caller's system call says what is wrong, and from then on there are only such. A cut inside a page leaves the
 *      rest of that page as zeros and takes writes that go nowhere, until settle() finds it.
 *   4. The kernel does not set the file's times for a mapping: settle() does.
 *   5. The store may grow and shrink (set_end()). Address space and bits are taken for a larger one than there is: past the file's end a page
 *      cannot be had, and has no bit.
 *
 * All offsets are bytes from the start of the file. Thread: any, also at the same time, but for create and free.
 */
#ifndef SHEAF_FILE_MAP_H
#define SHEAF_FILE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sheaf_file_map;

/**
 * sheaf_file_map_create() - map [@offset, @offset + @bytes) of @fd
 * @fd: on tmpfs or ramfs, stays open as long as the map; open for writing if @writable.
 * Return: 0, or -errno: there will be no map (also -EOPNOTSUPP: not in this build). Nothing is reported here.
 */
int sheaf_file_map_create(int fd, uint64_t offset, uint64_t bytes, bool writable,
			  struct sheaf_file_map **ret_map);
/** Settles and unmaps; NULL is allowed. Returns NULL. */
struct sheaf_file_map *sheaf_file_map_free(struct sheaf_file_map *map);

/**
 * sheaf_file_map_read(), sheaf_file_map_write() - copy, if all pages are known to be there
 * Return: true: done; false: the caller has to do it, all of it (at a write the file may have a part already).
 */
bool sheaf_file_map_read(struct sheaf_file_map *map, uint64_t offset, void *data, size_t length);
bool sheaf_file_map_write(struct sheaf_file_map *map, uint64_t offset, const void *data,
			  size_t length);

/** Before a write() of the caller's: what sheaf_file_map_wrote() wants to know. */
uint64_t sheaf_file_map_watch(const struct sheaf_file_map *map);
/** The file has the bytes now, and so their pages. */
void sheaf_file_map_wrote(struct sheaf_file_map *map, uint64_t watched, uint64_t offset,
			  size_t length);
/**
 * The caller read there: a good moment to look which pages there are. Fewer looks on holes.
 * Return: how many system calls that took, 0 or 1.
 */
unsigned sheaf_file_map_look(struct sheaf_file_map *map, uint64_t offset, size_t length);

/** Before pages of the range are given back, and after it (also if it failed). They come in pairs, and may overlap. */
void sheaf_file_map_clear_begin(struct sheaf_file_map *map, uint64_t offset, uint64_t length);
void sheaf_file_map_clear_end(struct sheaf_file_map *map);

/**
 * sheaf_file_map_set_end() - the store ends at @end from now on, and the file not before that
 * What lies beyond the address space that was taken at the beginning is left to the caller's system calls. No access of the part
 * that goes or comes is in flight.
 */
void sheaf_file_map_set_end(struct sheaf_file_map *map, uint64_t end);

/** At a flush: the file's times, if something was written here. 0, or -EIO: the file was cut, and writes may be lost. */
int sheaf_file_map_settle(struct sheaf_file_map *map);
/** Nobody works now: settle, and let go of all pages; the file keeps them. */
void sheaf_file_map_trim(struct sheaf_file_map *map);

#endif
