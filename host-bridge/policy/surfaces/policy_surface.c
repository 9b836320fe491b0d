/* Surfaces of guests, what extends them, and the trees that subsurfaces make of them. */
#include "host-bridge/policy/surfaces/policy_surface.h"

#include <errno.h>
#include <stdlib.h>

#include "host-bridge/policy/base/windows.h"
#include "protocol/base/bytes.h"

void surface_leave(struct policy_surface *surface)
{
	for (struct policy_surface *at = surface->parent; at; at = at->parent)
		at->tree_changed = true;
	surface->parent = NULL;
	surface->subsurface = NULL;
	wl_list_remove(&surface->siblings);
	wl_list_init(&surface->siblings);
}

static void forget_window(struct policy_surface *surface)
{
	window_destroy(surface->window);
	surface->window = NULL;
	surface->toplevel = NULL;
}

static void surface_destroy(struct relay_object *object)
{
	struct policy_surface *surface = surface_at(object), *child, *next_child;
	struct surface_link *link, *next;

	object->data = NULL;
	if (surface->border)
		surface->border_destroy(surface->border);
	forget_window(surface);
	relay_ref_set(&surface->popup_parent, NULL);
	relay_ref_set(&surface->popup_role, NULL);
	relay_ref_set(&surface->held, NULL);
	relay_ref_set(&surface->viewport_object, NULL);
	relay_ref_set(&surface->representation, NULL);
	wl_list_remove(&surface->popup_siblings);
	wl_list_for_each_safe(child, next_child, &surface->popups, popup_siblings)
	{
		wl_list_remove(&child->popup_siblings);
		wl_list_init(&child->popup_siblings);
	}
	surface_leave(surface);
	wl_list_for_each_safe(child, next_child, &surface->children, siblings)
	{
		surface_leave(child);
	}
	wl_list_for_each_safe(link, next, &surface->links, link)
	{
		link->surface = NULL;
		wl_list_remove(&link->link);
		wl_list_init(&link->link);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(surface->charged_rectangles); i++)
		quota_release(surface->quota, QUOTA_RECTANGLES, surface->charged_rectangles[i]);
	quota_release(surface->quota, QUOTA_ICON_BYTES, surface->charged_icon_bytes);
	quota_release(surface->quota, QUOTA_PROFILE_BYTES, surface->charged_profile_bytes);
	quota_release(surface->quota, QUOTA_SURFACES, 1);
	asked_callbacks_finish(&surface->releases);
	shadow_finish(&surface->shadow);
	free(surface);
}

enum relay_verdict surface_create(struct relay *relay, struct relay_object *object)
{
	const struct policy_connection *connection = relay_data(relay);
	const struct policy *policy = connection->policy;

	if (!quota_charge(policy->quota, QUOTA_SURFACES, 1))
		return policy_refuse(relay, QUOTA_SURFACES);
	struct policy_surface *surface = calloc(1, sizeof(*surface));
	if (!surface) {
		quota_release(policy->quota, QUOTA_SURFACES, 1);
		return relay_fail_memory(relay, "a surface");
	}
	surface->object = object;
	surface->quota = policy->quota;
	shadow_init(&surface->shadow, policy->counters);
	surface->committed.scale = surface->shadow.damage.scale;
	surface->committed.transform = surface->shadow.damage.transform;
	asked_callbacks_init(&surface->releases);
	wl_list_init(&surface->links);
	wl_list_init(&surface->children);
	wl_list_init(&surface->popups);
	wl_list_init(&surface->popup_siblings);
	wl_list_init(&surface->siblings);
	object->data = surface;
	object->data_destroy = surface_destroy;
	return RELAY_FORWARD;
}

static void link_destroy(struct relay_object *object)
{
	struct surface_link *link = object->data;

	object->data = NULL;
	wl_list_remove(&link->link);
	if (link->surface && link->surface->shell == object)
		link->surface->shell = NULL;
	if (link->surface && link->surface->toplevel == object)
		forget_window(link->surface);
	if (link->surface && link->surface->subsurface == object)
		surface_leave(link->surface);
	free(link);
}

bool surface_extend(
	struct relay *relay, struct policy_surface *surface, struct relay_object *object)
{
	struct surface_link *link = calloc(1, sizeof(*link));

	if (!link) {
		relay_fail_memory(relay, "a surface");
		return false;
	}
	link->surface = surface;
	wl_list_insert(&surface->links, &link->link);
	object->data = link;
	object->data_destroy = link_destroy;
	return true;
}

bool surface_become_window(
	struct relay *relay, struct policy_surface *surface, struct relay_object *object)
{
	const struct policy_connection *connection = relay_data(relay);

	if (!surface->window)
		surface->window =
			window_create(connection->policy->windows, surface, connection->name);
	surface->toplevel = object;
	if (surface->window)
		return true;
	relay_fail_memory(relay, "a window");
	return false;
}

struct policy_surface *surface_of(const struct relay_object *object)
{
	const struct surface_link *link = object->data;
	return link ? link->surface : NULL;
}

/* How many levels there are below @surface. Bounded, as the depth of each tree is. */
static uint32_t height_of(const struct policy_surface *surface)
{
	const struct policy_surface *child;
	uint32_t height = 0;

	wl_list_for_each(child, &surface->children, siblings)
	{
		height = (uint32_t)max_u64(height, 1 + height_of(child));
	}
	return height;
}

int surface_join(struct policy_surface *surface, struct policy_surface *parent)
{
	uint32_t depth = 0;

	for (struct policy_surface *at = parent; at; at = at->parent, depth++) {
		if (at == surface || surface->parent)
			return -EINVAL;
	}
	if (!quota_charge(surface->quota, QUOTA_SUBSURFACE_DEPTH, depth + height_of(surface)))
		return -EDQUOT;
	surface->parent = parent;
	wl_list_remove(&surface->siblings);
	wl_list_insert(&parent->children, &surface->siblings);
	return 0;
}

void surface_add_below(
	const struct policy_surface *parent, int64_t x, int64_t y, struct rectangle *sum)
{
	const struct policy_surface *child;

	wl_list_for_each(child, &parent->children, siblings)
	{
		const struct rectangle place = {
			x + child->x, y + child->y, child->width, child->height};
		if (child->width == 0)
			continue;
		*sum = rectangle_around(sum, &place);
		surface_add_below(child, place.x, place.y, sum);
	}
}
