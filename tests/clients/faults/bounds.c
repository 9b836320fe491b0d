/*
 * bounds ids-upwards|fds-first N: a client that does what libwayland's bounds allow, and programs
 * do:
 *
 *     ids-upwards: N objects, none with an id that was used before (hand-written libraries);
 *     fds-first: N pools at once, their file descriptors before the messages, 28 with a byte
 *         (libwayland from 1.23 on, when its socket was full).
 *
 * On the display $WAYLAND_DISPLAY. Exit status 0 when all went through.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"

#define IDS_AT_ONCE 100
#define FDS_A_BYTE 28
#define POOL_WORDS 6

static struct raw_client client;

static bool ids_upwards(uint32_t n)
{
	uint32_t words[3 * IDS_AT_ONCE];

	for (uint32_t done = 0; done < n; done += IDS_AT_ONCE) {
		for (uint32_t i = 0; i < IDS_AT_ONCE; i++) {
			words[3 * i] = DISPLAY;
			words[3 * i + 1] = 12 << 16 | 0; /* wl_display.sync */
			words[3 * i + 2] = NEXT + done + i;
		}
		if (client.link->ops->send(client.link, words, sizeof(words), 0) < 0 ||
			raw_client_await(&client, NEXT + done + IDS_AT_ONCE - 1) < 0)
			return false;
	}
	return true;
}

static bool fds_first(uint32_t n)
{
	const size_t size = n * POOL_WORDS * sizeof(uint32_t);
	uint32_t *words = malloc(size);
	int *fds = malloc(n * sizeof(*fds));
	size_t sent = 0;

	if (!words || !fds)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t pool[POOL_WORDS] = {SHM, 16 << 16 | 0, NEXT + i, 4096, /* created */
			NEXT + i, 8 << 16 | 1}; /* and destroyed */
		memcpy(words + POOL_WORDS * i, pool, sizeof(pool));
		fds[i] = memfd_create("pool", MFD_CLOEXEC);
		if (fds[i] < 0 || ftruncate(fds[i], 4096) < 0)
			return false;
	}
	for (uint32_t i = 0; i < n; i += FDS_A_BYTE) {
		bool last = n - i <= FDS_A_BYTE;
		size_t bytes = last ? size - sent : 1;

		if (link_send_fds(client.link, (const char *)words + sent, bytes, fds + i,
			    last ? n - i : FDS_A_BYTE) < 0)
			return false;
		sent += bytes;
	}
	for (uint32_t i = 0; i < n; i++)
		close(fds[i]);
	free(words);
	free(fds);
	return raw_client_ping(&client) == 0;
}

int main(int argc, char **argv)
{
	const char *display = getenv("WAYLAND_DISPLAY");
	struct link *link = argc == 3 && display ? link_open_display(display) : NULL;

	if (!link || raw_client_prepare(&client, link) < 0)
		return 2;
	const uint32_t n = (uint32_t)strtoul(argv[2], NULL, 10);
	const bool fine = strcmp(argv[1], "ids-upwards") == 0 ? ids_upwards(n) : fds_first(n);
	printf("%s: %s\n", argv[1], fine ? "fine" : client.error_message);
	return fine ? 0 : 1;
}
