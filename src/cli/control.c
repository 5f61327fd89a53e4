/* SPDX-License-Identifier: MIT */
/* control.c - see control.h */
#include "cli/control.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/served.h"

#define ANSWER_SECONDS 1 /* for each part of an exchange */
#define ASK_SECONDS    3
#define NAME_MAX_BYTES 64
#define TEXT_MAX_BYTES (64u << 20)
#define BACKLOG	       8

/* sun_path begins with 0: abstract. Return: the address's length. */
static socklen_t name_socket(struct sockaddr_un *address, unsigned minor)
{
	int n;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "sheaf-mount-%u", minor);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static void limit_waits(int fd, int seconds)
{
	const struct timeval limit = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

int sheaf_control_listen(unsigned minor)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, minor);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, length) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	return sheaf_steal_fd(fd);
}

static bool get_peer(int fd, struct ucred *ret_peer)
{
	socklen_t length = sizeof(*ret_peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &length) == 0;
}

static bool send_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

void sheaf_control_answer(int listen_fd, const struct sheaf_control_text texts[])
{
	CLEANUP_CLOSE int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	char name[NAME_MAX_BYTES + 1], *end;
	struct ucred peer;
	ssize_t n;

	if (fd < 0 || !get_peer(fd, &peer) || (peer.uid != 0 && peer.uid != geteuid()))
		return;
	limit_waits(fd, ANSWER_SECONDS);
	n = recv(fd, name, NAME_MAX_BYTES, 0);
	if (n <= 0)
		return;
	name[n] = '\0';
	end = strchr(name, '\n');
	if (!end)
		return;
	*end = '\0';
	for (unsigned i = 0; texts[i].name; i++) {
		CLEANUP_FREE char *text = NULL;
		size_t length;

		if (strcmp(texts[i].name, name) != 0)
			continue;
		text = texts[i].make(texts[i].arg, &length);
		if (text)
			send_all(fd, text, length);
		return;
	}
}

/* All that comes until its end. malloc'ed, or NULL and errno. */
static char *receive_all(int fd)
{
	size_t length = 0, room = 1 << 16;
	char *text = malloc(room + 1);

	while (text) {
		ssize_t n = recv(fd, text + length, room - length, 0);

		if (n == 0) {
			text[length] = '\0';
			return text;
		}
		length += n > 0 ? (size_t)n : 0;
		if (n > 0 && length == room) {
			char *grown = room < TEXT_MAX_BYTES ? realloc(text, 2 * room + 1) : NULL;

			if (grown) {
				room *= 2;
				text = grown;
				continue;
			}
			errno = ENOMEM;
			n = -1;
		}
		if (n < 0) {
			int error = errno == EAGAIN ? ETIMEDOUT : errno;

			free(text);
			errno = error;
			return NULL;
		}
	}
	errno = ENOMEM;
	return NULL;
}

int sheaf_control_ask(const struct sheaf_mount *mount, const char *name, char **ret_text)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	socklen_t length = name_socket(&address, mount->minor);
	struct ucred server;
	char question[NAME_MAX_BYTES + 2];
	char *text;
	int n;

	if (fd < 0)
		return -errno;
	limit_waits(fd, ASK_SECONDS);
	if (connect(fd, (const struct sockaddr *)&address, length) < 0)
		return errno == ECONNREFUSED ? -ENOENT : errno == EAGAIN ? -ETIMEDOUT : -errno;
	/* Anybody may have taken the name first. */
	if (!get_peer(fd, &server) || server.pid != sheaf_served_find_pid(mount))
		return -EACCES;
	n = snprintf(question, sizeof(question), "%s\n", name);
	if (!send_all(fd, question, (size_t)n))
		return errno == EPIPE || errno == ECONNRESET ? -EACCES : -errno;
	text = receive_all(fd);
	if (!text)
		return errno == ECONNRESET ? -EACCES : -errno;
	if (!*text) { /* closed without a word: it does not talk to us */
		free(text);
		return -EACCES;
	}
	*ret_text = text;
	return 0;
}
