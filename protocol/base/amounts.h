/* Named numbers as lines of text: counters. */
#ifndef PROTOCOL_BASE_AMOUNTS_H
#define PROTOCOL_BASE_AMOUNTS_H

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

struct amount {
	const char *name;
	uint64_t value;
};

/* A line "name value" for each. */
static inline void amounts_print(const struct amount *amounts, size_t n, FILE *file)
{
	for (size_t i = 0; i < n; i++)
		fprintf(file, "%s %" PRIu64 "\n", amounts[i].name, amounts[i].value);
}

#endif
