/*
 * keymaps SOCKET CONNECTIONS: a guest that asks for many keyboards on each of so many connections,
 * and takes none of the keymaps that come with them. Keeps them until it is ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"

#define SEAT NEXT
#define FIRST_KEYBOARD (NEXT + 1)
#define KEYBOARDS 100

/* A connection with its keyboards. false: it is refused, or ended. */
static bool connect_and_ask(struct raw_device *device, uint32_t context)
{
	static struct raw_client client;
	uint32_t words[3 * KEYBOARDS];

	struct link *link = link_open_context(device, context);
	if (!link || raw_client_prepare(&client, link))
		return false;
	const struct raw_global *seat = raw_client_global(&client, "wl_seat");
	if (!seat || raw_client_bind(&client, seat->name, seat->interface, 1, SEAT))
		return false;
	for (uint32_t i = 0; i < KEYBOARDS; i++) {
		words[3 * i] = SEAT;
		words[3 * i + 1] = 12 << 16 | 1; /* wl_seat.get_keyboard */
		words[3 * i + 2] = FIRST_KEYBOARD + i;
	}
	return link->ops->send(link, words, sizeof(words), 0) == 0;
}

int main(int argc, char **argv)
{
	struct raw_device device;
	uint32_t n = 0;

	if (argc != 3 || raw_device_connect(&device, argv[1]) || raw_device_start(&device))
		return 1;
	const uint32_t connections = (uint32_t)atoi(argv[2]);
	for (uint32_t context = 1; context <= connections; context++)
		n += connect_and_ask(&device, context);
	printf("%u connections have asked\n", n);
	fflush(stdout);
	for (;;)
		pause();
}
