/* zwp_linux_dmabuf_feedback_v1, and the managers that give it out. */
#ifndef GUEST_PROXY_GLOBALS_DMABUF_FEEDBACK_H
#define GUEST_PROXY_GLOBALS_DMABUF_FEEDBACK_H

#include "guest-proxy/dmabuf/dmabuf_formats.h"
#include "protocol/relay/relay.h"

#define DMABUF_FEEDBACK_VERSION 4

/* relay_object.data of a zwp_linux_dmabuf_v1. */
struct dmabuf_manager {
	uint32_t refs;          /* its object's, and one while it is asked */
	struct relay_sync sync; /* whether the host has announced all pairs */
	uint32_t host_version;  /* that it was bound with at the host */
	/* Usable ones (dmabuf_formats.h), where the client knows feedback and the host does not. */
	struct wl_array pairs;
	bool complete;          /* the host has announced all pairs */
	struct wl_list waiting; /* feedback::link in dmabuf_feedback.c */
};

/* @manager's pairs are complete: sends the feedback that waits for them. */
void dmabuf_feedback_complete(struct relay *relay, struct dmabuf_manager *manager);

extern const struct relay_hook dmabuf_feedback_hooks[];

#endif
