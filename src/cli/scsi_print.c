/* SPDX-License-Identifier: MIT */
/* scsi_print.c - see scsi_print.h */
#include "cli/scsi_print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/cleanup.h"
#include "cli/scsi_decode.h"
#include "cli/scsi_names.h"
#include "scsi/sense.h"

#define LABEL_WIDTH  36
#define LINE_MEMBERS 5

static bool has_sense(const struct sheaf_scsi_outcome *o, struct sheaf_sense *ret)
{
	return o->service_response == SHEAF_TASK_COMPLETE &&
	       o->status == SHEAF_STATUS_CHECK_CONDITION &&
	       sheaf_sense_parse(o->sense, o->sense_bytes, ret);
}

static int sense_exit_code(const struct sheaf_sense *sense)
{
	switch (sense->key) {
	case SHEAF_KEY_NO_SENSE:
	case SHEAF_KEY_RECOVERED_ERROR:
		return 0;
	case SHEAF_KEY_NOT_READY:
		return SHEAF_SCSI_EXIT_NOT_READY;
	case SHEAF_KEY_MEDIUM_ERROR:
	case SHEAF_KEY_HARDWARE_ERROR:
		return SHEAF_SCSI_EXIT_MEDIUM;
	case SHEAF_KEY_ILLEGAL_REQUEST:
		return sense->asc == SHEAF_ASC_INVALID_OPCODE ? SHEAF_SCSI_EXIT_OPCODE
							      : SHEAF_SCSI_EXIT_ILLEGAL;
	case SHEAF_KEY_UNIT_ATTENTION:
		return SHEAF_SCSI_EXIT_ATTENTION;
	case SHEAF_KEY_DATA_PROTECT:
		return SHEAF_SCSI_EXIT_PROTECT;
	case SHEAF_KEY_ABORTED_COMMAND:
		return SHEAF_SCSI_EXIT_ABORTED;
	case SHEAF_KEY_MISCOMPARE:
		return SHEAF_SCSI_EXIT_MISCOMPARE;
	default:
		return SHEAF_SCSI_EXIT_SENSE;
	}
}

int sheaf_scsi_exit_code(const struct sheaf_scsi_outcome *o)
{
	struct sheaf_sense sense;

	if (o->service_response == SHEAF_FUNCTION_COMPLETE)
		return 0;
	if (o->service_response != SHEAF_TASK_COMPLETE)
		return SHEAF_SCSI_EXIT_DELIVERY;
	switch (o->status) {
	case SHEAF_STATUS_GOOD:
	case SHEAF_STATUS_CONDITION_MET:
		return 0;
	case SHEAF_STATUS_CHECK_CONDITION:
		return has_sense(o, &sense) ? sense_exit_code(&sense) : SHEAF_SCSI_EXIT_SENSE;
	case SHEAF_STATUS_RESERVATION_CONFLICT:
		return SHEAF_SCSI_EXIT_CONFLICT;
	case SHEAF_STATUS_BUSY:
	case SHEAF_STATUS_TASK_SET_FULL:
	case SHEAF_STATUS_ACA_ACTIVE:
		return SHEAF_SCSI_EXIT_BUSY;
	default:
		return SHEAF_SCSI_EXIT_STATUS;
	}
}

int sheaf_scsi_is_attention(const struct sheaf_scsi_outcome *o)
{
	struct sheaf_sense sense;

	return has_sense(o, &sense) && sense.key == SHEAF_KEY_UNIT_ATTENTION;
}

static void write_sense(FILE *out, const struct sheaf_sense *sense)
{
	const char *name = sheaf_scsi_asc_name(sense->asc);

	fprintf(out, "%s%s: ", sense->deferred ? "deferred " : "", sheaf_scsi_key_name(sense->key));
	if (name)
		fputs(name, out);
	else
		fprintf(out, "additional sense %02x/%02x", sense->asc >> 8, sense->asc & 0xff);
	if (sense->field_valid && sense->field_bit >= 0)
		fprintf(out, ", byte %u bit %d of the %s", sense->field_byte, sense->field_bit,
			sense->field_in_cdb ? "CDB" : "parameter list");
	else if (sense->field_valid)
		fprintf(out, ", byte %u of the %s", sense->field_byte,
			sense->field_in_cdb ? "CDB" : "parameter list");
	if (sense->information_valid)
		fprintf(out, ", information %llu", (unsigned long long)sense->information);
}

char *sheaf_scsi_outcome_text(const struct sheaf_scsi_outcome *o)
{
	const char *response = sheaf_scsi_service_response_name(o->service_response);
	const char *status = sheaf_scsi_status_name(o->status);
	struct sheaf_sense sense;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (has_sense(o, &sense)) {
		write_sense(out, &sense);
	} else if (o->service_response == SHEAF_TASK_COMPLETE) {
		if (status)
			fputs(status, out);
		else
			fprintf(out, "status %02xh", o->status);
		if (o->status == SHEAF_STATUS_CHECK_CONDITION)
			fputs(", without sense data that make sense", out);
	} else if (o->service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE) {
		status = sheaf_scsi_delivery_name(o->status);
		fprintf(out, "%s: %s", response, status ? status : "no reason is given");
	} else {
		fputs(response ? response : "no service response that is one", out);
	}
	fclose(out);
	return text;
}

