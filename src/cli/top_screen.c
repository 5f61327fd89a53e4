/* SPDX-License-Identifier: MIT */
/*
 * top_screen.c - see top_screen.h
 *
 * The page is made as text (top_text.c) and only laid on the screen here. Two threads: this one draws and reads keys; the other asks the
 * server, once an interval, and hands over what it got through a pipe. A server that does not answer holds up only that one.
 *
 *   1. A message in the pipe is a pointer; whoever reads it frees it.
 *   2. The asker uses nothing of ncurses.
 */
#include "config.h"

#include "cli/top_screen.h"

#ifdef HAVE_NCURSES

#include <curses.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/top_text.h"

/* The asker ends by itself within this, unless the server does not answer. */
#define ASKER_ENDS_NS 200000000L
#define CONTROL_L     12

/* What the asker got: the numbers, or why not. */
struct message {
	char *text, *problem;
};

struct asker {
	struct sheaf_watched *watched;
	pthread_t thread;
	int from, to; /* pipe of struct message * */
	int wake;     /* eventfd: another interval, or end */
	atomic_int interval_ms;
	atomic_bool stop;
};

struct screen {
	struct asker *asker;
	struct sheaf_top *earlier, *difference;
	char *problem;
	char when[16]; /* of the difference */
	bool paused, help;
	int interval_ms;
	int scroll, line_count;
};

/* Asker */

static void free_message(struct message *message)
{
	if (!message)
		return;
	free(message->text);
	free(message->problem);
	free(message);
}

/* Until the interval after @since_ns is over; it may become another meanwhile. */
static void wait_interval(struct asker *asker, uint64_t since_ns)
{
	struct pollfd woken = { .fd = asker->wake, .events = POLLIN };

	while (!atomic_load(&asker->stop)) {
		uint64_t until_ns = since_ns + (uint64_t)atomic_load(&asker->interval_ms) * 1000000;
		uint64_t now_ns = sheaf_clock_ns(), count;

		if (now_ns >= until_ns)
			return;
		if (poll(&woken, 1, (int)((until_ns - now_ns) / 1000000) + 1) > 0 &&
		    read(asker->wake, &count, sizeof(count)) < 0)
			return;
	}
}

static void *asker_main(void *arg)
{
	struct asker *asker = arg;

	while (!atomic_load(&asker->stop)) {
		uint64_t since_ns = sheaf_clock_ns();
		struct message *message = calloc(1, sizeof(*message));

		if (message)
			message->text = sheaf_watched_read(asker->watched, &message->problem);
		if (!message || write(asker->to, &message, sizeof(message)) != sizeof(message)) {
			free_message(message);
			break;
		}
		wait_interval(asker, since_ns);
	}
	return NULL;
}

static void wake_asker(struct asker *asker)
{
	uint64_t one = 1;

	if (write(asker->wake, &one, sizeof(one)) < 0)
		return; /* it is awake: its counter is full */
}

