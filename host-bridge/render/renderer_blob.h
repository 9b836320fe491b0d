/* Checks of memory that a worker passes to the device. */
#ifndef HOST_BRIDGE_RENDER_RENDERER_BLOB_H
#define HOST_BRIDGE_RENDER_RENDERER_BLOB_H

#include "host-bridge/render/renderer_protocol.h"

/*
 * Whether @fd (borrowed) is memory of which [fd_offset, fd_offset + @size) can be mapped by others
 * safely: a dma-buf, or a file in memory that cannot shrink (it is sealed so here, if it is
 * not yet), large enough. 0, -EBADF (no memory), -EPERM (cannot be sealed), -EMSGSIZE (too small),
 * -EINVAL (what the answer says of it makes no sense).
 */
int renderer_blob_check(int fd, const struct renderer_answer *answer, uint64_t size);

#endif
