/*
 * same-pages SOCKET: a guest whose one context shows a picture as large as all of its memory, made
 * of the same pages again and again, 400 times in each of some submissions; and how long a round
 * trip of its other context takes meanwhile. Exit status 1 when one takes half as long as all of
 * that.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol/formats/cross_domain.h"
#include "tests/clients/faults/malformed.h"
#include "tests/clients/faults/raw_client.h"
#include "tests/clients/faults/raw_context.h"

#define PICTURE 50 /* the resource */
#define SEGMENT_OFFSET (RAW_HEAP + 0x200000u)
#define SEGMENT_BYTES 0x200000u
#define SEGMENTS 4
#define PICTURE_BYTES (SEGMENTS * SEGMENT_BYTES)
#define WIDTH_PX 1024
#define HEIGHT_PX 2048
#define COMMITS 400
#define HANGS_MS 60000
#define SUBMISSIONS 5
#define FIRST_SLOT 50 /* of them; they are not waited for */
#define ROUND_TRIPS 100

enum object { LARGE_POOL = NEXT, LARGE_BUFFER, LARGE_SURFACE };

static struct raw_client attacker, neighbour;

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool make_picture(struct raw_device *device)
{
	static struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entries[SEGMENTS];
	} command = {.create = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB},
			     .resource_id = PICTURE,
			     .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
			     .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
			     .nr_entries = SEGMENTS,
			     .size = PICTURE_BYTES}};

	for (size_t i = 0; i < SEGMENTS; i++)
		command.entries[i] = (struct virtio_gpu_mem_entry){
			.addr = raw_guest(SEGMENT_OFFSET), .length = SEGMENT_BYTES};
	return raw_device_command(device, &command, sizeof(command),
		       sizeof(struct virtio_gpu_ctrl_hdr)) == VIRTIO_GPU_RESP_OK_NODATA &&
		raw_simple(device, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, PICTURE) ==
		VIRTIO_GPU_RESP_OK_NODATA;
}

/* One of the submissions; the first one makes what it needs. */
static void show_picture(struct raw_device *device, uint32_t index)
{
	static struct {
		struct virtio_gpu_cmd_submit submit;
		struct cross_domain_send_receive send;
		uint32_t words[16 + 13 * COMMITS];
	} command;
	const uint32_t start[] = {SHM, 16 << 16 | 0, LARGE_POOL, PICTURE_BYTES, LARGE_POOL,
		32 << 16 | 0, LARGE_BUFFER, 0, WIDTH_PX, HEIGHT_PX, WIDTH_PX * 4, 1, COMPOSITOR,
		12 << 16 | 0, LARGE_SURFACE};
	const uint32_t show[] = {LARGE_SURFACE, 20 << 16 | 1, LARGE_BUFFER, 0, 0, LARGE_SURFACE,
		24 << 16 | 2, 0, 0, WIDTH_PX, HEIGHT_PX, LARGE_SURFACE, 8 << 16 | 6};
	size_t n = index == 0 ? sizeof(start) / 4 : 0;

	memcpy(command.words, start, sizeof(start));
	for (uint32_t i = 0; i < COMMITS; i++) {
		memcpy(command.words + n, show, sizeof(show));
		n += sizeof(show) / 4;
	}
	command.send = (struct cross_domain_send_receive){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_SEND,
			.cmd_size = (uint16_t)(sizeof(command.send) + 4 * n)},
		.num_identifiers = index == 0,
		.opaque_data_size = (uint32_t)(4 * n),
		.identifiers = {PICTURE},
		.types = {CROSS_DOMAIN_ID_VIRTGPU_BLOB},
	};
	command.submit = (struct virtio_gpu_cmd_submit){
		.hdr = {.type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = 1},
		.size = (uint32_t)(sizeof(command.send) + 4 * n)};
	raw_device_prepare(device, FIRST_SLOT + index, &command,
		sizeof(command.submit) + command.submit.size, sizeof(struct virtio_gpu_ctrl_hdr));
	raw_device_post(device, (uint16_t)(2 * (FIRST_SLOT + index)));
}

static int open_client(struct raw_client *client, struct raw_device *device, uint32_t context)
{
	struct link *link = link_open_context(device, context);
	return link ? raw_client_prepare(client, link) : -1;
}

int main(int argc, char **argv)
{
	struct raw_device device;
	double longest = 0, begin;

	if (argc != 2)
		return 2;
	if (raw_device_connect(&device, argv[1]) || raw_device_start(&device) ||
		open_client(&attacker, &device, 1) < 0 || open_client(&neighbour, &device, 2) < 0 ||
		!make_picture(&device)) {
		fputs("no connections, or no memory\n", stderr);
		return 1;
	}
	begin = now_ms();
	for (uint32_t i = 0; i < SUBMISSIONS; i++)
		show_picture(&device, i);
	for (int i = 0; i < ROUND_TRIPS; i++) {
		double start = now_ms();
		if (raw_client_ping(&neighbour) < 0) {
			fputs("the neighbour is not served\n", stderr);
			return 1;
		}
		if (now_ms() - start > longest)
			longest = now_ms() - start;
	}
	printf("longest round trip: %.1f ms\n", longest);
	for (unsigned i = 0; i < SUBMISSIONS; i++)
		if (!device.done[2 * (FIRST_SLOT + i)])
			raw_device_wait(&device, (int)(2 * (FIRST_SLOT + i)), HANGS_MS);
	int error = raw_client_ping(&attacker);
	double all = now_ms() - begin;
	printf("shown after %.1f ms: %s\n", all, error ? attacker.error_message : "all");
	raw_client_finish(&attacker);
	raw_client_finish(&neighbour);
	raw_device_close(&device);
	return longest * 2 > all;
}
