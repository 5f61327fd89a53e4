/* SPDX-License-Identifier: MIT */
/* driver_wishes.c - see driver_wishes.h */
#include "host/driver_wishes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int sheaf_wishes_init(struct sheaf_wishes *wishes)
{
	*wishes = (struct sheaf_wishes){ 0 };
	pthread_mutex_init(&wishes->lock, NULL);
	wishes->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wishes->event_fd < 0 ? -errno : 0;
}

void sheaf_wishes_deinit(struct sheaf_wishes *wishes)
{
	if (wishes->event_fd >= 0)
		close(wishes->event_fd);
	free(wishes->replace.command);
	pthread_mutex_destroy(&wishes->lock);
}

void sheaf_wishes_wake(struct sheaf_wishes *wishes)
{
	uint64_t one = 1;

	if (write(wishes->event_fd, &one, sizeof(one)) < 0)
		return; /* full: it is going to wake */
}

int sheaf_wishes_replace(struct sheaf_wishes *wishes, const char *command, const char *why, bool drain)
{
	struct sheaf_wish_replace wish = { .there = true, .drain = drain };
	int r = 0;

	if (command && !(wish.command = strdup(command)))
		return -ENOMEM;
	snprintf(wish.why, sizeof(wish.why), "%s", why ? why : "");
	pthread_mutex_lock(&wishes->lock);
	if (wishes->replace.there)
		r = -EBUSY;
	else
		wishes->replace = wish;
	pthread_mutex_unlock(&wishes->lock);
	if (r < 0)
		free(wish.command);
	sheaf_wishes_wake(wishes);
	return r;
}

bool sheaf_wishes_take_replace(struct sheaf_wishes *wishes, struct sheaf_wish_replace *ret)
{
	pthread_mutex_lock(&wishes->lock);
	*ret = wishes->replace;
	wishes->replace = (struct sheaf_wish_replace){ 0 };
	pthread_mutex_unlock(&wishes->lock);
	return ret->there;
}

int sheaf_wishes_resize(struct sheaf_wishes *wishes, unsigned index, uint64_t bytes, unsigned parts)
{
	sem_t done;
	int r = 0;

	sem_init(&done, 0, 0);
	pthread_mutex_lock(&wishes->lock);
	if (wishes->ended)
		r = -ECANCELED;
	else
		wishes->resize = (struct sheaf_wish_resize){
			.there = true, .index = index, .parts = parts, .bytes = bytes, .done = &done
		};
	pthread_mutex_unlock(&wishes->lock);
	if (r == 0) {
		sheaf_wishes_wake(wishes);
		while (sem_wait(&done) < 0)
			;
		pthread_mutex_lock(&wishes->lock);
		r = wishes->resize.result;
		pthread_mutex_unlock(&wishes->lock);
	}
	sem_destroy(&done);
	return r;
}

bool sheaf_wishes_take_resize(struct sheaf_wishes *wishes, struct sheaf_wish_resize *ret)
{
	pthread_mutex_lock(&wishes->lock);
	*ret = wishes->resize;
	wishes->resize.there = false;
	pthread_mutex_unlock(&wishes->lock);
	return ret->there;
}

void sheaf_wishes_answer_resize(struct sheaf_wishes *wishes, const struct sheaf_wish_resize *wish, int result)
{
	pthread_mutex_lock(&wishes->lock);
	wishes->resize.result = result;
	pthread_mutex_unlock(&wishes->lock);
	sem_post(wish->done);
}

void sheaf_wishes_end(struct sheaf_wishes *wishes)
{
	pthread_mutex_lock(&wishes->lock);
	wishes->ended = true;
	pthread_mutex_unlock(&wishes->lock);
}
