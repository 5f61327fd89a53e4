/* SPDX-License-Identifier: MIT */
/**
 * scsi_verbs.h - the commands of `sheaf scsi` by name, and the CDBs that they are
 *
 * One row a name. What a row cannot do alone (many commands one after another, a file) is done by cmd_scsi.c, as the row's kind says.
 */
#ifndef SHEAF_SCSI_VERBS_H
#define SHEAF_SCSI_VERBS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/scsi_port.h"

/** Options and words of a command line. */
struct sheaf_scsi_args {
	int lun, timeout_ms, attribute;
	bool json;
	int vpd, page, subpage, page_control; /* -1: not given */
	int opcode, service_action;	      /* the same */
	uint64_t lba, count;		      /* UINT64_MAX: not given */
	uint64_t in_bytes;		      /* the same */
	char *out; /* file with data for the disk; NULL: standard input, or none */
	int bytchk, type, select;
	uint64_t key, sa_key;
	bool immed, fua, unmap, ndob, anchor, target, descriptor, save, aptpl, all_ports;
	/* Not of the command line: */
	uint32_t block_size; /* of the disk, for those that need it */
	char **words;	     /* after the command's name */
	unsigned word_count;
};

enum sheaf_scsi_kind {
	SHEAF_VERB_PLAIN, /* build() makes its one command */
	SHEAF_VERB_READ,  /* as many READs as it takes, to standard output */
	SHEAF_VERB_WRITE, /* as many WRITEs as it takes, of a file or standard input */
	SHEAF_VERB_SET,	  /* MODE SENSE, then MODE SELECT; build() makes the first */
	SHEAF_VERB_RAW,	  /* build() makes it of bytes; its answer is not decoded */
};

struct sheaf_scsi_verb {
	const char *name;
	const char *parameters; /* "[--vpd=PAGE]", or "" */
	const char *help;
	enum sheaf_scsi_kind kind;
	bool destroys;	/* data, that is */
	bool needs_lba; /* it must be said: block 0 is nothing to lose by a slip */
	bool takes_data; /* data_out_bytes of build() come of a file or standard input; else build() has put them */
	bool needs_block_size;
	bool tells_attention; /* a unit attention is its answer: it is not sent again */
	unsigned words_max;
	/**
	 * @out: SHEAF_SCSI_DATA_MAX bytes for parameters; zeroed.  @command: zeroed.
	 * 0; -EINVAL: the reason was reported.
	 */
	int (*build)(const struct sheaf_scsi_args *args, uint8_t *out,
		     struct sheaf_scsi_command *command);
};

/** The LBA, 0 if none is given. */
static inline uint64_t sheaf_scsi_lba(const struct sheaf_scsi_args *args)
{
	return args->lba == UINT64_MAX ? 0 : args->lba;
}

/** The last row has no name. */
extern const struct sheaf_scsi_verb sheaf_scsi_verbs[];
/** NULL: there is none. */
const struct sheaf_scsi_verb *sheaf_scsi_verb_find(const char *name);

/* What cmd_scsi.c sends by itself. */
void sheaf_scsi_build_read(struct sheaf_scsi_command *command, uint64_t lba, uint32_t blocks,
			   uint32_t block_size, bool fua);
void sheaf_scsi_build_write(struct sheaf_scsi_command *command, uint64_t lba, uint32_t blocks,
			    uint32_t block_size, bool fua);
void sheaf_scsi_build_read_capacity(struct sheaf_scsi_command *command);
/** @save: SP. */
void sheaf_scsi_build_mode_select(struct sheaf_scsi_command *command, uint32_t list_bytes,
				  bool save);

#endif
