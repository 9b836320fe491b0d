/* Xwayland's wl_surfaces, and which X windows they are. */
#include "guest-proxy/x11/windows/surface.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/x11/display/buffer.h"
#include "guest-proxy/x11/display/output.h"
#include "guest-proxy/x11/display/region.h"

#define WP_VIEWPORTER_VIEWPORT_EXISTS 0 /* wp_viewporter.error */
#define EVERYTHING (1 << 20)            /* pixels; more than any window has */

struct surface *surface_of(const struct relay_object *object)
{
	return object ? object->data : NULL;
}

struct surface *surface_root(struct surface *surface)
{
	while (surface && surface->parent)
		surface = surface->parent;
	return surface && surface->toplevel.object ? surface : NULL;
}

/* Pairs */

static bool belongs(const struct surface *surface, const struct window *window)
{
	if (surface->window || surface->cursor)
		return false;
	if (window->surface_serial)
		return surface->serial == window->surface_serial;
	return window->surface_id && surface->object->id[RELAY_DOWN] == window->surface_id;
}

static void join(struct surface *surface, struct window *window)
{
	window->surface = surface;
	window->surface_id = 0;
	window->surface_serial = 0;
	surface->window = window;
	if (window->bounds)
		surface_reshape(surface);
	surface->session->listener->surface_paired(surface);
}

void surface_pair(struct session *session, struct window *window)
{
	struct surface *surface;
	if (window->surface)
		return;
	wl_list_for_each(surface, &session->surfaces, link)
	{
		if (belongs(surface, window)) {
			join(surface, window);
			return;
		}
	}
}

static void pair_surface(struct surface *surface)
{
	struct window *window;
	wl_list_for_each(window, &surface->session->windows.list, link)
	{
		if (!window->surface && belongs(surface, window)) {
			join(surface, window);
			return;
		}
	}
}

/* Its life */

static void handle_gone(struct relay_object *object)
{
	struct surface *surface = object->data;
	surface->session->listener->surface_leaves(surface);
	masked_finish(&surface->masked);
	viewport_finish(&surface->viewport);
	wl_list_remove(&surface->link);
	free(surface);
}

