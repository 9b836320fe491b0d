/*
 * next-frontend SOCKET: a monitor that leaves and keeps its map of the host-visible region, and the
 * next one: neither may see what the other writes.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "tests/clients/faults/raw_device.h"

/* The device maps the region when the driver runs, beside everything else. */
static bool start(struct raw_device *device, const char *path)
{
	const struct virtio_gpu_ctrl_hdr info = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};

	if (raw_device_connect(device, path) || raw_device_start(device))
		return false;
	for (int i = 0; i < 1000 && !device->region; i++)
		raw_device_command(
			device, &info, sizeof(info), sizeof(struct virtio_gpu_resp_display_info));
	return device->region;
}

int main(int argc, char **argv)
{
	struct raw_device first, second;

	if (argc != 2)
		return 2;
	if (!start(&first, argv[1])) {
		fputs("no region\n", stderr);
		return 1;
	}
	volatile uint8_t *kept = first.region;
	kept[0] = 'A';
	first.region = NULL; /* raw_device_close would unmap it */
	raw_device_close(&first);
	if (!start(&second, argv[1])) {
		fputs("no region for the next one\n", stderr);
		return 1;
	}
	volatile uint8_t *own = second.region;
	const bool left_over = own[0] != 0;
	kept[1] = 'F';
	const bool forged = own[1] != 0;
	own[2] = 'S';
	const bool seen = kept[2] != 0;
	raw_device_close(&second);
	printf("left over: %s; forged: %s; seen: %s\n", left_over ? "yes" : "no",
		forged ? "yes" : "no", seen ? "yes" : "no");
	return left_over || forged || seen;
}
