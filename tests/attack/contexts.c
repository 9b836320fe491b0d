/*
 * contexts SOCKET CAPSET NUMBER: a guest that asks for so many 3D contexts as fast as it gets
 * answers, and keeps them until it is ended. Says how many it has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/clients/faults/raw_device.h"

static void ask(struct raw_device *device, unsigned slot, uint32_t id, uint32_t capset)
{
	const struct virtio_gpu_ctx_create create = {
		.hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = id}, .context_init = capset};

	raw_device_prepare(
		device, slot, &create, sizeof(create), sizeof(struct virtio_gpu_ctrl_hdr));
	device->done[2 * slot] = false;
	raw_device_post(device, (uint16_t)(2 * slot));
}

static uint32_t take_answer(struct raw_device *device, unsigned slot)
{
	struct virtio_gpu_ctrl_hdr header;
	memcpy(&header, raw_device_response(device, slot), sizeof(header));
	device->done[2 * slot] = false;
	return header.type;
}

int main(int argc, char **argv)
{
	struct raw_device device;
	uint32_t made = 0, refused = 0, asked = 0;

	if (argc != 4)
		return 2;
	const uint32_t capset = (uint32_t)atoi(argv[2]), number = (uint32_t)atoi(argv[3]);
	if (raw_device_connect(&device, argv[1]) || raw_device_start(&device))
		return 1;
	for (unsigned slot = 0; slot < RAW_SLOTS && asked < number; slot++)
		ask(&device, slot, ++asked, capset);
	while (made + refused < number) {
		enum raw_end end = raw_device_wait(&device, -1, 10000);
		if (end == RAW_CLOSED || end == RAW_STOPPED || end == RAW_SILENT)
			return 1;
		for (unsigned slot = 0; slot < RAW_SLOTS; slot++) {
			if (!device.done[2 * slot])
				continue;
			if (take_answer(&device, slot) == VIRTIO_GPU_RESP_OK_NODATA)
				made++;
			else
				refused++;
			if (asked < number)
				ask(&device, slot, ++asked, capset);
		}
	}
	printf("made %u, refused %u\n", made, refused);
	fflush(stdout);
	for (;;)
		pause();
}
