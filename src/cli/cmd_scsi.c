/* SPDX-License-Identifier: MIT */
/*
 * cmd_scsi.c - sheaf scsi: a command, by name or by its bytes, to a disk of a mount, and what came of it
 *
 * Commands and CDBs are in scsi_verbs.c, the way to the disk in scsi_port.c, decoders in scsi_decode.c, text and exit codes in
 * scsi_print.c. Here is what is between: options, data of files, commands that are sent again, transfers of many commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/scsi_decode.h"
#include "cli/scsi_mode.h"
#include "cli/scsi_print.h"
#include "cli/scsi_verbs.h"
#include "cli/served.h"
#include "cli/watched.h"

/* Unit attentions come one a command, and there are no more kinds of them than this. */
#define ATTENTIONS_MAX 16
/* Bytes of a READ or WRITE of many. */
#define TRANSFER_BYTES (512 * 1024)
#define WORDS_MAX      (2 + SHEAF_SCSI_CDB_MAX)

#define AT(field) offsetof(struct sheaf_scsi_args, field)
static const struct sheaf_choice attributes[] = { { "simple", SHEAF_ATTRIBUTE_SIMPLE },
						  { "ordered", SHEAF_ATTRIBUTE_ORDERED },
						  { "head-of-queue",
						    SHEAF_ATTRIBUTE_HEAD_OF_QUEUE },
						  { "aca", SHEAF_ATTRIBUTE_ACA },
						  { NULL, 0 } };
static const struct sheaf_choice page_controls[] = { { "current", SHEAF_MODE_PC_CURRENT },
						     { "changeable", SHEAF_MODE_PC_CHANGEABLE },
						     { "default", SHEAF_MODE_PC_DEFAULT },
						     { "saved", SHEAF_MODE_PC_SAVED },
						     { NULL, 0 } };
