/*
 * What a guest has told of a surface since it committed it, as the compositor has it: it is told
 * the former state for a commit of ours, and this one again after it. A viewport that is gone needs
 * no such care: all of a buffer can be shown.
 */
#include "host-bridge/policy/windows/pending_state.h"

static struct surface_state pending(const struct policy_surface *surface)
{
	const struct damage *damage = &surface->shadow.damage;

	return (struct surface_state){damage->scale, damage->transform, surface->viewport};
}

static bool tell(struct relay *relay, struct relay_object *object, const char *request,
	const union wire_arg *args)
{
	return relay_send_named(relay, RELAY_UP, object, request, args) == 0;
}

static bool same_source(const struct surface_viewport *a, const struct surface_viewport *b)
{
	return a->source_x == b->source_x && a->source_y == b->source_y &&
		a->source_width == b->source_width && a->source_height == b->source_height;
}

static bool tell_viewport(struct relay *relay, struct relay_object *object,
	const struct surface_viewport *old, const struct surface_viewport *new)
{
	const bool cropped = new->source_width > 0, scaled = new->width > 0;
	const wl_fixed_t none = wl_fixed_from_int(-1);

	if (!same_source(old, new) &&
		!tell(relay, object, "set_source",
			(union wire_arg[]){{.f = cropped ? new->source_x : none},
				{.f = cropped ? new->source_y : none},
				{.f = cropped ? new->source_width : none},
				{.f = cropped ? new->source_height : none}}))
		return false;
	return (old->width == new->width && old->height == new->height) ||
		tell(relay, object, "set_destination",
			(union wire_arg[]){
				{.i = scaled ? new->width : -1}, {.i = scaled ? new->height : -1}});
}

/* Tells the compositor @new where it has @old. */
static bool tell_state(struct relay *relay, const struct policy_surface *surface,
	const struct surface_state *old, const struct surface_state *new)
{
	if (old->scale != new->scale &&
		!tell(relay, surface->object, "set_buffer_scale",
			(union wire_arg[]){{.i = new->scale}}))
		return false;
	if (old->transform != new->transform &&
		!tell(relay, surface->object, "set_buffer_transform",
			(union wire_arg[]){{.i = new->transform}}))
		return false;
	return !surface->viewport_object.object ||
		tell_viewport(
			relay, surface->viewport_object.object, &old->viewport, &new->viewport);
}

void pending_state_committed(struct policy_surface *surface)
{
	surface->committed = pending(surface);
}

bool pending_state_commit_without(struct relay *relay, struct policy_surface *surface)
{
	const struct surface_state now = pending(surface);

	return tell_state(relay, surface, &now, &surface->committed) &&
		tell(relay, surface->object, "commit", NULL) &&
		tell_state(relay, surface, &surface->committed, &now);
}
