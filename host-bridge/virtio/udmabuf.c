/* /dev/udmabuf: dma-bufs made of the pages of memfds. */
#include "host-bridge/virtio/udmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define DEVICE "/dev/udmabuf"

int udmabuf_create(int device, const struct udmabuf_segment *segments, size_t n_segments)
{
	union {
		struct udmabuf_create_list head;
		uint8_t bytes[sizeof(struct udmabuf_create_list) +
			UDMABUF_MAX_SEGMENTS * sizeof(struct udmabuf_create_item)];
	} list;

	if (n_segments > UDMABUF_MAX_SEGMENTS)
		return -E2BIG;
	list.head.flags = UDMABUF_FLAGS_CLOEXEC;
	list.head.count = (uint32_t)n_segments;
	for (size_t i = 0; i < n_segments; i++)
		list.head.list[i] = (struct udmabuf_create_item){
			.memfd = (uint32_t)segments[i].fd,
			.offset = segments[i].offset,
			.size = segments[i].size,
		};
	int fd = ioctl(device, UDMABUF_CREATE_LIST, &list);
	return fd < 0 ? -errno : fd;
}

/* The device may be there and not work, for the kernel's configuration or a limit. */
static int try(int device)
{
	int memory = fd_memfd("wayferry-trial", PAGE_BYTES);
	if (memory < 0)
		return memory;
	const struct udmabuf_segment segment = {.fd = memory, .size = PAGE_BYTES};
	int trial = udmabuf_create(device, &segment, 1);
	fd_close(&memory);
	if (trial < 0)
		return trial;
	close(trial);
	return 0;
}

int udmabuf_open(void)
{
	int device = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;
	int error = try(device);
	if (error == 0)
		return device;
	close(device);
	return error;
}
