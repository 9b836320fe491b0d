/* /dev/udmabuf: dma-bufs made of the pages of memfds (linux/udmabuf.h). */
#ifndef HOST_BRIDGE_VIRTIO_UDMABUF_H
#define HOST_BRIDGE_VIRTIO_UDMABUF_H

#include <stddef.h>
#include <stdint.h>

#define UDMABUF_MAX_SEGMENTS 1024 /* the kernel's default for its list_limit */

/* A part of a memfd that can never shrink; offset and size are multiples of the page. */
struct udmabuf_segment {
	int fd; /* borrowed */
	uint64_t offset, size;
};

/* Opens the device and makes a dma-buf with it, as a trial. The fd, or -errno. */
int udmabuf_open(void);

/*
 * A dma-buf of the segments, one after the other, by the @device of udmabuf_open. The fd, the
 * caller's, or -errno: -E2BIG (too many segments), -EINVAL (a segment as above it is not, or more
 * bytes than the kernel's size_limit_mb allows).
 */
int udmabuf_create(int device, const struct udmabuf_segment *segments, size_t n_segments);

#endif
