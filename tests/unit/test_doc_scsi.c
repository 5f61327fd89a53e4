/* SPDX-License-Identifier: MIT */
/*
 * test_doc_scsi.c - doc/scsi.md names exactly the commands, VPD pages, mode pages, log pages and sense codes that the code has
 *
 * A table of the page is the lines after its heading that begin with "| " and a hexadecimal digit; the first two columns
 * are code and name. A failure prints the row that should be there.
 */
#include <check.h>
#include <stdio.h>

#include "scsi/log_pages.h"
#include "scsi/lu_impl.h"
#include "scsi/mode_pages.h"
#include "scsi_fixture.h"

#define ROWS_MAX 256

static struct doc_row {
	char code[16], name[80];
} doc_rows[ROWS_MAX];
static unsigned doc_count, found;

static FILE *open_source(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", name);
	FILE *file = fopen(path, "r");
	ck_assert_msg(file, "%s", path);
	return file;
}

/* The first table under @heading. */
static void read_table(const char *heading)
{
	FILE *file = open_source("doc/scsi.md");
	char line[1024];
	bool inside = false;

	doc_count = found = 0;
	while (fgets(line, sizeof(line), file)) {
		struct doc_row *row = &doc_rows[doc_count];
		if (line[0] == '#')
			inside = strncmp(line, heading, strlen(heading)) == 0 &&
				 line[strlen(heading)] == '\n';
		if (!inside || sscanf(line, "| %15[0-9A-Fh/] | %79[^|]", row->code, row->name) != 2)
			continue;
		row->name[strcspn(row->name, "|")] = '\0';
		while (row->name[0] && row->name[strlen(row->name) - 1] == ' ')
			row->name[strlen(row->name) - 1] = '\0';
		doc_count++;
		ck_assert_uint_lt(doc_count, ROWS_MAX);
	}
	fclose(file);
	ck_assert_msg(doc_count > 0, "doc/scsi.md has no table under %s", heading);
}

/* @name NULL: any. */
static void expect_row(const char *code, const char *name)
{
	unsigned times = 0;

	for (unsigned i = 0; i < doc_count; i++)
		times += strcmp(doc_rows[i].code, code) == 0 &&
			 (!name || strcmp(doc_rows[i].name, name) == 0);
	ck_assert_msg(times == 1, "doc/scsi.md has %u times: | %s | %s |", times, code,
		      name ? name : "…");
	found++;
}

/* All rows were expected. */
static void expect_no_more(void)
{
	ck_assert_msg(doc_count == found, "doc/scsi.md has %u rows, the code %u", doc_count, found);
}

static void put_code(char *text, size_t size, unsigned code, bool second, unsigned subcode)
{
	if (second)
		snprintf(text, size, "%02Xh/%02Xh", code & 0xff, subcode & 0xff);
	else
		snprintf(text, size, "%02Xh", code & 0xff);
}

START_TEST(commands)
{
	const struct sheaf_cdb_command *row;
	char code[16];

	read_table("## Commands");
	for (unsigned i = 0; (row = sheaf_cdb_row(i)); i++) {
		put_code(code, sizeof(code), row->opcode, row->flags & SHEAF_CDB_SERVICE,
			 row->service_action);
		expect_row(code, row->name);
	}
	expect_no_more();
}
END_TEST

START_TEST(vpd_pages)
{
	static const uint8_t cdb[6] = { 0x12, 1, 0, 0, 255 };
	struct scsi_fixture f;
	char code[16];

	read_table("## VPD pages");
	fixture_open(&f, 1 << 20, 512, false);
	fixture_run(&f, cdb, 6, SHEAF_TRANSFER_FROM_TARGET, NULL, 255);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	for (unsigned i = 0; i < f.data[3]; i++) {
		put_code(code, sizeof(code), f.data[4 + i], false, 0);
		expect_row(code, NULL);
	}
	expect_no_more();
	fixture_close(&f);
}
END_TEST

START_TEST(mode_pages)
{
	char code[16];

	read_table("## Mode pages");
	for (const struct sheaf_mode_page *page = sheaf_mode_pages; page->size; page++) {
		put_code(code, sizeof(code), page->code, page->subpage, page->subpage);
		expect_row(code, NULL);
	}
	expect_no_more();
}
END_TEST

START_TEST(log_pages)
{
	char code[16];

	read_table("## Log pages");
	for (unsigned i = 0; i < SHEAF_LOG_PAGES; i++) {
		put_code(code, sizeof(code), sheaf_log_pages[i].code, false, 0);
		expect_row(code, NULL);
	}
	expect_no_more();
}
END_TEST

/* Against the header, as an enumeration cannot be walked. */
START_TEST(sense_codes)
{
	FILE *file = open_source("include/sheaf/scsi.h");
	char line[1024], code[16];
	unsigned asc;

	read_table("## Sense codes");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " SHEAF_ASC_%*[A-Z_0-9] = 0x%4x", &asc) != 1)
			continue;
		put_code(code, sizeof(code), asc >> 8, true, asc);
		expect_row(code, NULL);
	}
	fclose(file);
	expect_no_more();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("doc_scsi");
	TCase *tc = tcase_create("doc_scsi");
	int failed;

	tcase_add_test(tc, commands);
	tcase_add_test(tc, vpd_pages);
	tcase_add_test(tc, mode_pages);
	tcase_add_test(tc, log_pages);
	tcase_add_test(tc, sense_codes);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
