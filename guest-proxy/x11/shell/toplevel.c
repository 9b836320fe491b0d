/* X windows that are windows of the desktop. */
#include "guest-proxy/x11/shell/toplevel.h"

#include "guest-proxy/x11/display/output.h"
#include "guest-proxy/x11/shell/icon.h"
#include "guest-proxy/x11/windows/focus.h"
#include "guest-proxy/x11/windows/state.h"
#include "protocol/base/bytes.h"
#include "protocol/base/monotonic.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define STATE_BITS 32
#define PARENTS_MAX 64 /* of one another */
#define PING_MS 3000   /* so long a window may be busy before a second close ends its client */

enum decoration_mode {
	DECORATION_CLIENT = 1,
	DECORATION_SERVER = 2,
};

/* What is told to the compositor */

static int32_t to_wayland(const struct surface *surface, int32_t pixels)
{
	return scale_to_wayland(surface->session->scale, pixels);
}

static void send_size_hints(struct surface *surface)
{
	const struct hints *hints = &surface->window->hints;
	const struct size_hints *size = &hints->size;
	int32_t across = hints->frame.left + hints->frame.right;
	int32_t down = hints->frame.top + hints->frame.bottom;
	int32_t values[] = {size->min_width - across, size->min_height - down,
		size->max_width - across, size->max_height - down};
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
		values[i] = values[i] > 0 ? to_wayland(surface, values[i]) : 0;
	/* A maximum below the minimum is a protocol error. */
	for (size_t i = 2; i < ARRAY_LENGTH(values); i++)
		values[i] = values[i] < values[i - 2] && values[i] > 0 ? values[i - 2] : values[i];
	session_send(surface->session, surface->toplevel.object, "set_min_size",
		(union wire_arg[]){{.i = values[0]}, {.i = values[1]}});
	session_send(surface->session, surface->toplevel.object, "set_max_size",
		(union wire_arg[]){{.i = values[2]}, {.i = values[3]}});
}

static void send_geometry(struct surface *surface)
{
	const struct window *window = surface->window;
	const struct edges *frame = &window->hints.frame;
	int32_t width = window->box.width - frame->left - frame->right;
	int32_t height = window->box.height - frame->top - frame->bottom;
	if (!frame->left && !frame->right && !frame->top && !frame->bottom &&
		!surface->has_geometry)
		return;
	width = to_wayland(surface, width);
	height = to_wayland(surface, height);
	if (width <= 0 || height <= 0)
		return;
	surface->has_geometry = true;
	session_send(surface->session, surface->xdg.object, "set_window_geometry",
		(union wire_arg[]){{.i = to_wayland(surface, frame->left)},
			{.i = to_wayland(surface, frame->top)}, {.i = width}, {.i = height}});
}

static void send_text(struct surface *surface, const char *request, const char *text)
{
	if (text)
		session_send(surface->session, surface->toplevel.object, request,
			(union wire_arg[]){{.s = text}});
}

static void send_decoration(struct surface *surface)
{
	struct session *session = surface->session;
	const struct window *window = surface->window;
	const struct edges *frame = &window->hints.frame;
	bool own = window->hints.undecorated || window->override_redirect || window->bounds ||
		frame->left || frame->top || frame->right || frame->bottom;
	if (!session->decorations.object)
		return;
	if (!surface->decoration.object)
		relay_ref_set(&surface->decoration,
			session_make(session, "zxdg_toplevel_decoration_v1",
				session->decorations.object, "get_toplevel_decoration",
				(union wire_arg[]){{0}, {.object = surface->toplevel.object}}, 0));
	uint32_t mode = own ? DECORATION_CLIENT : DECORATION_SERVER;
	/* Compositors answer with a configure, in which the size is the one that they know of. */
	if (!surface->decoration.object || surface->decoration_mode == mode)
		return;
	surface->decoration_mode = mode;
	session_send(
		session, surface->decoration.object, "set_mode", (union wire_arg[]){{.u = mode}});
}

/* Whether @id is @surface's window, or below it by what UP was told. */
static bool leads_to(struct session *session, xcb_window_t id, const struct surface *surface)
{
	for (int depth = 0; depth < PARENTS_MAX; depth++) {
		const struct window *window = window_find(session, id);
		if (!window || !window->surface)
			return false;
		if (window->surface == surface)
			return true;
		id = window->surface->leader;
	}
	return true;
}

static void send_parent(struct surface *surface)
{
	struct session *session = surface->session;
	struct window *leader = window_find(session, surface->window->hints.transient_for);
	struct surface *parent = leader ? surface_root(leader->surface) : NULL;
	/* A ring of parents is a protocol error. */
	if (!parent || !parent->window || leads_to(session, parent->window->id, surface))
		return;
	surface->leader = parent->window->id;
	session_send(session, surface->toplevel.object, "set_parent",
		(union wire_arg[]){{.object = parent->toplevel.object}});
}

