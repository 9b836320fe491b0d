/*
 * Menus, tooltips and whatever else X clients put on the screen by themselves.
 *
 * All are popups of a toplevel, none of another popup: X knows no order among them, and Wayland
 * would insist on one. None grabs: the X client does that, with X's own means.
 */
#include "guest-proxy/x11/shell/popup.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define REPOSITION_SINCE 3

/* xdg_positioner's */
enum {
	ANCHOR_TOP_LEFT = 5,
	GRAVITY_BOTTOM_RIGHT = 8,
	ADJUST_SLIDE = 1 | 2,
};

static struct surface *root_of_window(struct session *session, xcb_window_t id)
{
	struct window *window = window_find(session, id);
	return window ? surface_root(window->surface) : NULL;
}

/* The last toplevel of the same client that was mapped. */
static struct surface *root_of_client(const struct surface *surface)
{
	struct session *session = surface->session;
	struct surface *other, *found = NULL;
	wl_list_for_each(other, &session->surfaces, link)
	{
		if (!found && other->toplevel.object && other->window &&
			window_same_client(session, other->window->id, surface->window->id))
			found = other;
	}
	return found;
}

static struct surface *find_root(const struct surface *surface)
{
	struct session *session = surface->session;
	const struct window *window = surface->window;
	struct surface *candidates[] = {
		root_of_window(session, window->hints.transient_for),
		surface_root(session->focus.pointer),
		surface_root(session->focus.keyboard),
		surface_root(session->focus.activated),
	};
	for (size_t i = 0; i < 4; i++) {
		const struct window *other = candidates[i] ? candidates[i]->window : NULL;
		if (other && (i == 0 || window_same_client(session, other->id, window->id)))
			return candidates[i];
	}
	struct surface *found = root_of_client(surface);
	for (size_t i = 1; i < 4 && !found; i++)
		found = candidates[i];
	return found;
}

/* Made for one request and destroyed behind it. */
static struct relay_object *make_positioner(struct surface *surface, const struct window *parent)
{
	struct session *session = surface->session;
	const struct box *box = &surface->window->box;
	uint32_t scale = session->scale;
	struct relay_object *positioner = session_make(session, "xdg_positioner",
		session->wm_base.object, "create_positioner", (union wire_arg[]){{0}}, 0);
	if (!positioner)
		return NULL;
	int32_t width = scale_to_wayland(scale, box->width);
	int32_t height = scale_to_wayland(scale, box->height);
	/* Positions count from the parent's window geometry, in which its shadow is not. */
	int32_t x = scale_to_wayland(scale, box->x - parent->box.x - parent->hints.frame.left);
	int32_t y = scale_to_wayland(scale, box->y - parent->box.y - parent->hints.frame.top);
	session_send(session, positioner, "set_size",
		(union wire_arg[]){{.i = width > 0 ? width : 1}, {.i = height > 0 ? height : 1}});
	session_send(session, positioner, "set_anchor_rect",
		(union wire_arg[]){{.i = 0}, {.i = 0}, {.i = 1}, {.i = 1}});
	session_send(session, positioner, "set_anchor", (union wire_arg[]){{.u = ANCHOR_TOP_LEFT}});
	session_send(session, positioner, "set_gravity",
		(union wire_arg[]){{.u = GRAVITY_BOTTOM_RIGHT}});
	session_send(session, positioner, "set_constraint_adjustment",
		(union wire_arg[]){{.u = ADJUST_SLIDE}});
	session_send(session, positioner, "set_offset", (union wire_arg[]){{.i = x}, {.i = y}});
	log_debug("window %#x: popup of %#x at %d,%d, %dx%d", surface->window->id, parent->id, x, y,
		width, height);
	return positioner;
}

bool popup_create(struct surface *surface)
{
	struct session *session = surface->session;
	struct surface *root = surface->window->override_redirect ? find_root(surface) : NULL;
	/* A popup of what is not on the screen would be a protocol error. */
	if (!root || root == surface || !root->shown)
		return false;
	struct relay_object *positioner = make_positioner(surface, root->window);
	if (!positioner)
		return false;
	relay_ref_set(&surface->popup,
		session_make(session, "xdg_popup", surface->xdg.object, "get_popup",
			(union wire_arg[]){
				{0}, {.object = root->xdg.object}, {.object = positioner}},
			0));
	session_send(session, positioner, "destroy", NULL);
	if (!surface->popup.object)
		return false;
	surface->parent = root;
	surface->popup.object->data = surface;
	surface->told_x = surface->window->box.x;
	surface->told_y = surface->window->box.y;
	return true;
}

void popup_moved(struct surface *surface)
{
	struct session *session = surface->session;
	const struct box *box = &surface->window->box;
	if (box->x == surface->told_x && box->y == surface->told_y)
		return;
	if (surface->popup.object->version < REPOSITION_SINCE || !surface->parent ||
		!surface->parent->window)
		return;
	struct relay_object *positioner = make_positioner(surface, surface->parent->window);
	if (!positioner)
		return;
	surface->told_x = box->x;
	surface->told_y = box->y;
	session_send(session, surface->popup.object, "reposition",
		(union wire_arg[]){{.object = positioner}, {.u = 0}});
	session_send(session, positioner, "destroy", NULL);
}

/* Events */

/* The compositor may have put it elsewhere. X has to know where it is, for clicks on it. */
static enum relay_verdict handle_configure(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	struct session *session = relay_data(message->relay);
	struct window *window = surface ? surface->window : NULL;
	const struct window *parent = window && surface->parent ? surface->parent->window : NULL;
	if (!parent)
		return RELAY_SWALLOW;
	uint32_t scale = session->scale;
	struct box box = window->box;
	int32_t x = parent->box.x + parent->hints.frame.left;
	int32_t y = parent->box.y + parent->hints.frame.top;
	/* Only if it is another place: at broken scales the way back is not exact. */
	if (message->args[0].i != scale_to_wayland(scale, box.x - x) ||
		message->args[1].i != scale_to_wayland(scale, box.y - y)) {
		box.x = x + scale_to_x(scale, message->args[0].i);
		box.y = y + scale_to_x(scale, message->args[1].i);
		log_debug("window %#x: the compositor put it at %d,%d", window->id, box.x, box.y);
	}
	surface->told_x = box.x;
	surface->told_y = box.y;
	window_configure(session, window, &box);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_popup_done(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	struct session *session = relay_data(message->relay);
	if (surface && surface->window && session->x)
		xcb_unmap_window(session->x, surface->window->id);
	return RELAY_SWALLOW;
}

const struct relay_hook popup_hooks[] = {
	{"xdg_popup", "configure", handle_configure, RELAY_UP},
	{"xdg_popup", "popup_done", handle_popup_done, RELAY_UP},
	{0},
};
