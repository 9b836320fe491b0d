/* Policy: the requests that make, change and show surfaces. */
#include <errno.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/border/border.h"
#include "host-bridge/policy/windows/hooks.h"
#include "host-bridge/policy/windows/policy_bounds.h"
#include "host-bridge/policy/surfaces/policy_attention.h"
#include "host-bridge/policy/surfaces/policy_regions.h"

#define XDG_SURFACE_INVALID_SIZE 5 /* xdg_surface.error */

/* --- what surfaces become --- */

/* wl_compositor.create_surface(id) */
static enum relay_verdict handle_create_surface(struct relay_message *message)
{
	return surface_create(message->relay, message->args[0].object);
}

/* xdg_wm_base.get_xdg_surface(id, surface), and the like */
static enum relay_verdict handle_get_shell_object(struct relay_message *message)
{
	struct policy_surface *surface = surface_at(message->args[1].object);

	if (!surface_extend(message->relay, surface, message->args[0].object))
		return RELAY_FAILED;
	surface->shell = message->args[0].object;
	return border_create(message->relay, surface) ? RELAY_FORWARD : RELAY_FAILED;
}

/* xdg_surface.set_window_geometry(x, y, width, height) */
static enum relay_verdict handle_set_window_geometry(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);
	const union wire_arg *args = message->args;

	if (surface && border_framed(surface) && (args[2].i <= 0 || args[3].i <= 0))
		return relay_fail(message->relay, message->object, XDG_SURFACE_INVALID_SIZE,
			"a window geometry of %d x %d", args[2].i, args[3].i);
	if (surface)
		surface->geometry = (struct rectangle){args[0].i, args[1].i, args[2].i, args[3].i};
	return surface && border_framed(surface) ? RELAY_SWALLOW : RELAY_FORWARD; /* see border.c */
}

static enum relay_verdict configured(struct relay_message *message, int32_t width, int32_t height)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface) {
		surface->configured_width = width;
		surface->configured_height = height;
	}
	return RELAY_FORWARD;
}

/* xdg_toplevel.configure(width, height, states) */
static enum relay_verdict handle_configure(struct relay_message *message)
{
	if (!border_configure(message))
		return RELAY_FAILED;
	return configured(message, message->args[0].i, message->args[1].i);
}

/* wl_shell_surface.configure(edges, width, height) */
static enum relay_verdict handle_configure_shell(struct relay_message *message)
{
	return configured(message, message->args[1].i, message->args[2].i);
}

/* wl_pointer.set_cursor(serial, surface, hotspot_x, hotspot_y), and of a tablet's tool */
static enum relay_verdict handle_set_cursor(struct relay_message *message)
{
	struct relay_object *object = message->args[1].object;

	if (object && !bounds_image(surface_at(object)))
		message->args[1].object = NULL;
	message->args[2].i = bounds_hotspot(message->args[2].i);
	message->args[3].i = bounds_hotspot(message->args[3].i);
	return RELAY_FORWARD;
}

/* wl_data_device.start_drag(source, origin, icon, serial) */
enum relay_verdict policy_start_drag(struct relay_message *message)
{
	struct relay_object *icon = message->args[2].object;

	if (icon && !bounds_image(surface_at(icon)))
		message->args[2].object = NULL;
	return RELAY_FORWARD;
}

/* --- what they show --- */

/*
 * wl_surface.attach(buffer, x, y). The compositor hears of it with the guest's commit, when what is
 * to be copied has been: a commit of ours before that (policy_bounds.c) does not show it.
 */
static enum relay_verdict handle_attach(struct relay_message *message)
{
	struct policy_surface *surface = surface_at(message->object);
	struct relay_object *buffer = message->args[0].object;

	if (buffer_abandoned(buffer))
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the process that draws for this application has ended");
	shadow_attach(&surface->shadow, buffer);
	if (message->object->version < WL_SURFACE_OFFSET_SINCE_VERSION)
		bounds_offset(surface, &message->args[1].i, &message->args[2].i);
	relay_ref_set(&surface->held, buffer);
	surface->holds = true;
	surface->held_x = message->args[1].i;
	surface->held_y = message->args[2].i;
	return RELAY_SWALLOW;
}

/* Sends the attach that waited for this commit; without the buffer if the guest destroyed that. */
static bool attach_held(struct relay *relay, struct policy_surface *surface)
{
	struct relay_object *buffer = surface->held.object;

	surface->holds = false;
	surface->attached = true;
	surface->attached_id = buffer ? buffer->id[RELAY_DOWN] : 0;
	buffer_size(buffer, &surface->attached_width, &surface->attached_height);
	relay_ref_set(&surface->held, NULL);
	return relay_send_named(relay, RELAY_UP, surface->object, "attach",
		       (union wire_arg[]){{.object = buffer}, {.i = surface->held_x},
			       {.i = surface->held_y}}) == 0 &&
		(!surface->damage_spent ||
			relay_send_named(relay, RELAY_UP, surface->object, "damage",
				(union wire_arg[]){{.i = 0}, {.i = 0}, {.i = INT32_MAX},
					{.i = INT32_MAX}}) == 0);
}

