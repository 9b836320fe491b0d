/*
 * What the policy knows of buffers: wl_shm's pools, the buffers in them, shadows of those the
 * compositor cannot see, and dma-bufs.
 */
#ifndef HOST_BRIDGE_POLICY_POLICY_BUFFERS_H
#define HOST_BRIDGE_POLICY_POLICY_BUFFERS_H

#include "host-bridge/policy/buffers/hooks.h"
#include "protocol/pixels/pixel_format.h"

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
	struct vm_quota *quota;
};

/* relay_object.data of a wl_buffer that comes from a wl_shm_pool or from linux-dmabuf. */
struct shm_buffer {
	uint32_t refs;         /* the wl_buffer, and surfaces that are to show it */
	struct shm_pool *pool; /* NULL: a dma-buf, which the compositor has itself */
	struct vm_quota *quota;
	int32_t offset, stride; /* bytes */
	int32_t width, height;  /* pixels */
	bool by_rows;           /* one plane: damaged rows can be copied on their own */
	/* The surface, and which of its buffers (damage::shown), the shadow is of; 0: none yet. */
	uint64_t surface_serial, shown;
	/* A dma-buf's blobs, held so that they count against the guest while this exists. */
	struct wire_handle planes[PIXEL_FORMAT_MAX_PLANES];
	uint32_t n_fds; /* that the compositor has of a dma-buf */
	/* With a pool, and as a dma-buf at the compositor: (policy_imports.c) */
	uint32_t format;       /* DRM's */
	struct relay_ref twin; /* the same as a wl_buffer of wl_shm, which only UP knows */
	bool charged_twin;     /* a pool of QUOTA_SHM_POOLS, for the twin */
};

/*
 * A pool over the first @size bytes of the blob in @memory, which is taken on success; *@fd is what
 * the compositor is to get, the caller's, and pool->start where the pool begins in it. 0; -EINVAL
 * (the guest is to blame) or -EDQUOT, with a text in *@why that is good until the next call; or
 * another -errno: memory or descriptors are short.
 */
int shm_pool_create(const struct policy *policy, struct wire_handle *memory, int32_t size,
	struct shm_pool **out, int *fd, const char **why);
void shm_pool_unref(struct shm_pool *pool); /* NULL is fine */

/*
 * One reference, for relay_object.data; holds @pool (may be NULL). NULL: the machine has reached
 * QUOTA_BUFFERS, or memory is short.
 */
struct shm_buffer *shm_buffer_create(struct vm_quota *quota, struct shm_pool *pool, int32_t offset,
	int32_t stride, int32_t width, int32_t height, bool by_rows);
/* Makes @buffer (its reference is taken) what @object, a wl_buffer, stands for. */
void shm_buffer_give(struct shm_buffer *buffer, struct relay_object *object);

/* NULL unless @object is a wl_buffer with a shadow. Borrowed. */
struct shm_buffer *shadowed_buffer(const struct relay_object *object);
/*
 * Whether @object (a wl_buffer, or NULL) is a picture whose renderer has ended. Guests' drivers do
 * not notice such an end: their applications would show the same picture for ever.
 */
bool buffer_abandoned(const struct relay_object *object);
/* The size of @object in pixels, a wl_buffer, or NULL: 0. */
void buffer_size(const struct relay_object *object, int32_t *width, int32_t *height);
/* The memory of @object, a wl_buffer, as far as it is known here. */
uint64_t buffer_bytes(const struct relay_object *object);
struct shm_buffer *shm_buffer_ref(struct shm_buffer *buffer);
void shm_buffer_unref(struct shm_buffer *buffer); /* NULL is fine */

/* relay_data(relay)->display; ready for use. */
struct policy_display *policy_display(const struct relay *relay);
/*
 * The wl_shm of ours at the compositor; NULL: it has none, or the relay has failed. Its formats
 * come later.
 */
struct relay_object *policy_display_shm(struct relay *relay);
/* Whether the compositor takes format @code (DRM's) as wl_shm. */
bool policy_display_takes(const struct policy_display *display, uint32_t code);

/* Buffers of wl_shm that the compositor gets as dma-bufs: policy_imports.c */

/* The compositor has announced linux-dmabuf, of @version, under @name. */
void policy_imports_begin(struct relay *relay, uint32_t name, uint32_t version);

/*
 * wl_shm_pool.create_buffer, which was checked: whether its wl_buffer, of @format (DRM's) and made
 * of
 * @buffer, is one of linux-dmabuf at the compositor, or will be that or one of wl_shm when the
 * compositor has answered. Until then connection->imports.waiting is set, and what the guest says
 * next is to wait. False: the message is to go on.
 */
bool policy_import(struct relay_message *message, struct shm_buffer *buffer, uint32_t format);

/*
 * zwp_linux_buffer_params_v1.created (@made, the new wl_buffer) and .failed (NULL): whether that
 * was about a buffer which was tried here. The message ends here then.
 */
bool policy_import_answered(struct relay_message *message, struct relay_object *made);

/*
 * What stands for @object, a wl_buffer of the guest's wl_shm, where the compositor takes no others:
 * itself, or one over the same memory that lives as long. NULL: something is short, or the relay
 * has failed.
 */
struct relay_object *policy_import_as_shm(struct relay *relay, struct relay_object *object);

#endif
