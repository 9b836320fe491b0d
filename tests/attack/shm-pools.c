/*
 * shm-pools SOCKET: a guest that makes 65,000 pools of one page of its memory, each of which is a
 * mapping of the compositor's. Says how far it came, and why no further.
 */
#include <stdio.h>
#include <string.h>

#include "protocol/formats/cross_domain.h"
#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"

#define PAGE_BLOB 50 /* the resource */
#define POOLS 65000
#define POOLS_A_SEND 4
#define SENDS_A_PING 64

/* The next few pools. Whether the device has taken the command. */
static bool make_pools(struct raw_device *device, uint32_t first)
{
	struct {
		struct cross_domain_send_receive send;
		uint32_t words[4 * POOLS_A_SEND];
	} command = {
		.send = {.hdr = {.cmd = CROSS_DOMAIN_CMD_SEND, .cmd_size = sizeof(command)},
			.num_identifiers = POOLS_A_SEND,
			.opaque_data_size = sizeof(command.words)},
	};

	for (uint32_t i = 0; i < POOLS_A_SEND; i++) {
		const uint32_t create[] = {SHM, 16 << 16 | 0, NEXT + first + i, RAW_PAGE};
		memcpy(command.words + 4 * i, create, sizeof(create));
		command.send.identifiers[i] = PAGE_BLOB;
		command.send.types[i] = CROSS_DOMAIN_ID_VIRTGPU_BLOB;
	}
	return raw_submit(device, 1, &command, sizeof(command)) == VIRTIO_GPU_RESP_OK_NODATA;
}

int main(int argc, char **argv)
{
	static struct raw_client client;
	struct raw_device device;
	uint32_t n = 0;

	if (argc != 2 || raw_device_connect(&device, argv[1]) || raw_device_start(&device))
		return 1;
	struct link *link = link_open_context(&device, 1);
	if (!link || raw_client_prepare(&client, link) ||
		raw_guest_blob(&device, PAGE_BLOB, RAW_HEAP, RAW_PAGE) !=
			VIRTIO_GPU_RESP_OK_NODATA ||
		raw_simple(&device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, PAGE_BLOB) !=
			VIRTIO_GPU_RESP_OK_NODATA) {
		fputs("no connection, or no memory\n", stderr);
		return 1;
	}
	while (n < POOLS && make_pools(&device, n)) {
		n += POOLS_A_SEND;
		if (n % (POOLS_A_SEND * SENDS_A_PING) == 0 && raw_client_ping(&client) < 0)
			break;
	}
	raw_client_drain(&client);
	printf("%u pools: %s\n", n, client.error_message);
	return 0;
}