static int start_asker(struct asker *asker, struct sheaf_watched *watched, int interval_ms)
{
	int ends[2];
	sigset_t all, before;
	int r;

	asker->watched = watched;
	atomic_init(&asker->interval_ms, interval_ms);
	atomic_init(&asker->stop, false);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	asker->from = ends[0];
	asker->to = ends[1];
	asker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (asker->wake < 0)
		return -errno;
	/* Signals are the screen's: a resize must end its poll. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&asker->thread, NULL, asker_main, asker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

/* It may wait for a server that does not answer, for seconds; nobody waits for it then: the process is about to end. */
static void stop_asker(struct asker *asker)
{
	struct message *message;
	struct timespec until;

	atomic_store(&asker->stop, true);
	wake_asker(asker);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ASKER_ENDS_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	if (pthread_timedjoin_np(asker->thread, NULL, &until) != 0) {
		pthread_detach(asker->thread);
		return;
	}
	/* What nobody took. A child that waits for the server may have the other end open for as long as that takes. */
	fcntl(asker->from, F_SETFL, O_NONBLOCK);
	while (read(asker->from, &message, sizeof(message)) == sizeof(message))
		free_message(message);
	close(asker->from);
	close(asker->to);
	close(asker->wake);
}

/* Screen */

static void take_text(struct screen *s, const char *text)
{
	struct sheaf_top *later, *difference;
	time_t now = time(NULL);
	struct tm local;

	if (sheaf_top_parse(text, &later) < 0)
		return;
	if (!s->paused && s->earlier && sheaf_top_between(s->earlier, later, &difference) == 0) {
		sheaf_top_free(s->difference);
		s->difference = difference;
		localtime_r(&now, &local);
		strftime(s->when, sizeof(s->when), "%H:%M:%S", &local);
	}
	sheaf_top_free(s->earlier);
	s->earlier = later;
}

/* While paused the page stays, and the next interval begins at the latest. False: the pipe is broken. */
static bool take_message(struct screen *s)
{
	struct message *message;

	if (read(s->asker->from, &message, sizeof(message)) != sizeof(message))
		return false;
	free(s->problem);
	s->problem = message->problem;
	message->problem = NULL;
	if (message->text)
		take_text(s, message->text);
	free_message(message);
	return true;
}

static void draw_line(int row, const char *line)
{
	chtype look = A_NORMAL;

	if (*line == SHEAF_TOP_MARK_HEADING)
		look = A_BOLD;
	else if (*line == SHEAF_TOP_MARK_TROUBLE)
		look = A_REVERSE;
	if (look != A_NORMAL)
		line++;
	attrset(look);
	mvaddnstr(row, 0, line, COLS);
	attrset(A_NORMAL);
}

static const char help_text[] =
	"q        end\n"
	"p space  pause, and go on\n"
	"+ -      longer and shorter interval\n"
	"up down  scroll; page up, page down, home too\n"
	"h ?      this help, and back\n"
	"^L       draw anew\n"
	"\n"
	"tasks    SCSI commands; a FUSE request is one or a few of them\n"
	"p50 ...  half, 90 %, 99 %, 99.9 % of the tasks of the interval\n"
	"         took no longer, from hand-over to end; within 3 %\n"
	"bundles  tasks that went to the driver in one call, and came back in one\n"
	"req.size com.size  mean size of bundles to the driver, and back\n"
	"queue    a loop that reads requests; lane: from it to a worker\n"
	"errors, retries, ... are those of the interval\n";

/* malloc'ed; NULL without memory. */
static char *page_text(const struct screen *s)
{
	const struct sheaf_top_page page = {
		.dir = s->asker->watched->mount->mountpoint,
		.when = s->when,
		.width = (unsigned)COLS,
		.marks = true,
	};
	size_t length;
	char *text = NULL;
	FILE *out;

	if (s->help)
		return strdup(help_text);
	if (!s->difference)
		return strdup(s->problem ? "" : "the first interval runs\n");
	out = open_memstream(&text, &length);
	if (!out)
		return NULL;
	sheaf_top_print(out, &page, s->difference);
	fclose(out);
	return text;
}

/* Trouble stays in sight above the page, what the keys did below it. */
static void draw(struct screen *s)
{
	CLEANUP_FREE char *text = page_text(s);
	int row = 0, line_index = 0, top_rows = 0;

	erase();
	if (s->problem) {
		attrset(A_REVERSE);
		mvaddnstr(0, 0, s->problem, COLS);
		mvaddnstr(1, 0,
			  s->difference ? "what follows is the last that is known; q ends"
					: "q ends",
			  COLS);
		attrset(A_NORMAL);
		top_rows = 2;
	}
	row = top_rows;
	for (char *at = text, *line; at && (line = strsep(&at, "\n"));) {
		if (!at && !*line)
			break;
		if (line_index++ >= s->scroll && row < LINES - 1)
			draw_line(row++, line);
	}
	s->line_count = line_index;
	attrset(A_REVERSE);
	mvprintw(LINES - 1, 0, "%severy %.1f s   q end  p pause  + - interval  h help",
		 s->paused ? "PAUSED, " : "", s->interval_ms / 1000.0);
	attrset(A_NORMAL);
	refresh();
}

static void set_interval(struct screen *s, int interval_ms)
{
	if (interval_ms < SHEAF_TOP_INTERVAL_MIN_MS || interval_ms > SHEAF_TOP_INTERVAL_MAX_MS)
		return;
	s->interval_ms = interval_ms;
	atomic_store(&s->asker->interval_ms, interval_ms);
	wake_asker(s->asker);
}

static int longer(int ms)
{
	return ms < 500 ? ms + 100 : ms < 1000 ? ms + 500 : ms < 10000 ? ms + 1000 : ms + 10000;
}

static int shorter(int ms)
{
	return ms <= 500 ? ms - 100 : ms <= 1000 ? ms - 500 : ms <= 10000 ? ms - 1000 : ms - 10000;
}

static void scroll_to(struct screen *s, int line)
{
	if (line > s->line_count - 1)
		line = s->line_count - 1;
	s->scroll = line < 0 ? 0 : line;
}

/* False: end. */
static bool key(struct screen *s, int c)
{
	switch (c) {
	case 'q':
	case 'Q':
		return false;
	case 'p':
	case ' ':
		s->paused = !s->paused;
		break;
	case '+':
	case '=':
		set_interval(s, longer(s->interval_ms));
		break;
	case '-':
		set_interval(s, shorter(s->interval_ms));
		break;
	case 'h':
	case '?':
		s->help = !s->help;
		s->scroll = 0;
		break;
	case CONTROL_L:
		clearok(curscr, TRUE);
		break;
	case KEY_DOWN:
		scroll_to(s, s->scroll + 1);
		break;
	case KEY_UP:
		scroll_to(s, s->scroll - 1);
		break;
	case KEY_NPAGE:
		scroll_to(s, s->scroll + LINES / 2);
		break;
	case KEY_PPAGE:
		scroll_to(s, s->scroll - LINES / 2);
		break;
	case KEY_HOME:
		scroll_to(s, 0);
		break;
	default: /* KEY_RESIZE: ncurses has done it */
		break;
	}
	return true;
}

/* Until the user, or the terminal, is gone. */
static void run(struct screen *s)
{
	struct pollfd ready[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				   { .fd = s->asker->from, .events = POLLIN } };
	int c;

	for (;;) {
		draw(s);
		if (poll(ready, 2, -1) < 0 && errno != EINTR)
			return;
		if (ready[1].revents && !take_message(s))
			return;
		if (ready[0].revents & (POLLHUP | POLLERR))
			return;
		while ((c = getch()) != ERR)
			if (!key(s, c))
				return;
	}
}

int sheaf_top_screen(struct sheaf_watched *watched, int interval_ms)
{
	static struct asker asker; /* its thread may outlive this call, see stop_asker() */
	struct screen s = { .asker = &asker, .interval_ms = interval_ms };
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	int r;

	if (!terminal)
		return -ENOTTY;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	r = start_asker(&asker, watched, interval_ms);
	if (r == 0) {
		run(&s);
		stop_asker(&asker);
	}
	endwin();
	delscreen(terminal);
	sheaf_top_free(s.earlier);
	sheaf_top_free(s.difference);
	free(s.problem);
	return r;
}

#endif
