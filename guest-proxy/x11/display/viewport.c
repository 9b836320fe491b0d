/*
 * The sizes at which surfaces are shown. A surface has one wp_viewport: ours, UP. Xwayland's own,
 * by which it shows windows larger than they are (a game that changed the resolution), is known
 * DOWN only and becomes part of ours.
 */
#include "guest-proxy/x11/display/viewport.h"

static struct relay_object *make_up(struct viewport *viewport)
{
	struct session *session = viewport->session;
	if (!viewport->up.object)
		relay_ref_set(&viewport->up,
			session_make(session, "wp_viewport", session->viewporter.object,
				"get_viewport",
				(union wire_arg[]){{0}, {.object = viewport->surface}}, 0));
	return viewport->up.object;
}

static void set_destination(struct viewport *viewport, int32_t width, int32_t height)
{
	if (width == viewport->shown_width && height == viewport->shown_height)
		return;
	struct relay_object *up = make_up(viewport);
	if (!up)
		return;
	session_send(viewport->session, up, "set_destination",
		(union wire_arg[]){{.i = width > 0 ? width : -1}, {.i = height > 0 ? height : -1}});
	viewport->shown_width = width;
	viewport->shown_height = height;
}

void viewport_update(struct viewport *viewport, int32_t buffer_width, int32_t buffer_height)
{
	uint32_t scale = viewport->session->scale;
	int32_t width = viewport->down_width, height = viewport->down_height;
	if (width <= 0 && scale != SCALE_ONE) {
		width = buffer_width;
		height = buffer_height;
	}
	if (width > 0 && height > 0) {
		width = scale_to_wayland(scale, width);
		height = scale_to_wayland(scale, height);
		set_destination(viewport, width > 0 ? width : 1, height > 0 ? height : 1);
	} else {
		set_destination(viewport, 0, 0);
	}
}

void viewport_finish(struct viewport *viewport)
{
	session_send(viewport->session, viewport->up.object, "destroy", NULL);
	relay_ref_set(&viewport->up, NULL);
	if (viewport->down)
		viewport->down->data = NULL;
	viewport->down = NULL;
	viewport->shown_width = viewport->shown_height = 0;
}

static void handle_gone(struct relay_object *object)
{
	struct viewport *viewport = object->data;
	if (viewport)
		viewport->down = NULL;
}

bool viewport_add_down(struct viewport *viewport, struct relay_object *down)
{
	if (viewport->down)
		return false;
	viewport->down = down;
	down->data = viewport;
	down->data_destroy = handle_gone;
	return true;
}

static enum relay_verdict handle_set_source(struct relay_message *message)
{
	struct viewport *viewport = message->object->data;
	struct relay_object *up = viewport ? make_up(viewport) : NULL;
	if (up)
		session_send(viewport->session, up, "set_source", message->args);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_set_destination(struct relay_message *message)
{
	struct viewport *viewport = message->object->data;
	if (viewport) {
		viewport->down_width = message->args[0].i;
		viewport->down_height = message->args[1].i;
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_destroy(struct relay_message *message)
{
	struct viewport *viewport = message->object->data;
	const union wire_arg none = {.f = wl_fixed_from_int(-1)};
	if (!viewport)
		return RELAY_SWALLOW;
	session_send(viewport->session, viewport->up.object, "set_source",
		(union wire_arg[]){none, none, none, none});
	viewport->down_width = viewport->down_height = 0;
	return RELAY_SWALLOW;
}

const struct relay_hook viewport_hooks[] = {
	{"wp_viewport", "set_source", handle_set_source, RELAY_DOWN},
	{"wp_viewport", "set_destination", handle_set_destination, RELAY_DOWN},
	{"wp_viewport", "destroy", handle_destroy, RELAY_DOWN},
	{0},
};