/* The first few are for all commands, the others for those whose parameters name them. */
#define FOR_ALL 5
static const struct sheaf_option scsi_options[] = {
	{ "lun", 'l', SHEAF_OPTION_NUMBER, AT(lun), 0, 16383, .value = "N",
	  .help = "the disk of .sheaf/sgN; 0" },
	{ "json", 'j', SHEAF_OPTION_FLAG, AT(json),
	  .help = "for programs; the names do not change" },
	{ "timeout", 't', SHEAF_OPTION_DURATION, AT(timeout_ms), 1, INT32_MAX, .value = "TIME",
	  .help = "deadline, if shorter than the mount's; of format, sanitize, self-test also "
		  "longer" },
	{ "attribute", 0, SHEAF_OPTION_NUMBER, AT(attribute), .choices = attributes,
	  .help = "the task's attribute; simple" },
	{ "in", 'i', SHEAF_OPTION_LONG, AT(in_bytes), .value = "BYTES",
	  .help = "room for the answer; raw: data from the disk" },
	{ "out", 'o', SHEAF_OPTION_TEXT, AT(out), .value = "FILE",
	  .help = "data for the disk; '-' or, where a command needs data, none: standard input" },
	{ "lba", 'a', SHEAF_OPTION_LONG, AT(lba), .value = "N", .help = "first block" },
	{ "count", 'c', SHEAF_OPTION_LONG, AT(count), .value = "N", .help = "blocks; 1" },
	{ "vpd", 'p', SHEAF_OPTION_HEX, AT(vpd), 0, 0xff, .value = "PAGE",
	  .help = "VPD page, in hexadecimal: 83" },
	{ "page", 0, SHEAF_OPTION_HEX, AT(page), 0, 0x3f, .value = "PAGE",
	  .help = "mode or log page, in hexadecimal: 08" },
	{ "subpage", 0, SHEAF_OPTION_HEX, AT(subpage), 0, 0xff, .value = "PAGE",
	  .help = "its subpage, in hexadecimal" },
	{ "pc", 0, SHEAF_OPTION_NUMBER, AT(page_control), .choices = page_controls,
	  .help = "which values of mode pages; current" },
	{ "opcode", 0, SHEAF_OPTION_HEX, AT(opcode), 0, 0xff, .value = "OP",
	  .help = "opcodes: of this command, in hexadecimal" },
	{ "service-action", 0, SHEAF_OPTION_HEX, AT(service_action), 0, 0xffff, .value = "SA",
	  .help = "and this service action" },
	{ "select", 0, SHEAF_OPTION_NUMBER, AT(select), 0, 255, .value = "N",
	  .help = "luns: SELECT REPORT" },
	{ "save", 0, SHEAF_OPTION_FLAG, AT(save), .help = "set: keep it over power cycles (SP)" },
	{ "desc", 0, SHEAF_OPTION_FLAG, AT(descriptor), .help = "descriptor format sense" },
	{ "immed", 0, SHEAF_OPTION_FLAG, AT(immed), .help = "do not wait for the end (IMMED)" },
	{ "fua", 0, SHEAF_OPTION_FLAG, AT(fua), .help = "durable when it is GOOD (FUA)" },
	{ "bytchk", 0, SHEAF_OPTION_NUMBER, AT(bytchk), 0, 3, .value = "N",
	  .help = "verify: 1: compare with data, 3: with one block of data" },
	{ "unmap", 0, SHEAF_OPTION_FLAG, AT(unmap), .help = "write-same: unmap instead (UNMAP)" },
	{ "ndob", 0, SHEAF_OPTION_FLAG, AT(ndob), .help = "write-same: zeros, and no data (NDOB)" },
	{ "anchor", 0, SHEAF_OPTION_FLAG, AT(anchor), .help = "anchor (ANCHOR)" },
	{ "key", 'k', SHEAF_OPTION_LONG, AT(key), .value = "K",
	  .help = "persist: RESERVATION KEY" },
	{ "sa-key", 's', SHEAF_OPTION_LONG, AT(sa_key), .value = "K",
	  .help = "persist: SERVICE ACTION RESERVATION KEY" },
	{ "type", 0, SHEAF_OPTION_NUMBER, AT(type), 0, 15, .value = "N",
	  .help = "persist: TYPE: 1, 3, 5, 6, 7 or 8" },
	{ "aptpl", 0, SHEAF_OPTION_FLAG, AT(aptpl), .help = "persist: over power loss (APTPL)" },
	{ "all-tg-pt", 0, SHEAF_OPTION_FLAG, AT(all_ports),
	  .help = "persist: of all target ports (ALL_TG_PT)" },
	{ "target", 0, SHEAF_OPTION_FLAG, AT(target), .help = "reset: all units of the target" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const scsi_operands[] = { "DIR", "COMMAND" };

/* One task, as it goes on. */
struct session {
	const struct sheaf_scsi_verb *verb;
	struct sheaf_scsi_args *args;
	const char *dir;
	struct sheaf_scsi_port port;
	json_t *attentions; /* texts of unit attentions that came before */
};

/* Sending */

static int report_port(const struct session *s, int error)
{
	if (error == -EPERM || error == -EACCES)
		sheaf_error("%s: only the owner of the mount and root may send commands", s->dir);
	else if (error == -ENOENT)
		sheaf_error("%s: there is no disk %d", s->dir, s->args->lun);
	else if (error == -EPROTONOSUPPORT || error == -EPROTO)
		sheaf_error("%s: its server speaks another version of sheaf's messages", s->dir);
	else if (sheaf_served_is_gone(-error))
		sheaf_error("%s: the server is gone", s->dir);
	else
		sheaf_error("%s: %s", s->dir, strerror(-error));
	return SHEAF_EXIT_FAILED;
}

static void note_attention(struct session *s, const struct sheaf_scsi_outcome *o)
{
	CLEANUP_FREE char *text = sheaf_scsi_outcome_text(o);

	if (!s->args->json && text)
		fprintf(stderr, "%s\n", text);
	if (text)
		json_array_append_new(s->attentions, json_string(text));
}

/* 0, and then there is an outcome; or -errno. Unit attentions are news, and not what was asked for. */
static int send_command(struct session *s, struct sheaf_scsi_command *c,
			struct sheaf_scsi_outcome *ret)
{
	int r;

	c->attribute = (uint8_t)s->args->attribute;
	c->timeout_ms = (uint32_t)s->args->timeout_ms;
	for (unsigned i = 0;; i++) {
		r = sheaf_scsi_port_send(&s->port, c, ret);
		if (r < 0 || s->verb->tells_attention || i == ATTENTIONS_MAX ||
		    !sheaf_scsi_is_attention(ret))
			return r;
		note_attention(s, ret);
	}
}

/* Telling */

static void print_json(struct session *s, const struct sheaf_scsi_command *c,
		       const struct sheaf_scsi_outcome *o, json_t *data)
{
	json_t *json = sheaf_scsi_outcome_json(c, o);

	sheaf_json_put(json, "lun", (unsigned)s->args->lun);
	json_object_set(json, "unit_attentions", s->attentions);
	json_object_set(json, "data", data ? data : json_null());
	if (o->data_in_bytes && (!data || s->verb->kind == SHEAF_VERB_RAW))
		sheaf_json_put_hex(json, "data_hex",
				   (struct sheaf_scsi_data){ o->data_in, o->data_in_bytes });
	json_dumpf(json, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(json);
}

static void print_text(struct session *s, const struct sheaf_scsi_command *c,
		       const struct sheaf_scsi_outcome *o, const json_t *data)
{
	CLEANUP_FREE char *text = sheaf_scsi_outcome_text(o);
	char title[16];

	if (sheaf_scsi_exit_code(o) != 0)
		sheaf_error("%s: %s", sheaf_scsi_title(c, title), text ? text : "");
	if (data && s->verb->kind != SHEAF_VERB_RAW)
		sheaf_scsi_print_tree(data);
	else if (o->data_in_bytes)
		sheaf_scsi_print_bytes(o->data_in, o->data_in_bytes);
	else if (sheaf_scsi_exit_code(o) == 0)
		printf("%s: %s\n", sheaf_scsi_title(c, title), text ? text : "");
}

/* The outcome of @c on standard output, or standard error; the exit code. */
static int tell(struct session *s, const struct sheaf_scsi_command *c,
		const struct sheaf_scsi_outcome *o)
{
	json_t *data = NULL;

	if (o->data_in_bytes)
		data = sheaf_scsi_decode(c->cdb,
					 (struct sheaf_scsi_data){ o->data_in, o->data_in_bytes });
	if (s->args->json)
		print_json(s, c, o, data);
	else
		print_text(s, c, o, data);
	json_decref(data);
	return sheaf_scsi_exit_code(o);
}

/* Data of a file, or of standard input */

static int open_input(const struct session *s)
{
	const char *name = s->args->out;
	int fd = name && strcmp(name, "-") != 0 ? open(name, O_RDONLY | O_CLOEXEC)
						: dup(STDIN_FILENO);

	if (fd < 0)
		sheaf_error("%s: %s", name ? name : "standard input", strerror(errno));
	return fd;
}

/* Up to @bytes, fewer at the end only. -1: reported. */
static ssize_t read_input(int fd, uint8_t *to, size_t bytes)
{
	size_t n = 0;

	while (n < bytes) {
		ssize_t got = read(fd, to + n, bytes - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			sheaf_error("data for the disk: %s", strerror(errno));
			return -1;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static bool put_data(struct session *s, uint32_t bytes)
{
	CLEANUP_CLOSE int fd = open_input(s);
	ssize_t n = fd < 0 ? -1 : read_input(fd, sheaf_scsi_port_data(&s->port), bytes);

	if (n >= 0 && (size_t)n < bytes)
		sheaf_error("%s: %u bytes of data are needed, and there are %zd", s->verb->name,
			    bytes, n);
	return n == (ssize_t)bytes;
}

/* Of raw: as long as the file is. */
static bool put_all_data(struct session *s, struct sheaf_scsi_command *c)
{
	CLEANUP_CLOSE int fd = open_input(s);
	uint8_t *data = sheaf_scsi_port_data(&s->port), more;
	ssize_t n = fd < 0 ? -1 : read_input(fd, data, SHEAF_SCSI_DATA_MAX);

	if (n < 0)
		return false;
	if (n == SHEAF_SCSI_DATA_MAX && read_input(fd, &more, 1) != 0) {
		sheaf_error("raw: a command has at most %d bytes of data here",
			    SHEAF_SCSI_DATA_MAX);
		return false;
	}
	c->data_out_bytes = (uint32_t)n;
	return true;
}

/* Commands */

static int run_plain(struct session *s)
{
	struct sheaf_scsi_command c = { 0 };
	struct sheaf_scsi_outcome o;
	int r;

	if (s->verb->build(s->args, sheaf_scsi_port_data(&s->port), &c) < 0)
		return SHEAF_EXIT_USAGE;
	if (s->verb->takes_data && c.data_out_bytes && !put_data(s, c.data_out_bytes))
		return SHEAF_EXIT_FAILED;
	if (s->verb->kind == SHEAF_VERB_RAW && s->args->out && !put_all_data(s, &c))
		return SHEAF_EXIT_FAILED;
	r = send_command(s, &c, &o);
	return r < 0 ? report_port(s, r) : tell(s, &c, &o);
}

/* MODE SENSE gave the page; MODE SELECT takes it back, changed. */
static int run_set(struct session *s)
{
	const char *word = s->args->word_count ? s->args->words[0] : "";
	CLEANUP_FREE char *name = strndup(word, strcspn(word, "="));
	struct sheaf_scsi_command c = { 0 };
	struct sheaf_scsi_outcome o;
	unsigned long long value;
	char *end;
	int r;

	if (s->verb->build(s->args, NULL, &c) < 0)
		return SHEAF_EXIT_USAGE;
	errno = 0;
	value = strtoull(word + strcspn(word, "=") + 1, &end, 0);
	if (!name || *end || end[-1] == '=' || errno) {
		sheaf_error("set: '%s': the value is not a number", word);
		return SHEAF_EXIT_USAGE;
	}
	r = send_command(s, &c, &o);
	if (r < 0)
		return report_port(s, r);
	if (sheaf_scsi_exit_code(&o) != 0)
		return tell(s, &c, &o);
	memcpy(sheaf_scsi_port_data(&s->port), o.data_in, o.data_in_bytes);
	r = sheaf_mode_select_list(sheaf_scsi_port_data(&s->port), o.data_in_bytes,
				   sheaf_mode_field_find(name), value);
	if (r < 0) {
		sheaf_error("set: %s", r == -ERANGE ? "the value does not fit in the field"
						    : "the disk's page does not have the field");
		return SHEAF_EXIT_FAILED;
	}
	memset(&c, 0, sizeof(c));
	sheaf_scsi_build_mode_select(&c, (uint32_t)r, s->args->save);
	r = send_command(s, &c, &o);
	return r < 0 ? report_port(s, r) : tell(s, &c, &o);
}

static bool write_all(const uint8_t *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(STDOUT_FILENO, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			sheaf_error("standard output: %s", strerror(errno));
			return false;
		}
		bytes += w;
		n -= (size_t)w;
	}
	return true;
}

static int run_read(struct session *s)
{
	uint32_t most = TRANSFER_BYTES / s->args->block_size;
	uint64_t left = s->args->count == UINT64_MAX ? 1 : s->args->count;

	if (s->args->json) {
		sheaf_error("read: its data go to standard output, so there is no --json");
		return SHEAF_EXIT_USAGE;
	}
	for (uint64_t lba = sheaf_scsi_lba(s->args); left;) {
		uint32_t blocks = left < most ? (uint32_t)left : most;
		struct sheaf_scsi_command c = { 0 };
		struct sheaf_scsi_outcome o;
		int r;

		sheaf_scsi_build_read(&c, lba, blocks, s->args->block_size, s->args->fua);
		r = send_command(s, &c, &o);
		if (r < 0)
			return report_port(s, r);
		if (sheaf_scsi_exit_code(&o) != 0) {
			o.data_in_bytes = 0; /* no part of what was read */
			return tell(s, &c, &o);
		}
		if (o.data_in_bytes != c.data_in_bytes) {
			sheaf_error("read: GOOD, with %u of %u bytes", o.data_in_bytes,
				    c.data_in_bytes);
			return SHEAF_EXIT_FAILED;
		}
		if (!write_all(o.data_in, o.data_in_bytes))
			return SHEAF_EXIT_FAILED;
		lba += blocks;
		left -= blocks;
	}
	return SHEAF_EXIT_OK;
}

/* Until the data end, or --count. */
static int run_write(struct session *s)
{
	uint32_t most = TRANSFER_BYTES / s->args->block_size, size = s->args->block_size;
	CLEANUP_CLOSE int fd = open_input(s);
	uint64_t left = s->args->count, lba = sheaf_scsi_lba(s->args);
	struct sheaf_scsi_command c = { 0 };
	struct sheaf_scsi_outcome o = { 0 };
	bool any = false;

	if (fd < 0)
		return SHEAF_EXIT_FAILED;
	while (left) {
		uint32_t blocks = left < most ? (uint32_t)left : most;
		ssize_t n = read_input(fd, sheaf_scsi_port_data(&s->port), (size_t)blocks * size);
		int r;

		if (n < 0)
			return SHEAF_EXIT_FAILED;
		if (n == 0 && any && s->args->count == UINT64_MAX)
			break;
		if (n == 0 || n % size ||
		    ((size_t)n < (size_t)blocks * size && s->args->count != UINT64_MAX)) {
			sheaf_error("write: the data end after %zd bytes of block %llu",
				    n % (ssize_t)size,
				    (unsigned long long)(lba + (uint64_t)(n / size)));
			return SHEAF_EXIT_FAILED;
		}
		memset(&c, 0, sizeof(c));
		blocks = (uint32_t)(n / size);
		sheaf_scsi_build_write(&c, lba, blocks, size, s->args->fua);
		r = send_command(s, &c, &o);
		if (r < 0)
			return report_port(s, r);
		if (sheaf_scsi_exit_code(&o) != 0)
			break;
		any = true;
		lba += blocks;
		left -= left == UINT64_MAX ? 0 : blocks;
	}
	return any || c.cdb_length ? tell(s, &c, &o) : SHEAF_EXIT_OK;
}

/* Logical block length, of READ CAPACITY(16). An exit code. */
static int find_block_size(struct session *s)
{
	struct sheaf_scsi_command c = { 0 };
	struct sheaf_scsi_outcome o;
	int r;

	sheaf_scsi_build_read_capacity(&c);
	r = send_command(s, &c, &o);
	if (r < 0)
		return report_port(s, r);
	if (sheaf_scsi_exit_code(&o) != 0)
		return tell(s, &c, &o);
	s->args->block_size = o.data_in_bytes >= 12 ? sheaf_get_be32(o.data_in + 8) : 0;
	if (s->args->block_size == 0 || s->args->block_size > TRANSFER_BYTES) {
		sheaf_error("%s: the disk says that its blocks have %u bytes", s->dir,
			    s->args->block_size);
		return SHEAF_EXIT_FAILED;
	}
	return 0;
}

static int run_verb(struct session *s)
{
	int code = s->verb->needs_block_size ? find_block_size(s) : 0;

	if (code)
		return code;
	switch (s->verb->kind) {
	case SHEAF_VERB_READ:
		return run_read(s);
	case SHEAF_VERB_WRITE:
		return run_write(s);
	case SHEAF_VERB_SET:
		return run_set(s);
	case SHEAF_VERB_PLAIN:
	case SHEAF_VERB_RAW:
		break;
	}
	return run_plain(s);
}

/* The command line */

static size_t field_bytes(const struct sheaf_option *o)
{
	switch (o->kind) {
	case SHEAF_OPTION_FLAG:
		return sizeof(bool);
	case SHEAF_OPTION_TEXT:
		return sizeof(char *);
	case SHEAF_OPTION_LONG:
		return sizeof(uint64_t);
	default:
		return sizeof(int);
	}
}

/* An option that a command does not know is a mistake, not a thing to look over. */
static bool check_args(const struct sheaf_scsi_verb *verb, const struct sheaf_scsi_args *args,
		       const struct sheaf_scsi_args *defaults)
{
	for (const struct sheaf_option *o = scsi_options + FOR_ALL; o->kind != SHEAF_OPTION_END;
	     o++) {
		char typed[32];

		snprintf(typed, sizeof(typed), "--%s", o->name);
		if (memcmp((const char *)args + o->offset, (const char *)defaults + o->offset,
			   field_bytes(o)) == 0 ||
		    strstr(verb->parameters, typed))
			continue;
		sheaf_error("%s: not of %s; see: sheaf scsi --help", typed, verb->name);
		return false;
	}
	if (args->word_count > verb->words_max) {
		sheaf_error("%s: %s is one too many", verb->name, args->words[verb->words_max]);
		return false;
	}
	if (verb->needs_lba && (args->lba == UINT64_MAX ||
				(args->count == UINT64_MAX && verb->kind == SHEAF_VERB_PLAIN))) {
		sheaf_error("%s: it changes data; --lba= and %s say which", verb->name,
			    verb->kind == SHEAF_VERB_PLAIN ? "--count=" : "what comes in");
		return false;
	}
	return true;
}

/* The list of commands, for --help and for completion. */
static struct sheaf_word words[64];
static char *make_epilogue(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned n = 0;

	if (!out)
		return NULL;
	fprintf(out, "Commands; those with a * change or destroy data, and do not ask:\n");
	for (const struct sheaf_scsi_verb *v = sheaf_scsi_verbs; v->name; v++) {
		fprintf(out, "  %s%s%s\n", v->name, *v->parameters ? " " : "", v->parameters);
		fprintf(out, "  %22s%s%s\n", "", v->destroys ? "* " : "  ", v->help);
		if (n + 1 < sizeof(words) / sizeof(words[0]))
			words[n++] = (struct sheaf_word){ v->name, v->help };
	}
	fprintf(out, "\nFor example: sheaf scsi mnt inquiry --vpd=83\n"
		     "             sheaf scsi mnt raw --in=36 12 00 00 00 24 00\n");
	fclose(out);
	return text;
}

static int run_on(struct session *s)
{
	CLEANUP_FREE char *path = NULL, *problem = NULL, *text = NULL;
	struct sheaf_watched watched;
	int r;

	if (sheaf_watched_find(&watched, s->dir) < 0)
		return SHEAF_EXIT_FAILED;
	/* A server that does not answer would hold us where no signal reaches. */
	text = sheaf_watched_read(&watched, &problem);
	if (!text)
		sheaf_error("%s", problem ? problem : strerror(ENOMEM));
	r = text ? asprintf(&path, "%s/.sheaf/sg%d", watched.mount->mountpoint, s->args->lun) : -1;
	sheaf_watched_free(&watched);
	if (r < 0)
		return SHEAF_EXIT_FAILED;
	r = sheaf_scsi_port_open(&s->port, path);
	if (r < 0)
		return report_port(s, r);
	s->attentions = json_array();
	r = run_verb(s);
	json_decref(s->attentions);
	sheaf_scsi_port_close(&s->port);
	return fflush(stdout) != 0 ? SHEAF_EXIT_FAILED : r;
}

static int run(struct sheaf_operands *operands, struct sheaf_scsi_args *args,
	       const struct sheaf_scsi_args *defaults)
{
	struct session s = {
		.verb = sheaf_scsi_verb_find(operands->words[1]),
		.args = args,
		.dir = operands->words[0],
	};
	const char *names[sizeof(words) / sizeof(words[0]) + 1] = { 0 };
	const char *meant;

	if (!s.verb) {
		for (unsigned i = 0; words[i].name; i++)
			names[i] = words[i].name;
		meant = sheaf_suggest(operands->words[1], strlen(operands->words[1]), names);
		sheaf_error("%s: no such command%s%s; see: sheaf scsi --help", operands->words[1],
			    meant ? "; did you mean " : "", meant ? meant : "");
		return SHEAF_EXIT_USAGE;
	}
	args->words = operands->words + 2;
	args->word_count = operands->count - 2;
	return check_args(s.verb, args, defaults) ? run_on(&s) : SHEAF_EXIT_USAGE;
}

int sheaf_cmd_scsi(int argc, char **argv)
{
	const struct sheaf_scsi_args defaults = {
		.vpd = -1,
		.page = -1,
		.subpage = -1,
		.page_control = -1,
		.opcode = -1,
		.service_action = -1,
		.lba = UINT64_MAX,
		.count = UINT64_MAX,
		.in_bytes = UINT64_MAX,
	};
	CLEANUP_FREE char *epilogue = make_epilogue();
	const struct sheaf_command_line line = {
		.usage = "scsi [OPTION]... DIR COMMAND [WORD]...",
		.summary =
			"Send a SCSI command to a disk of the mount DIR, and say what came of it.",
		.options = scsi_options,
		.operands_min = 2,
		.operands_max = WORDS_MAX,
		.operand_names = scsi_operands,
		.second_operands = words,
		.epilogue = epilogue,
	};
	struct sheaf_scsi_args args = defaults;
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = run(&operands, &args, &defaults);
	sheaf_options_free(&line, &args, &operands);
	return r;
}
