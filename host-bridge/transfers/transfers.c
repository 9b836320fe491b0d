/* A machine's own sources, and their marks. */
#include "host-bridge/transfers/transfers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host-bridge/transfers/gates.h"

#define MARK "application/x-wayferry-own;source="

struct transfers *transfers_create(void)
{
	struct transfers *transfers = calloc(1, sizeof(*transfers));
	uint8_t secret[TRANSFERS_SECRET_BYTES];

	if (!transfers)
		return NULL;
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret)) {
		free(transfers);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(secret); i++)
		snprintf(transfers->secret + 2 * i, 3, "%02x", secret[i]);
	wl_list_init(&transfers->sources);
	wl_list_init(&transfers->devices);
	wl_list_init(&transfers->proxies);
	wl_list_init(&transfers->gates);
	wl_list_init(&transfers->questions);
	return transfers;
}

void transfers_destroy(struct transfers *transfers)
{
	if (transfers)
		gates_close(&transfers->gates);
	free(transfers);
}

void transfers_write_mark(
	const struct transfers *transfers, uint64_t number, char mark[TRANSFERS_MARK_BYTES])
{
	snprintf(mark, TRANSFERS_MARK_BYTES, MARK "%" PRIu64 ".%s", number, transfers->secret);
}

bool transfers_is_mark(const char *type)
{
	return strncmp(type, MARK, strlen(MARK)) == 0;
}

uint64_t transfers_read_mark(const struct transfers *transfers, const char *type)
{
	char *end;

	if (!transfers_is_mark(type))
		return 0;
	uint64_t number = strtoull(type + strlen(MARK), &end, 10);
	return *end == '.' && strcmp(end + 1, transfers->secret) == 0 ? number : 0;
}