/* A dialog that blocks the window it belongs to. */
static void send_modal(struct surface *surface)
{
	struct session *session = surface->session;
	bool modal = atom_list_has(
		&surface->window->hints.states, SESSION_ATOM(session, _NET_WM_STATE_MODAL));
	if (!session->dialogs.object || (!modal && !surface->dialog.object))
		return;
	if (!surface->dialog.object)
		relay_ref_set(&surface->dialog,
			session_make(session, "xdg_dialog_v1", session->dialogs.object,
				"get_xdg_dialog",
				(union wire_arg[]){{0}, {.object = surface->toplevel.object}}, 0));
	if (surface->dialog.object)
		session_send(
			session, surface->dialog.object, modal ? "set_modal" : "unset_modal", NULL);
}

void toplevel_create(struct surface *surface)
{
	const struct window *window = surface->window;
	struct session *session = surface->session;
	surface->has_geometry = surface->has_icon = false;
	surface->decoration_mode = 0;
	surface->leader = XCB_NONE;
	relay_ref_set(&surface->toplevel,
		session_make(session, "xdg_toplevel", surface->xdg.object, "get_toplevel",
			(union wire_arg[]){{0}}, 0));
	if (!surface->toplevel.object)
		return;
	surface->toplevel.object->data = surface;
	surface->pending = (struct configure){0};
	send_text(surface, "set_title", window->hints.title);
	send_text(surface, "set_app_id", window->hints.app_id);
	send_parent(surface);
	send_size_hints(surface);
	send_geometry(surface);
	send_decoration(surface);
	send_modal(surface);
	icon_load(surface);
	state_request_initial(surface);
	log_debug("window %#x is a toplevel, %dx%d", window->id, window->box.width,
		window->box.height);
}

void toplevel_hint_changed(struct surface *surface, enum window_property property)
{
	const struct hints *hints = &surface->window->hints;
	switch (property) {
	case WINDOW_NET_TITLE:
	case WINDOW_TITLE:
		send_text(surface, "set_title", hints->title);
		break;
	case WINDOW_CLASS:
		send_text(surface, "set_app_id", hints->app_id);
		break;
	case WINDOW_SIZE:
		send_size_hints(surface);
		break;
	case WINDOW_TRANSIENT:
		send_parent(surface);
		break;
	case WINDOW_MOTIF:
	case WINDOW_SHAPE:
		send_decoration(surface);
		break;
	case WINDOW_FRAME:
		send_decoration(surface);
		send_size_hints(surface);
		send_geometry(surface);
		break;
	case WINDOW_STATES:
		send_modal(surface);
		break;
	case WINDOW_HINTS:
		if (hints->urgent)
			focus_ask_attention(surface);
		break;
	default:
		break;
	}
}

/* Where it is, and how large */

static const struct output *output_named(const struct session *session, uint32_t name)
{
	const struct output *output;
	wl_list_for_each(output, &session->outputs, link)
	{
		if (output->name == name && output->told.width > 0)
			return output;
	}
	return NULL;
}

static const struct output *output_below(const struct session *session, const struct box *box)
{
	const struct output *output;
	int64_t x = (int64_t)box->x + box->width / 2, y = (int64_t)box->y + box->height / 2;
	wl_list_for_each(output, &session->outputs, link)
	{
		const struct box *told = &output->told;
		if (x >= told->x && x < told->x + told->width && y >= told->y &&
			y < told->y + told->height)
			return output;
	}
	return NULL;
}

static int32_t clamp_into(int32_t at, int32_t size, int32_t from, int32_t room)
{
	if (at > from + room - size)
		at = from + room - size;
	return at < from ? from : at;
}

void toplevel_place(const struct surface *surface, struct box *box)
{
	const struct session *session = surface->session;
	const struct output *output = output_named(session, surface->output_name);
	if (!output)
		output = output_below(session, box);
	if (!output && !wl_list_empty(&session->outputs))
		output = wl_container_of(session->outputs.next, output, link);
	if (!output || output->told.width <= 0)
		return;
	box->x = clamp_into(box->x, box->width, output->told.x, output->told.width);
	box->y = clamp_into(box->y, box->height, output->told.y, output->told.height);
}

static void remember_size(struct window *window, uint32_t scale)
{
	const struct edges *frame = &window->hints.frame;
	window->restore_width =
		scale_to_wayland(scale, window->box.width - frame->left - frame->right);
	window->restore_height =
		scale_to_wayland(scale, window->box.height - frame->top - frame->bottom);
}

