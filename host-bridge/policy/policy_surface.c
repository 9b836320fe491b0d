/* Policy: surfaces, and the trees that subsurfaces make of them. */
#include "host-bridge/policy/policy_surface.h"

#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/policy_regions.h"
#include "protocol/base/bytes.h"

/* --- surfaces and what extends them --- */

static struct policy_surface *surface_at(const struct relay_object *object)
{
	return object->data;
}

static void leave_parent(struct policy_surface *surface)
{
	surface->parent = NULL;
	wl_list_remove(&surface->siblings);
	wl_list_init(&surface->siblings);
}

static void surface_destroy(struct relay_object *object)
{
	struct policy_surface *surface = surface_at(object), *child, *next_child;
	struct surface_link *link, *next;

	object->data = NULL;
	leave_parent(surface);
	wl_list_for_each_safe(child, next_child, &surface->children, siblings)
	{
		leave_parent(child);
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
	quota_release(surface->quota, QUOTA_SURFACES, 1);
	shadow_finish(&surface->shadow);
	free(surface);
}

/* wl_compositor.create_surface(id) */
static enum relay_verdict handle_create_surface(struct relay_message *message)
{
	const struct policy *policy =
		((struct policy_connection *)relay_data(message->relay))->policy;
	struct relay_object *object = message->args[0].object;

	if (!quota_charge(policy->quota, QUOTA_SURFACES, 1))
		return policy_refuse(message->relay, QUOTA_SURFACES);
	struct policy_surface *surface = calloc(1, sizeof(*surface));
	if (!surface) {
		quota_release(policy->quota, QUOTA_SURFACES, 1);
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"no memory for a surface");
	}
	surface->object = object;
	surface->quota = policy->quota;
	shadow_init(&surface->shadow, policy->counters);
	wl_list_init(&surface->links);
	wl_list_init(&surface->children);
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
	free(link);
}

bool surface_extend(
	struct relay *relay, struct policy_surface *surface, struct relay_object *object)
{
	struct surface_link *link = calloc(1, sizeof(*link));

	if (!link) {
		relay_fail(relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory for a surface");
		return false;
	}
	link->surface = surface;
	wl_list_insert(&surface->links, &link->link);
	object->data = link;
	object->data_destroy = link_destroy;
	return true;
}

struct policy_surface *surface_of(const struct relay_object *object)
{
	const struct surface_link *link = object->data;
	return link ? link->surface : NULL;
}

/* xdg_wm_base.get_xdg_surface(id, surface), and the like */
static enum relay_verdict handle_get_shell_object(struct relay_message *message)
{
	bool good = surface_extend(
		message->relay, surface_at(message->args[1].object), message->args[0].object);
	return good ? RELAY_FORWARD : RELAY_FAILED;
}

/* --- contents --- */

/* wl_surface.attach(buffer, x, y) */
static enum relay_verdict handle_attach(struct relay_message *message)
{
	if (buffer_abandoned(message->args[0].object))
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the process that draws for this application has ended");
	shadow_attach(&surface_at(message->object)->shadow, message->args[0].object);
	return RELAY_FORWARD;
}

/* wl_surface.damage(x, y, width, height) */
static enum relay_verdict handle_damage(struct relay_message *message)
{
	const union wire_arg *args = message->args;
	damage_add_surface(&surface_at(message->object)->shadow.damage, args[0].i, args[1].i,
		args[2].i, args[3].i);
	return RELAY_FORWARD;
}

/* wl_surface.damage_buffer(x, y, width, height) */
static enum relay_verdict handle_damage_buffer(struct relay_message *message)
{
	const union wire_arg *args = message->args;
	damage_add_buffer(&surface_at(message->object)->shadow.damage, args[0].i, args[1].i,
		args[2].i, args[3].i);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_scale(scale) */
static enum relay_verdict handle_set_buffer_scale(struct relay_message *message)
{
	damage_set_scale(&surface_at(message->object)->shadow.damage, message->args[0].i);
	return RELAY_FORWARD;
}

/* wl_surface.set_buffer_transform(transform) */
static enum relay_verdict handle_set_buffer_transform(struct relay_message *message)
{
	damage_set_transform(&surface_at(message->object)->shadow.damage, message->args[0].i);
	return RELAY_FORWARD;
}

/* wp_viewporter.get_viewport(id, surface) */
static enum relay_verdict handle_get_viewport(struct relay_message *message)
{
	surface_at(message->args[1].object)->shadow.damage.viewport = true;
	return RELAY_FORWARD;
}

/* wl_surface.commit() */
static enum relay_verdict handle_commit(struct relay_message *message)
{
	return shadow_commit(message, &surface_at(message->object)->shadow);
}

/* Compositors copy a region that a surface gets. */
static enum relay_verdict keep_region(struct relay_message *message, uint64_t *charged)
{
	uint64_t now = region_rectangles(message->args[0].object);