static enum relay_verdict handle_create(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct relay_object *object = message->args[0].object;
	struct surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return relay_fail_memory(message->relay, "a surface");
	surface->session = session;
	surface->object = object;
	surface->viewport = (struct viewport){.session = session, .surface = object};
	masked_init(&surface->masked, session, object);
	object->data = surface;
	object->data_destroy = handle_gone;
	wl_list_insert(&session->surfaces, &surface->link);
	session->surfaces_made = true;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_destroy(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	surface_hide(surface);
	surface->session->listener->surface_leaves(surface);
	viewport_finish(&surface->viewport);
	return RELAY_FORWARD;
}

/* Content */

static struct relay_object *kept(const struct surface *surface)
{
	struct relay_object *buffer =
		relay_object_at(surface->session->relay, RELAY_DOWN, surface->kept_buffer);
	if (!buffer || buffer->destroyed || strcmp(buffer->interface->wl->name, "wl_buffer") != 0)
		return NULL;
	return buffer;
}

/* The compositor will never see it, and so never give it back. */
static void give_back_kept(struct surface *surface)
{
	struct relay_object *buffer = surface->kept_buffer ? kept(surface) : NULL;
	if (buffer)
		relay_send_named(surface->session->relay, RELAY_DOWN, buffer, "release", NULL);
	surface->kept_buffer = 0;
}

static void update_viewport(struct surface *surface)
{
	viewport_update(&surface->viewport, surface->buffer_width, surface->buffer_height);
}

/*
 * True: @buffer will be shown as a copy. Otherwise it is to be attached at @x, @y, which is how far
 * a drag's icon moves.
 */
static bool attach_copied(
	struct surface *surface, struct relay_object *buffer, int32_t *x, int32_t *y)
{
	int32_t dx = surface->icon_x - surface->icon_told_x;
	int32_t dy = surface->icon_y - surface->icon_told_y;
	bool old = surface->object->version < WL_SURFACE_OFFSET_SINCE_VERSION;
	surface->icon_told_x = surface->icon_x;
	surface->icon_told_y = surface->icon_y;
	if (!old && (dx || dy))
		session_send(surface->session, surface->object, "offset",
			(union wire_arg[]){{.i = dx}, {.i = dy}});
	*x = old ? dx : 0;
	*y = old ? dy : 0;
	return masked_attach(&surface->masked, buffer, *x, *y);
}

/* Attaches @buffer, or a copy that has the window's shape. */
static void attach(struct surface *surface, struct relay_object *buffer)
{
	struct session *session = surface->session;
	int32_t x, y;
	if (attach_copied(surface, buffer, &x, &y))
		masked_commit(&surface->masked);
	else
		session_send(session, surface->object, "attach",
			(union wire_arg[]){{.object = buffer}, {.i = x}, {.i = y}});
	session_send(session, surface->object, "damage",
		(union wire_arg[]){{.i = 0}, {.i = 0}, {.i = EVERYTHING}, {.i = EVERYTHING}});
}

void surface_reshape(struct surface *surface)
{
	struct session *session = surface->session;
	const struct window *window = surface->window;
	bool changed = masked_set(&surface->masked, window->bounds);
	region_set_input(session, surface->object, window->input);
	if (surface->shown && (!changed || masked_commit(&surface->masked)))
		session_send(session, surface->object, "commit", NULL);
}

bool surface_place_icon(struct surface *surface, int32_t x, int32_t y)
{
	surface->icon_x = x;
	surface->icon_y = y;
	return x != surface->icon_told_x || y != surface->icon_told_y;
}

void surface_show(struct surface *surface)
{
	struct session *session = surface->session;
	struct relay_object *buffer = surface->kept_buffer ? kept(surface) : NULL;
	surface->shown = true;
	if (buffer) {
		attach(surface, buffer);
		update_viewport(surface);
	}
	surface->kept_buffer = 0;
	surface->committed = false;
	session_send(session, surface->object, "commit", NULL);
}

void surface_hide(struct surface *surface)
{
	give_back_kept(surface);
	masked_finish(&surface->masked);
	surface->shown = false;
	surface->committed = false;
}

static bool passes(const struct surface *surface)
{
	return surface->cursor || surface->shown;
}

static enum relay_verdict handle_attach(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	struct relay_object *buffer = message->args[0].object;
	buffer_size(buffer, &surface->buffer_width, &surface->buffer_height);
	if (passes(surface)) {
		int32_t x, y;
		if (attach_copied(surface, buffer, &x, &y))
			return RELAY_SWALLOW;
		if (surface->icon) {
			message->args[1].i = x;
			message->args[2].i = y;
		}
		return RELAY_FORWARD;
	}
	if (buffer && buffer->id[RELAY_DOWN] == surface->kept_buffer)
		return RELAY_SWALLOW;
	give_back_kept(surface);
	surface->kept_buffer = buffer ? buffer->id[RELAY_DOWN] : 0;
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_commit(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	surface->session->counters.commits++;
	if (passes(surface)) {
		update_viewport(surface);
		if (surface->window)
			surface->session->listener->surface_commits(surface);
		return masked_commit(&surface->masked) ? RELAY_FORWARD : RELAY_SWALLOW;
	}
	surface->committed = true;
	if (surface->window)
		surface->session->listener->surface_commits(surface);
	else
		pair_surface(surface);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_damage(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	uint32_t scale = surface->session->scale;
	masked_damage(&surface->masked, message->args[1].i, message->args[3].i);
	if (scale != SCALE_ONE) {
		for (int i = 0; i < 2; i++) {
			int32_t from = scale_to_wayland(scale, message->args[i].i) - 1;
			int64_t to = (int64_t)message->args[i].i + message->args[i + 2].i;
			message->args[i].i = from;
			message->args[i + 2].i = to > EVERYTHING
				? EVERYTHING
				: scale_to_wayland(scale, (int32_t)to) + 1 - from;
		}
	}
	return RELAY_FORWARD;
}

static enum relay_verdict handle_damage_buffer(struct relay_message *message)
{
	masked_damage(&surface_of(message->object)->masked, message->args[1].i, message->args[3].i);
	return RELAY_FORWARD;
}

/* Of a window with a shape we tell it. */
static enum relay_verdict handle_input_region(struct relay_message *message)
{
	const struct window *window = surface_of(message->object)->window;
	return window && window->bounds ? RELAY_SWALLOW : RELAY_FORWARD;
}

static enum relay_verdict handle_enter(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	const struct output *output = output_of(message->args[0].object);
	if (surface && output) {
		surface->output_name = output->name;
		surface->session->listener->surface_moved(surface);
	}
	return RELAY_FORWARD;
}

static enum relay_verdict handle_get_viewport(struct relay_message *message)
{
	struct surface *surface = surface_of(message->args[1].object);
	if (!viewport_add_down(&surface->viewport, message->args[0].object))
		return relay_fail(message->relay, message->object, WP_VIEWPORTER_VIEWPORT_EXISTS,
			"the surface has a viewport");
	return RELAY_SWALLOW;
}

/* xwayland_shell_v1, which no compositor offers to us: it ends here. */

static enum relay_verdict handle_get_xwayland_surface(struct relay_message *message)
{
	message->args[0].object->data = message->args[1].object;
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_set_serial(struct relay_message *message)
{
	/* The wl_surface may be gone, and its memory another object's: look it up again. */
	struct session *session = relay_data(message->relay);
	struct surface *surface;
	wl_list_for_each(surface, &session->surfaces, link)
	{
		if (surface->object != message->object->data)
			continue;
		surface->serial = message->args[0].u | (uint64_t)message->args[1].u << 32;
		pair_surface(surface);
		break;
	}
	return RELAY_SWALLOW;
}

const struct relay_hook surface_hooks[] = {
	{"wl_compositor", "create_surface", handle_create, RELAY_DOWN},
	{"wl_surface", "destroy", handle_destroy, RELAY_DOWN},
	{"wl_surface", "attach", handle_attach, RELAY_DOWN},
	{"wl_surface", "commit", handle_commit, RELAY_DOWN},
	{"wl_surface", "damage", handle_damage, RELAY_DOWN},
	{"wl_surface", "damage_buffer", handle_damage_buffer, RELAY_DOWN},
	{"wl_surface", "set_input_region", handle_input_region, RELAY_DOWN},
	{"wl_surface", "enter", handle_enter, RELAY_UP},
	{"wp_viewporter", "get_viewport", handle_get_viewport, RELAY_DOWN},
	{"xwayland_shell_v1", "destroy", relay_swallow, RELAY_DOWN},
	{"xwayland_shell_v1", "get_xwayland_surface", handle_get_xwayland_surface, RELAY_DOWN},
	{"xwayland_surface_v1", "set_serial", handle_set_serial, RELAY_DOWN},
	{"xwayland_surface_v1", "destroy", relay_swallow, RELAY_DOWN},
	{0},
};