bool toplevel_configure(struct surface *surface)
{
	struct session *session = surface->session;
	struct window *window = surface->window;
	const struct configure *configure = &surface->pending;
	const struct edges *frame = &window->hints.frame;
	uint32_t scale = session->scale, before = window->states;
	int32_t width = configure->width, height = configure->height;
	const uint32_t large = STATE_MAXIMIZED | STATE_FULLSCREEN;

	if (configure->states & large && !(before & large))
		remember_size(window, scale);
	if (!(configure->states & large) && before & large) {
		width = width > 0 ? width : window->restore_width;
		height = height > 0 ? height : window->restore_height;
	}
	state_confirm(session, window, configure->states);

	struct box box = window->box;
	if (width > 0)
		box.width = scale_to_x(scale, width) + frame->left + frame->right;
	if (height > 0)
		box.height = scale_to_x(scale, height) + frame->top + frame->bottom;
	if (!(configure->states & STATES_SIZED))
		size_hints_fit(&window->hints.size, configure->states & STATE_RESIZING, &box.width,
			&box.height);
	surface->expected_width = box.width;
	surface->expected_height = box.height;
	bool resized = box.width != window->box.width || box.height != window->box.height;
	toplevel_place(surface, &box);
	window_configure(session, window, &box);
	send_geometry(surface);
	return resized;
}

void toplevel_wish(struct surface *surface, struct box *box)
{
	const struct window *window = surface->window;
	if (window->states & (STATES_SIZED | STATE_RESIZING)) {
		box->width = window->box.width;
		box->height = window->box.height;
	}
	toplevel_place(surface, box);
}

void toplevel_rescale(struct surface *surface, uint32_t before)
{
	struct session *session = surface->session;
	struct window *window = surface->window;
	uint32_t scale = session->scale;
	struct box box = window->box;
	box.width = scale_to_x(scale, scale_to_wayland(before, box.width));
	box.height = scale_to_x(scale, scale_to_wayland(before, box.height));
	toplevel_place(surface, &box);
	window_configure(session, window, &box);
	send_size_hints(surface);
	send_geometry(surface);
	if (window->bounds)
		surface_reshape(surface);
}

void toplevel_drag(struct surface *surface, uint32_t edges)
{
	struct session *session = surface->session;
	const struct focus *focus = &session->focus;
	if (!focus->seat.object || !focus->serial)
		return;
	union wire_arg args[] = {
		{.object = focus->seat.object}, {.u = focus->serial}, {.u = edges}};
	session_send(session, surface->toplevel.object, edges ? "resize" : "move", args);
}

/* Events */

static enum relay_verdict handle_configure(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	const uint32_t *states = message->args[2].array.data;
	if (!surface || !surface->window)
		return RELAY_SWALLOW;
	surface->pending = (struct configure){
		.width = message->args[0].i,
		.height = message->args[1].i,
	};
	for (uint32_t i = 0; i < message->args[2].array.size / 4; i++) {
		uint32_t state = load_u32(&states[i]);
		surface->pending.states |= state < STATE_BITS ? 1u << state : 0;
	}
	focus_set_activated(surface, surface->pending.states & STATE_ACTIVATED);
	return RELAY_SWALLOW;
}

/* The user wants it closed: it is asked, unless it cannot be, or does not answer. */
static enum relay_verdict handle_close(struct relay_message *message)
{
	struct surface *surface = surface_of(message->object);
	struct session *session = relay_data(message->relay);
	struct window *window = surface ? surface->window : NULL;
	if (!window || !session->x)
		return RELAY_SWALLOW;
	bool dead = window->pinged && monotonic_ms() - window->ping_ms > PING_MS;
	if (!window_speaks(session, window, ATOM_WM_DELETE_WINDOW) || dead) {
		xcb_kill_client(session->x, window->id);
		return RELAY_SWALLOW;
	}
	window_send_protocol(session, window, ATOM_WM_DELETE_WINDOW, XCB_CURRENT_TIME, 0);
	if (window_speaks(session, window, ATOM__NET_WM_PING) && !window->pinged) {
		window->pinged = true;
		window->ping_ms = monotonic_ms();
		window_send_protocol(
			session, window, ATOM__NET_WM_PING, XCB_CURRENT_TIME, window->id);
	}
	return RELAY_SWALLOW;
}

const struct relay_hook toplevel_hooks[] = {
	{"xdg_toplevel", "configure", handle_configure, RELAY_UP},
	{"xdg_toplevel", "close", handle_close, RELAY_UP},
	{0},
};
