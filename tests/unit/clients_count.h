/* How many clients wayferry-guest says that it serves. */
#ifndef TESTS_UNIT_CLIENTS_COUNT_H
#define TESTS_UNIT_CLIENTS_COUNT_H

#include <stdlib.h>

#include "guest-proxy/clients/clients.h"

static inline unsigned clients_count(const struct clients *clients)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	unsigned count = 0;

	clients_print_counters(clients, out);
	fclose(out);
	assert_int_equal(sscanf(text, "clients %u", &count), 1);
	free(text);
	return count;
}

#endif
