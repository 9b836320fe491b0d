/*
 * linux-dmabuf and wl_drm: buffers that applications drew on the guest's virtio-gpu device. They
 * cross as what they are, blobs of that device; the host knows what to make of them.
 */
#ifndef GUEST_PROXY_DMABUF_DMABUF_H
#define GUEST_PROXY_DMABUF_DMABUF_H

#include "protocol/formats/pixel_format.h"
#include "protocol/relay/relay.h"

struct connection;

/* What a connection knows of linux-dmabuf; {0} at its start. */
struct dmabuf_state {
	struct relay_object *registry; /* where the host's global was told; NULL: nowhere */
	uint32_t name, version;        /* of it; version 0: the host has none */
	struct relay_object *manager;  /* one of ours, which only UP knows; for wl_drm */
	uint32_t formats[256];         /* that it was told, those that wl_drm can name */
	uint32_t n_formats;
	struct wl_list drms; /* struct drm::link in drm.c; {0}: none ever */

	/* A frame that is not finished: nothing more is taken from the client until it is. */
	struct wl_event_source *fence, *deadline;
	bool held;   /* the relay holds a commit */
	bool resume; /* the wait is over: give the relay what is left */

	uint64_t buffers, refused, waits; /* ever; refused: no dma-bufs of the guest's device */
};

/* Stands behind a wl_buffer. */
struct dmabuf {
	uint32_t refs;
	int fds[PIXEL_FORMAT_MAX_PLANES]; /* of different buffers; -1: none */
};

/* The one behind a wl_buffer; NULL if it is another kind. */
struct dmabuf *dmabuf_of(const struct relay_object *object);
struct dmabuf *dmabuf_ref(struct dmabuf *dmabuf);
void dmabuf_unref(struct dmabuf *dmabuf); /* NULL is fine */

/*
 * Whether what was drawn into @dmabuf is finished. If not the connection's relay is to be held: it
 * is woken with state->resume set when that is so, or fails when it takes too long.
 */
bool dmabuf_ready(struct connection *connection, const struct dmabuf *dmabuf);

/* The end of the connection: nobody waits any more. */
void dmabuf_finish(struct connection *connection);

extern const struct relay_hook dmabuf_hooks[];
extern const struct relay_hook dmabuf_global_hooks[];
extern const struct relay_hook dmabuf_feedback_hooks[];
extern const struct relay_hook drm_hooks[];

#endif