/* wp_color_representation_manager_v1.get_surface(id, surface) */
static enum relay_verdict handle_get_representation(struct relay_message *message)
{
	struct policy_surface *surface = surface_at(message->args[1].object);

	if (!surface_extend(message->relay, surface, message->args[0].object))
		return RELAY_FAILED;
	relay_ref_set(&surface->representation, message->args[0].object);
	surface->holds_coefficients = false;
	return RELAY_FORWARD;
}

/*
 * wp_color_representation_surface_v1.set_coefficients_and_range(coefficients, range). They are of
 * the buffer's format: with that of another one they are an error, so they wait with it.
 */
static enum relay_verdict handle_set_coefficients(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (!surface || surface->representation.object != message->object)
		return RELAY_FORWARD;
	surface->holds_coefficients = true;
	surface->coefficients = message->args[0].u;
	surface->range = message->args[1].u;
	return RELAY_SWALLOW;
}

static bool tell_held_coefficients(struct relay *relay, struct policy_surface *surface)
{
	struct relay_object *representation = surface->representation.object;
	bool held = surface->holds_coefficients && representation;

	surface->holds_coefficients = false;
	return !held ||
		relay_send_named(relay, RELAY_UP, representation, "set_coefficients_and_range",
			(union wire_arg[]){{.u = surface->coefficients}, {.u = surface->range}}) ==
		0;
}

/* wl_surface.offset(x, y) */
static enum relay_verdict handle_offset(struct relay_message *message)
{
	bounds_offset(surface_at(message->object), &message->args[0].i, &message->args[1].i);
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
	struct policy_surface *surface = surface_at(message->args[1].object);

	surface->shadow.damage.viewport = true;
	relay_ref_set(&surface->viewport_object, message->args[0].object);
	return surface_extend(message->relay, surface, message->args[0].object) ? RELAY_FORWARD
										: RELAY_FAILED;
}

/* wp_viewport.set_source(x, y, width, height) */
static enum relay_verdict handle_set_source(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface) {
		surface->viewport.source_x = message->args[0].f;
		surface->viewport.source_y = message->args[1].f;
		surface->viewport.source_width = message->args[2].f;
		surface->viewport.source_height = message->args[3].f;
	}
	return RELAY_FORWARD;
}

/* wp_viewport.set_destination(width, height) */
static enum relay_verdict handle_set_destination(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface) {
		surface->viewport.width = message->args[0].i;
		surface->viewport.height = message->args[1].i;
	}
	return RELAY_FORWARD;
}

/* wp_viewport.destroy() */
static enum relay_verdict handle_destroy_viewport(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface)
		surface->viewport = (struct surface_viewport){0};
	return RELAY_FORWARD;
}

/* wl_surface.commit() */
static enum relay_verdict handle_commit(struct relay_message *message)
{
	struct policy_surface *surface = surface_at(message->object);
	enum relay_verdict verdict = shadow_commit(message, &surface->shadow);

	if (verdict != RELAY_FORWARD)
		return verdict;
	if ((surface->holds && !attach_held(message->relay, surface)) ||
		!tell_held_coefficients(message->relay, surface))
		return RELAY_FAILED;
	surface->damage_spent = false;
	return bounds_commit(message->relay, surface) &&
			bounds_settle_releases(message->relay, surface)
		? RELAY_FORWARD
		: RELAY_FAILED;
}

/* wl_surface.get_release(callback): of a buffer that may not be shown */
static enum relay_verdict handle_get_release(struct relay_message *message)
{
	return asked_callbacks_add(&surface_at(message->object)->releases, message);
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

/* wl_subcompositor.get_subsurface(id, surface, parent) */
static enum relay_verdict handle_get_subsurface(struct relay_message *message)
{
	struct policy_surface *surface = surface_at(message->args[1].object);
	int error = surface_join(surface, surface_at(message->args[2].object));

	if (error == -EDQUOT)
		return policy_refuse(message->relay, QUOTA_SUBSURFACE_DEPTH);
	if (error < 0)
		return relay_fail(message->relay, message->object,
			WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE,
			"the surface is a subsurface already, or its own ancestor");
	if (!surface_extend(message->relay, surface, message->args[0].object))
		return RELAY_FAILED;
	surface->subsurface = message->args[0].object;
	surface->synced = true;
	bounds_move(surface, &(int32_t){0}, &(int32_t){0});
	surface->x = surface->y = 0;
	surface->placed = false;
	if (!border_framed(surface->parent))
		return RELAY_FORWARD;
	return relay_send(message->relay, RELAY_UP, message->object, message->opcode,
		       message->args) == 0 &&
			border_stack(surface->parent, surface->subsurface)
		? RELAY_SWALLOW
		: RELAY_FAILED;
}

/* wl_subsurface.set_position(x, y) */
static enum relay_verdict handle_set_position(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface && surface->parent)
		bounds_move(surface, &message->args[0].i, &message->args[1].i);
	return RELAY_FORWARD;
}

