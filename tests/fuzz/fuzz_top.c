/* SPDX-License-Identifier: MIT */
/* fuzz_top.c - any text as stats.json of a server, given to sheaf top: two of them, apart by a byte 0 */
#include "fuzz.h"

#include "cli/top_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2);
	struct sheaf_top *earlier = NULL, *later = NULL, *difference = NULL;
	const char *second;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	second = text + strlen(text) + (strlen(text) < size);
	if (sheaf_top_parse(text, &earlier) == 0 && sheaf_top_parse(second, &later) == 0 &&
	    sheaf_top_between(earlier, later, &difference) == 0) {
		sheaf_top_rate(difference, 1);
		sheaf_top_mean(&difference->completions);
	}
	sheaf_top_free(earlier);
	sheaf_top_free(later);
	sheaf_top_free(difference);
	free(text);
	return 0;
}
