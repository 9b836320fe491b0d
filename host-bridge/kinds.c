/* The kinds of contexts that this host offers its guests. */
#include "host-bridge/kinds.h"

void kinds_init(struct kinds *kinds, const struct policy *policy, struct renderer *renderer)
{
	const struct renderer_capset *opengl = renderer_capset(renderer, RENDERER_CAPSET_VIRGL2);

	*kinds = (struct kinds){0};
	cross_domain_kind_init(&kinds->cross_domain, policy, opengl && opengl->private_textures);
	kinds->list[kinds->n++] = &kinds->cross_domain.base;
	for (size_t i = 0; i < renderer_n_capsets(renderer); i++) {
		renderer_context_kind_init(
			&kinds->renderer[i], renderer, renderer_capset_at(renderer, i));
		kinds->list[kinds->n++] = &kinds->renderer[i].base;
	}
}
