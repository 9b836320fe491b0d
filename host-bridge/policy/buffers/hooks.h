/* The policy's hook tables for what has pixels; see relay.h for what a hook may do. All end with
 * {0}. */
#ifndef HOST_BRIDGE_POLICY_BUFFERS_HOOKS_H
#define HOST_BRIDGE_POLICY_BUFFERS_HOOKS_H

#include "host-bridge/policy/base/policy_connection.h"

/* Buffers: shared memory and dma-bufs are blobs of the virtio-gpu device. */
extern const struct relay_hook policy_buffer_hooks[];

/* The compositor's globals, and linux-dmabuf where it has none. */
extern const struct relay_hook policy_global_hooks[];

/* linux-dmabuf's buffers. */
extern const struct relay_hook policy_dmabuf_hooks[];

/* wl_shm's buffers that become linux-dmabuf's. */
extern const struct relay_hook policy_import_hooks[];

#endif
