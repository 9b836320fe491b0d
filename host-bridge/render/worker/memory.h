/* Segments of guest memory as iovecs into mapped regions. */
#ifndef HOST_BRIDGE_RENDER_WORKER_MEMORY_H
#define HOST_BRIDGE_RENDER_WORKER_MEMORY_H

#include <stdint.h>
#include <sys/uio.h>

#include "host-bridge/render/renderer_protocol.h"

/* Maps a region. Takes @fd. 0 or -errno. */
int memory_add_region(uint32_t region, int fd, uint64_t fd_offset, uint64_t size);

/* Appends segments to the list that memory_take gives. 0 or -errno; then the list is empty. */
int memory_add_segments(const struct renderer_segment *segments, uint32_t n);

/* Takes the list, which is empty then. The caller frees it. NULL when it is empty. */
struct iovec *memory_take(uint32_t *n);

/* Remembers that @iov is in use by a resource until it is dropped; frees what was there. 0 or
 * -ENOMEM (then @iov is freed). */
int memory_set_backing(uint32_t resource_id, struct iovec *iov);
void memory_drop_backing(uint32_t resource_id);

#endif
