/*
 * Buffers of linux-dmabuf and wl_drm: applications drew them on the guest's virtio-gpu device. They
 * cross as what they are, blobs of that device; the host knows what to make of them.
 */
#ifndef GUEST_PROXY_DMABUF_DMABUF_H
#define GUEST_PROXY_DMABUF_DMABUF_H

#include "protocol/pixels/pixel_format.h"
#include "protocol/relay/relay.h"

struct channel_blob;

/* Stands behind a wl_buffer. */
struct dmabuf {
	uint32_t refs;
	int fds[PIXEL_FORMAT_MAX_PLANES]; /* of different GPU buffers; -1: none */
	struct wl_list releases;          /* release_points.h */
};

/* One reference, the caller's. NULL: memory is short. */
struct dmabuf *dmabuf_create(void);
struct dmabuf *dmabuf_ref(struct dmabuf *dmabuf);
void dmabuf_unref(struct dmabuf *dmabuf); /* NULL is fine */

/* @object, a wl_buffer, is @dmabuf from now on; takes the reference. */
void dmabuf_give(struct dmabuf *dmabuf, struct relay_object *object);
/* The one behind a wl_buffer, borrowed; NULL if it is another kind. */
struct dmabuf *dmabuf_of(const struct relay_object *object);

/* wl_buffer.destroy for a wl_buffer that is a dma-buf, and wl_buffer.release. */
enum relay_verdict dmabuf_handle_destroy(struct relay_message *message);
enum relay_verdict dmabuf_handle_release(struct relay_message *message);

/*
 * The blob behind @fd (borrowed), a reference. NULL: the relay has failed, or *@foreign is set, as
 * the fd is no dma-buf of the guest's device.
 */
struct channel_blob *dmabuf_import(struct relay *relay, int fd, bool *foreign);

extern const struct relay_hook dmabuf_hooks[];

#endif
