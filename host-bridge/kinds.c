/* The kinds of contexts that this host offers its guests. */
#include "host-bridge/kinds.h"

/* A desktop's applications start at once; what goes on for longer than that is no desktop. */
#define RENDERERS_AT_ONCE 16
#define RENDERERS_PER_S 4

void kinds_init(struct kinds *kinds, const struct policy *policy, struct renderer *renderer,
	bool guests_share, struct image_maker *maker)
{
	const struct renderer_capset *opengl = renderer_capset(renderer, RENDERER_CAPSET_VIRGL2);

	*kinds = (struct kinds){
		.rate = {.at_once = RENDERERS_AT_ONCE, .per_second = RENDERERS_PER_S}};
	cross_domain_kind_init(&kinds->cross_domain, policy, opengl && opengl->private_textures,
		guests_share, maker);
	kinds->list[kinds->n++] = &kinds->cross_domain.base;
	for (size_t i = 0; i < renderer_n_capsets(renderer); i++) {
		renderer_context_kind_init(
			&kinds->renderer[i], renderer, renderer_capset_at(renderer, i));
		kinds->renderer[i].base.rate = &kinds->rate;
		kinds->list[kinds->n++] = &kinds->renderer[i].base;
	}
}

void kinds_set_policy(struct kinds *kinds, const struct policy *policy)
{
	kinds->cross_domain.policy = policy;
}
