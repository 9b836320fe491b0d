/* A cross-domain context (capset 5): one Wayland client of a guest. */
#ifndef HOST_BRIDGE_CROSS_DOMAIN_CROSS_DOMAIN_CONTEXT_H
#define HOST_BRIDGE_CROSS_DOMAIN_CROSS_DOMAIN_CONTEXT_H

#include "host-bridge/cross_domain/streams/pipes.h"
#include "host-bridge/contexts/context.h"
#include "protocol/base/log.h"

struct image_maker;
struct policy;

struct cross_domain_kind {
	struct context_kind base;
	const struct policy *policy;
	bool private_textures; /* guests are told that shared textures are not to be had */
	bool guests_share;     /* guests are to make buffers of their own pages, where these can be
				  exported */
	struct image_maker *maker; /* of other buffers; NULL: they are slots of the region */
	struct pipes lingering;    /* write pipes that have outlived their contexts */
	/* Patient contexts that have a place in the queue; the first is the next to give way. */
	struct wl_list placed;
	/* Contexts that have more than one POLL there, in the order in which they got the second.
	 */
	struct wl_list doubled;
	uint32_t n_doubled;
	struct wl_list groups; /* channel_group::link */
};

/* @policy and @maker are borrowed. */
void cross_domain_kind_init(struct cross_domain_kind *kind, const struct policy *policy,
	bool private_textures, bool guests_share, struct image_maker *maker);

#endif