	if (!quota_adjust(surface_at(message->object)->quota, QUOTA_RECTANGLES, charged, now))
		return policy_refuse(message->relay, QUOTA_RECTANGLES);
	return RELAY_FORWARD;
}

/* wl_surface.set_opaque_region(region) */
static enum relay_verdict handle_set_opaque_region(struct relay_message *message)
{
	return keep_region(message, &surface_at(message->object)->charged_rectangles[0]);
}

/* wl_surface.set_input_region(region) */
static enum relay_verdict handle_set_input_region(struct relay_message *message)
{
	return keep_region(message, &surface_at(message->object)->charged_rectangles[1]);
}

/* --- subsurfaces --- */

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

/* wl_subcompositor.get_subsurface(id, surface, parent) */
static enum relay_verdict handle_get_subsurface(struct relay_message *message)
{
	struct policy_surface *surface = surface_at(message->args[1].object);
	struct policy_surface *parent = surface_at(message->args[2].object);
	uint32_t depth = 0;

	for (struct policy_surface *at = parent; at; at = at->parent, depth++) {
		if (at == surface || surface->parent)
			return relay_fail(message->relay, message->object,
				WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE,
				"the surface is a subsurface already, or its own ancestor");
	}
	if (!quota_charge(surface->quota, QUOTA_SUBSURFACE_DEPTH, depth + height_of(surface)))
		return policy_refuse(message->relay, QUOTA_SUBSURFACE_DEPTH);
	if (!surface_extend(message->relay, surface, message->args[0].object))
		return RELAY_FAILED;
	surface->parent = parent;
	wl_list_remove(&surface->siblings);
	wl_list_insert(&parent->children, &surface->siblings);
	return RELAY_FORWARD;
}

/* wl_subsurface.destroy() */
static enum relay_verdict handle_destroy_subsurface(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);
	if (surface)
		leave_parent(surface);
	return RELAY_FORWARD;
}

const struct relay_hook policy_surface_hooks[] = {
	{"wl_compositor", "create_surface", handle_create_surface, RELAY_DOWN},
	{"wl_subcompositor", "get_subsurface", handle_get_subsurface, RELAY_DOWN},
	{"wl_subsurface", "destroy", handle_destroy_subsurface, RELAY_DOWN},
	{"wl_surface", "attach", handle_attach, RELAY_DOWN},
	{"wl_surface", "commit", handle_commit, RELAY_DOWN},
	{"wl_surface", "damage", handle_damage, RELAY_DOWN},
	{"wl_surface", "damage_buffer", handle_damage_buffer, RELAY_DOWN},
	{"wl_surface", "set_buffer_scale", handle_set_buffer_scale, RELAY_DOWN},
	{"wl_surface", "set_buffer_transform", handle_set_buffer_transform, RELAY_DOWN},
	{"wl_surface", "set_input_region", handle_set_input_region, RELAY_DOWN},
	{"wl_surface", "set_opaque_region", handle_set_opaque_region, RELAY_DOWN},
	{"wp_viewporter", "get_viewport", handle_get_viewport, RELAY_DOWN},
	{"xdg_wm_base", "get_xdg_surface", handle_get_shell_object, RELAY_DOWN},
	{"zxdg_shell_v6", "get_xdg_surface", handle_get_shell_object, RELAY_DOWN},
	{0},
};
