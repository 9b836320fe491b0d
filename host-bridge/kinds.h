/* The kinds of contexts that this host offers its guests. */
#ifndef HOST_BRIDGE_KINDS_H
#define HOST_BRIDGE_KINDS_H

#include "host-bridge/cross_domain/cross_domain_context.h"
#include "host-bridge/render/renderer_context.h"

struct kinds {
	struct cross_domain_kind cross_domain;
	struct renderer_context_kind renderer[RENDERER_MAX_CAPSETS];
	struct rate rate; /* of new 3D contexts of all kinds: each starts a process */
	struct context_kind *list[1 + RENDERER_MAX_CAPSETS]; /* as guests are told of them */
	size_t n;
};

/*
 * Cross-domain first, then what @renderer has. @policy, @renderer and @maker are borrowed;
 * @renderer may be NULL: no 3D, as may @maker. @guests_share: see cross_domain_kind.
 */
void kinds_init(struct kinds *kinds, const struct policy *policy, struct renderer *renderer,
	bool guests_share, struct image_maker *maker);

/* For contexts that are made from now on; borrowed. */
void kinds_set_policy(struct kinds *kinds, const struct policy *policy);

#endif