/* wl_subsurface.set_sync() */
static enum relay_verdict handle_set_sync(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface)
		surface->synced = true;
	return RELAY_FORWARD;
}

/* wl_subsurface.set_desync() */
static enum relay_verdict handle_set_desync(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	if (surface)
		surface->synced = false;
	return !surface || bounds_desync(message->relay, surface) ? RELAY_FORWARD : RELAY_FAILED;
}

/* wl_subsurface.destroy() */
static enum relay_verdict handle_destroy_subsurface(struct relay_message *message)
{
	struct policy_surface *surface = surface_of(message->object);

	return !surface || surface->subsurface != message->object ||
			bounds_leave(message->relay, surface)
		? RELAY_FORWARD
		: RELAY_FAILED;
}

/* wl_surface.destroy() */
static enum relay_verdict handle_destroy_surface(struct relay_message *message)
{
	attention_surface_goes(relay_data(message->relay), message->object);
	return bounds_leave(message->relay, surface_at(message->object)) ? RELAY_FORWARD
									 : RELAY_FAILED;
}

const struct relay_hook policy_surface_hooks[] = {
	{"wl_compositor", "create_surface", handle_create_surface, RELAY_DOWN},
	{"wl_pointer", "set_cursor", handle_set_cursor, RELAY_DOWN},
	{"wl_shell_surface", "configure", handle_configure_shell, RELAY_UP},
	{"wl_subcompositor", "get_subsurface", handle_get_subsurface, RELAY_DOWN},
	{"wl_subsurface", "destroy", handle_destroy_subsurface, RELAY_DOWN},
	{"wl_subsurface", "set_desync", handle_set_desync, RELAY_DOWN},
	{"wl_subsurface", "set_position", handle_set_position, RELAY_DOWN},
	{"wl_subsurface", "set_sync", handle_set_sync, RELAY_DOWN},
	{"wl_surface", "attach", handle_attach, RELAY_DOWN},
	{"wl_surface", "commit", handle_commit, RELAY_DOWN},
	{"wl_surface", "damage", handle_damage, RELAY_DOWN},
	{"wl_surface", "damage_buffer", handle_damage_buffer, RELAY_DOWN},
	{"wl_surface", "destroy", handle_destroy_surface, RELAY_DOWN},
	{"wl_surface", "get_release", handle_get_release, RELAY_DOWN},
	{"wl_surface", "offset", handle_offset, RELAY_DOWN},
	{"wl_surface", "set_buffer_scale", handle_set_buffer_scale, RELAY_DOWN},
	{"wl_surface", "set_buffer_transform", handle_set_buffer_transform, RELAY_DOWN},
	{"wl_surface", "set_input_region", handle_set_input_region, RELAY_DOWN},
	{"wl_surface", "set_opaque_region", handle_set_opaque_region, RELAY_DOWN},
	{"wp_color_representation_manager_v1", "get_surface", handle_get_representation,
		RELAY_DOWN},
	{"wp_color_representation_surface_v1", "set_coefficients_and_range",
		handle_set_coefficients, RELAY_DOWN},
	{"wp_viewport", "destroy", handle_destroy_viewport, RELAY_DOWN},
	{"wp_viewport", "set_destination", handle_set_destination, RELAY_DOWN},
	{"wp_viewport", "set_source", handle_set_source, RELAY_DOWN},
	{"wp_viewporter", "get_viewport", handle_get_viewport, RELAY_DOWN},
	{"xdg_surface", "set_window_geometry", handle_set_window_geometry, RELAY_DOWN},
	{"xdg_toplevel", "configure", handle_configure, RELAY_UP},
	{"xdg_wm_base", "get_xdg_surface", handle_get_shell_object, RELAY_DOWN},
	{"zwp_tablet_tool_v1", "set_cursor", handle_set_cursor, RELAY_DOWN},
	{"zwp_tablet_tool_v2", "set_cursor", handle_set_cursor, RELAY_DOWN},
	{"zxdg_shell_v6", "get_xdg_surface", handle_get_shell_object, RELAY_DOWN},
	{"zxdg_surface_v6", "set_window_geometry", handle_set_window_geometry, RELAY_DOWN},
	{"zxdg_toplevel_v6", "configure", handle_configure, RELAY_UP},
	{0},
};
