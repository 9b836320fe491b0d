/* What a connection knows of linux-dmabuf and wl_drm. */
#ifndef GUEST_PROXY_DMABUF_DMABUF_STATE_H
#define GUEST_PROXY_DMABUF_DMABUF_STATE_H

#include "guest-proxy/connection/connection.h"

struct dmabuf_state {
	struct relay_ref registry; /* where the host's global was announced first */
	uint32_t name, version;    /* of the global; version 0: the host has none */
	bool removed;              /* it has gone; the next one takes its place */
	struct relay_ref manager;  /* a zwp_linux_dmabuf_v1 that only UP knows, for wl_drm */
	uint32_t formats[256];     /* those it announced that wl_drm can name */
	uint32_t n_formats;
	struct wl_list drms; /* drm::link in drm.c */
};

/* NULL: memory is short. */
struct dmabuf_state *dmabuf_state_create(void);
/* After the connection's relay. NULL is fine. */
void dmabuf_state_destroy(struct dmabuf_state *state);

static inline struct dmabuf_state *dmabuf_state(const struct relay *relay)
{
	return connection_of(relay)->dmabuf;
}

#endif
