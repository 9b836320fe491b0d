/*
 * noise SOCKET NUMBER SECONDS: a guest whose connections are refused, so many of them, and that
 * then says for so many seconds what makes no sense. Says how often it was refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "protocol/base/bytes.h"
#include "protocol/formats/cross_domain.h"
#include "tests/clients/faults/raw_context.h"

#define CONTEXT 1

static struct raw_device device;
static unsigned long refused;

static void count(uint32_t answer)
{
	if (answer == 0) {
		fputs("the device does not answer any more\n", stderr);
		exit(1);
	}
	refused += answer >= VIRTIO_GPU_RESP_ERR_UNSPEC;
}

/* The connection is refused: there is an end at once. */
static void be_refused(void)
{
	const struct cross_domain_send_receive *event =
		(const void *)raw_channel_page(&device, CONTEXT);

	count(raw_context_create(&device, CONTEXT));
	count(raw_context_init(&device, CONTEXT));
	raw_post_poll(&device, CONTEXT);
	if (raw_wait_poll(&device, CONTEXT, RAW_TIMEOUT_MS) != RAW_ANSWERED)
		exit(1);
	refused += event->hdr.cmd == CROSS_DOMAIN_CMD_RECEIVE;
	raw_context_destroy(&device, CONTEXT);
}

/* One of each kind: contexts, resources and commands that there are not, and bytes. */
static void talk_nonsense(uint32_t n)
{
	uint32_t words[16] = {0};

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		words[i] = n * 2654435761u + (uint32_t)i;
	count(raw_simple(&device, VIRTIO_GPU_CMD_CTX_DESTROY, 5000 + n, 0));
	count(raw_simple(&device, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 5000 + n));
	count(raw_simple(&device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTEXT, 5000 + n));
	count(raw_simple(&device, 0x300 + n % 0x1000, CONTEXT, n));
	count(raw_guest_blob(&device, 5000 + n, 0, 0));
	count(raw_map_blob(&device, RAW_QUERY_RING(CONTEXT), n));
	count(raw_submit(&device, CONTEXT, words, sizeof(words)));
	count(raw_submit(&device, 5000 + n, words, sizeof(words)));
}

int main(int argc, char **argv)
{
	if (argc != 4 || raw_device_connect(&device, argv[1]) || raw_device_start(&device))
		return 1;
	const int connections = atoi(argv[2]);
	const time_t seconds = atoi(argv[3]);
	for (int i = 0; i < connections; i++)
		be_refused();
	printf("%lu refused\n", refused);

	struct timespec start, now;
	clock_gettime(CLOCK_MONOTONIC, &start);
	count(raw_context_create(&device, CONTEXT));
	refused = 0;
	for (uint32_t n = 0;
		clock_gettime(CLOCK_MONOTONIC, &now), now.tv_sec - start.tv_sec < seconds; n++)
		talk_nonsense(n);
	printf("%lu times nonsense\n", refused);
	return 0;
}
