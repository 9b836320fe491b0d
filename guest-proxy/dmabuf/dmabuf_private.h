/* What the files that make up dmabuf.h share. */
#ifndef GUEST_PROXY_DMABUF_DMABUF_PRIVATE_H
#define GUEST_PROXY_DMABUF_DMABUF_PRIVATE_H

#include <assert.h>

#include "guest-proxy/connection/connection.h"
#include "guest-proxy/dmabuf/dmabuf.h"

/* A global of ours, beside those of the host (which count from 1) and of wayferry-host. */
#define OWN_DRM_NAME UINT32_C(0xffff0002)
#define DMABUF_MAX_VERSION 5
#define DMABUF_MODIFIER_VERSION 3
#define DMABUF_FEEDBACK_VERSION 4

/* As linux-dmabuf's format table has it. */
struct dmabuf_pair {
	uint32_t format, pad;
	uint64_t modifier;
};
static_assert(sizeof(struct dmabuf_pair) == 16, "");

struct dmabuf_pairs {
	struct dmabuf_pair *items;
	uint32_t n, capacity;
};

/* False: no memory, or no room for an index. One that is there is not added twice. */
bool dmabuf_pairs_add(struct dmabuf_pairs *pairs, uint32_t format, uint64_t modifier);
void dmabuf_pairs_finish(struct dmabuf_pairs *pairs);

/*
 * Whether the guest can draw in @format and @modifier and show it: other layouts than rows mean
 * something only to drivers that know the host's GPU, and OpenGL shows few formats.
 */
bool dmabuf_usable(const struct gpu *gpu, uint32_t format, uint64_t modifier);

/* relay_object.data of a zwp_linux_dmabuf_v1. */
struct dmabuf_manager {
	uint32_t refs;
	uint32_t host_version;     /* that it was bound with at the host */
	struct dmabuf_pairs pairs; /* usable ones, when the host knows no feedback and the client
				      does */
	bool complete;
	struct relay_object *callback; /* tells that they are complete */
	struct wl_list waiting;        /* struct feedback::link in dmabuf_feedback.c */
};

/* @manager's pairs are complete. */
void dmabuf_feedback_complete(struct relay *relay, struct dmabuf_manager *manager);

/* What @fd (borrowed) is to the host; counted. NULL: it has failed the relay, or *@foreign. */
struct channel_blob *dmabuf_import(struct relay *relay, int fd, bool *foreign);
/* NULL: memory is short. */
struct dmabuf *dmabuf_create(void);
/* @object, a wl_buffer, is @dmabuf, whose reference is taken. */
void dmabuf_give(struct dmabuf *dmabuf, struct relay_object *object);

/* wl_registry.bind of OWN_DRM_NAME */
enum relay_verdict drm_bind(struct relay_message *message);
/* The manager of ours was told. */
void drm_format(struct relay *relay, uint32_t format, uint64_t modifier);

static inline struct dmabuf_state *dmabuf_state(const struct relay *relay)
{
	return &connection_of(relay)->dmabuf;
}

#endif
