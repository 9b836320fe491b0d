/*
 * What the policy knows of wl_shm: pools, the buffers in them, and shadows of those the compositor
 * cannot see.
 */
#ifndef HOST_BRIDGE_POLICY_BUFFERS_H
#define HOST_BRIDGE_POLICY_BUFFERS_H

#include "host-bridge/policy_hooks.h"

/* relay_object.data of a wl_shm_pool. */
struct shm_pool {
	uint32_t refs;             /* the wl_shm_pool, and each shm_buffer */
	struct wire_handle memory; /* the blob; held until the last buffer is gone */
	int32_t start;             /* of the pool in the fd that the compositor has */
	int32_t size;              /* as the guest sees it */
	/*
	 * Blobs of guest pages have no fd: the compositor gets a memfd of the blob's size, mapped
	 * here, into which buffers are copied before they are shown. NULL: it gets the blob itself.
	 */
	uint8_t *shadow;
	size_t shadow_bytes;
	struct policy_counters *counters;
};

/* relay_object.data of a wl_buffer that comes from a wl_shm_pool. */
struct shm_buffer {
	uint32_t refs; /* the wl_buffer, and surfaces that are to show it */
	struct shm_pool *pool;
	int32_t offset, stride, height; /* bytes, bytes, rows */
	bool by_rows;                   /* one plane: the rows are all there is */
	/* Which commit of which surface its shadow has; surface 0: none yet. */
	uint64_t surface_serial, commit;
};

/* NULL unless @object is a wl_buffer with a shadow. Borrowed. */
struct shm_buffer *shadowed_buffer(const struct relay_object *object);
struct shm_buffer *shm_buffer_ref(struct shm_buffer *buffer);
void shm_buffer_unref(struct shm_buffer *buffer); /* NULL is fine */

/* Gives @pool a shadow of its blob's size. The fd for the compositor, the caller's, or -errno. */
int shadow_create(struct shm_pool *pool, struct policy_counters *counters);
void shadow_destroy(struct shm_pool *pool);

#endif