const char *sheaf_scsi_title(const struct sheaf_scsi_command *c, char text[16])
{
	static const struct sheaf_scsi_name functions[] = {
		{ SHEAF_SCSI_ABORT_TASK_SET, "ABORT TASK SET" },
		{ SHEAF_SCSI_CLEAR_TASK_SET, "CLEAR TASK SET" },
		{ SHEAF_SCSI_CLEAR_ACA, "CLEAR ACA" },
		{ SHEAF_SCSI_LOGICAL_UNIT_RESET, "LOGICAL UNIT RESET" },
		{ SHEAF_SCSI_TARGET_RESET, "target reset" },
		{ 0, NULL },
	};
	const char *name = c->function == SHEAF_SCSI_COMMAND
				   ? sheaf_scsi_command_name(c->cdb[0], c->cdb[1] & 0x1f)
				   : sheaf_scsi_name(functions, c->function);

	if (!name)
		snprintf(text, 16, "CDB %02x", c->cdb[0]);
	return name ? name : text;
}

json_t *sheaf_scsi_outcome_json(const struct sheaf_scsi_command *c,
				const struct sheaf_scsi_outcome *o)
{
	const char *response = sheaf_scsi_service_response_name(o->service_response);
	const char *status = o->service_response == SHEAF_TASK_COMPLETE
				     ? sheaf_scsi_status_name(o->status)
			     : o->service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE
				     ? sheaf_scsi_delivery_name(o->status)
				     : NULL;
	CLEANUP_FREE char *text = sheaf_scsi_outcome_text(o);
	json_t *json = json_object(), *sense = NULL;
	char title[16];

	json_object_set_new(json, "command", json_string(sheaf_scsi_title(c, title)));
	if (c->function == SHEAF_SCSI_COMMAND)
		sheaf_json_put_hex(json, "cdb", (struct sheaf_scsi_data){ c->cdb, c->cdb_length });
	json_object_set_new(json, "service_response", json_string(response ? response : "unknown"));
	sheaf_json_put(json, "status_code", o->status);
	json_object_set_new(json, "status", status ? json_string(status) : json_null());
	json_object_set_new(json, "outcome", json_string(text ? text : ""));
	if (o->sense_bytes)
		sense = sheaf_scsi_decode_sense(o->sense, o->sense_bytes);
	json_object_set_new(json, "sense", sense ? sense : json_null());
	sheaf_json_put(json, "data_in_bytes", o->data_in_bytes);
	sheaf_json_put(json, "data_out_bytes", c->data_out_bytes);
	sheaf_json_put(json, "residual", o->residual);
	sheaf_json_put(json, "duration_us", o->duration_us);
	return json;
}

/* Text of a tree */

static bool is_named(const json_t *value)
{
	return json_is_object(value) && json_object_get(value, "value") &&
	       json_object_get(value, "name") && json_object_size(value) == 2;
}

static bool is_scalar(const json_t *value)
{
	return is_named(value) || (!json_is_object(value) && !json_is_array(value));
}

static void print_scalar(const json_t *value)
{
	if (is_named(value))
		printf("%lld (%s)", (long long)json_integer_value(json_object_get(value, "value")),
		       json_string_value(json_object_get(value, "name")));
	else if (json_is_boolean(value))
		printf("%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_real(value))
		printf("%.1f", json_real_value(value));
	else if (json_is_integer(value))
		printf("%lld", (long long)json_integer_value(value));
	else if (json_is_string(value))
		printf("%s", json_string_value(value));
	else
		printf("-");
}

/* As the standards have it, but for the case: "maximum transfer length". */
static void print_label(const char *name, unsigned indent, unsigned width)
{
	unsigned n = indent;

	printf("%*s", indent, "");
	for (; *name; name++, n++)
		putchar(*name == '_' ? ' ' : *name);
	if (width)
		printf("%*s", n < width ? (int)(width - n) : 1, "");
}

static void print_object(const json_t *object, unsigned indent);

/* "lba 0, blocks 2048, provisioning status 0 (mapped)" */
static bool fits_line(const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name,
			    value) if (!is_scalar(value)) return false;
	return json_object_size(object) <= LINE_MEMBERS;
}

static void print_line(const json_t *object, unsigned indent)
{
	const char *name, *comma = "";
	json_t *value;

	printf("%*s", indent, "");
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		printf("%s", comma);
		print_label(name, 0, 0);
		printf(" ");
		print_scalar(value);
		comma = ", ";
	}
	printf("\n");
}

static void print_array(const char *name, const json_t *array, unsigned indent)
{
	size_t n = json_array_size(array);

	print_label(name, indent, LABEL_WIDTH);
	if (n == 0 || is_scalar(json_array_get(array, 0))) {
		for (size_t i = 0; i < n; i++) {
			printf("%s", i ? ", " : "");
			print_scalar(json_array_get(array, i));
		}
		printf("%s\n", n ? "" : "none");
		return;
	}
	printf("\n");
	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(array, i);

		if (fits_line(row)) {
			print_line(row, indent + 2);
			continue;
		}
		print_object(row, indent + 2);
		if (i + 1 < n)
			printf("\n");
	}
}

static void print_object(const json_t *object, unsigned indent)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (json_is_array(value)) {
			print_array(name, value, indent);
		} else if (is_scalar(value)) {
			print_label(name, indent, LABEL_WIDTH);
			print_scalar(value);
			printf("\n");
		} else {
			print_label(name, indent, 0);
			printf("\n");
			print_object(value, indent + 2);
		}
	}
}

void sheaf_scsi_print_tree(const json_t *object)
{
	print_object(object, 0);
}

void sheaf_scsi_print_bytes(const uint8_t *bytes, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += 16) {
		uint32_t row = n - at < 16 ? n - at : 16;

		printf("%06x ", at);
		for (uint32_t i = 0; i < 16; i++)
			if (i < row)
				printf(" %02x", bytes[at + i]);
			else
				printf("   ");
		printf("  ");
		for (uint32_t i = 0; i < row; i++)
			putchar(bytes[at + i] < 0x80 && isprint(bytes[at + i]) ? bytes[at + i]
									       : '.');
		printf("\n");
	}
}
