/* The window manager: X events in, requests out. */
#include "guest-proxy/x11/wm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/composite.h>
#include <xcb/xfixes.h>

#include "guest-proxy/x11/display/xsettings.h"
#include "guest-proxy/x11/drags/dnd.h"
#include "guest-proxy/x11/drags/drag_source.h"
#include "guest-proxy/x11/selections/selection.h"
#include "guest-proxy/x11/selections/selection_request.h"
#include "guest-proxy/x11/selections/selection_source.h"
#include "guest-proxy/x11/shell/icon.h"
#include "guest-proxy/x11/shell/popup.h"
#include "guest-proxy/x11/shell/role.h"
#include "guest-proxy/x11/shell/toplevel.h"
#include "guest-proxy/x11/transfers/incoming.h"
#include "guest-proxy/x11/transfers/outgoing.h"
#include "guest-proxy/x11/windows/focus.h"
#include "guest-proxy/x11/windows/shape.h"
#include "guest-proxy/x11/windows/state.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define EVENTS_IN_A_TURN 256

enum moveresize {
	MOVERESIZE_MOVE = 8,
	MOVERESIZE_CANCEL = 11,
};

/* Requests */

static void tell_place(struct session *session, const struct window *window)
{
	const xcb_configure_notify_event_t event = {
		.response_type = XCB_CONFIGURE_NOTIFY,
		.event = window->id,
		.window = window->id,
		.x = (int16_t)window->box.x,
		.y = (int16_t)window->box.y,
		.width = (uint16_t)window->box.width,
		.height = (uint16_t)window->box.height,
	};
	xcb_send_event(
		session->x, 0, window->id, XCB_EVENT_MASK_STRUCTURE_NOTIFY, (const char *)&event);
}

static void list_clients(struct session *session)
{
	xcb_window_t *ids = calloc(session->windows.count + 1, sizeof(*ids));
	uint32_t count = 0;
	const struct window *window;
	if (!ids)
		return;
	wl_list_for_each(window, &session->windows.list, link)
	{
		if (window->mapped && !window->override_redirect)
			ids[count++] = window->id;
	}
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, session_root(session),
		SESSION_ATOM(session, _NET_CLIENT_LIST), XCB_ATOM_WINDOW, 32, count, ids);
	free(ids);
}

/* Windows */

void wm_window_known(struct session *session, struct window *window)
{
	if (window->map_wanted && !window->mapped) {
		const uint32_t no_border = 0; /* it would be part of the buffer */
		window->map_wanted = false;
		xcb_configure_window(
			session->x, window->id, XCB_CONFIG_WINDOW_BORDER_WIDTH, &no_border);
		state_set_mapped(session, window, true);
		xcb_map_window(session->x, window->id);
	}
	if (window->surface)
		role_try(window->surface);
	drag_source_window_known(session);
}

void wm_surface_paired(struct surface *surface)
{
	role_try(surface);
	drag_source_window_known(surface->session);
}

void wm_hint_changed(struct session *session, struct window *window, unsigned property)
{
	if (window->surface && window->surface->toplevel.object)
		toplevel_hint_changed(window->surface, property);
}

void wm_scale_changed(struct session *session, uint32_t before)
{
	struct surface *surface;
	if (!session->managing)
		return;
	xsettings_update(session);
	wl_list_for_each(surface, &session->surfaces, link)
	{
		if (surface->toplevel.object && surface->window)
			toplevel_rescale(surface, before);
	}
}

static void add_window(
	struct session *session, xcb_window_t id, const struct box *box, bool override_redirect)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE | XCB_EVENT_MASK_FOCUS_CHANGE;
	bool ours = window_same_client(session, id, session->check);
	struct window *window = ours ? NULL : window_create(session, id);
	if (!window)
		return;
	window->box = *box;
	window->override_redirect = override_redirect;
	xcb_change_window_attributes(session->x, id, XCB_CW_EVENT_MASK, &mask);
	shape_watch(session, id);
	window_ask_class(session, window);
}

static void hide_window(struct session *session, struct window *window)
{
	if (window->surface)
		role_drop(window->surface);
	window->surface_id = 0;
	window->surface_serial = 0;
	window->known = window->mapped = window->pinged = false;
	session->windows.changed = true;
	/* A drag may have waited for it. */
	drag_source_window_known(session);
}

static void remove_window(struct session *session, xcb_window_t id)
{
	struct window *window = window_find(session, id);
	if (!window)
		return;
	hide_window(session, window);
	shape_forget(session, window);
	window_destroy(session, window);
}

/* Events */

static void handle_create(struct session *session, const void *data)
{
	const xcb_create_notify_event_t *event = data;
	const struct box box = {event->x, event->y, event->width, event->height};
	if (event->parent == session_root(session))
		add_window(session, event->window, &box, event->override_redirect);
}

static void handle_destroy(struct session *session, const void *data)
{
	const xcb_destroy_notify_event_t *event = data;
	incoming_window_gone(session, event->window);
	outgoing_window_gone(session, event->window);
	dnd_window_gone(session, event->window);
	remove_window(session, event->window);
}

static void handle_reparent(struct session *session, const void *data)
{
	const xcb_reparent_notify_event_t *event = data;
	const struct box box = {event->x, event->y, 1, 1};
	if (event->parent == session_root(session))
		add_window(session, event->window, &box, event->override_redirect);
	else
		remove_window(session, event->window);
}

static void handle_map_request(struct session *session, const void *data)
{
	const xcb_map_request_event_t *event = data;
	struct window *window = window_find(session, event->window);
	if (!window || window->mapped)
		return;
	window->map_wanted = true;
	shape_load(session, window);
	window_load(session, window);
}

static void handle_map(struct session *session, const void *data)
{
	const xcb_map_notify_event_t *event = data;
	struct window *window = window_find(session, event->window);
	if (!window)
		return;
	window->mapped = true;
	window->override_redirect = event->override_redirect;
	session->windows.changed = true;
	session->focus.raised = XCB_NONE;
	if (window->known)
		return;
	shape_load(session, window);
	window_load(session, window);
}

static void handle_unmap(struct session *session, const void *data)
{
	const xcb_unmap_notify_event_t *event = data;
	struct window *window = window_find(session, event->window);
	if (!window)
		return;
	hide_window(session, window);
	if (!window->override_redirect)
		state_set_mapped(session, window, false);
}

static void handle_configure_request(struct session *session, const void *data)
{
	const xcb_configure_request_event_t *event = data;
	struct window *window = window_find(session, event->window);
	if (!window)
		return;
	struct box box = window->box;
	if (event->value_mask & XCB_CONFIG_WINDOW_X)
		box.x = event->x;
	if (event->value_mask & XCB_CONFIG_WINDOW_Y)
		box.y = event->y;
	if (event->value_mask & XCB_CONFIG_WINDOW_WIDTH)
		box.width = event->width;
	if (event->value_mask & XCB_CONFIG_WINDOW_HEIGHT)
		box.height = event->height;
	if (window->surface && window->surface->toplevel.object)
		toplevel_wish(window->surface, &box);
	if (memcmp(&box, &window->box, sizeof(box)) == 0)
		tell_place(session, window);
	else
		window_configure(session, window, &box);
}

static void handle_configure(struct session *session, const void *data)
{
	const xcb_configure_notify_event_t *event = data;
	struct window *window = window_find(session, event->window);
	if (!window)
		return;
	shape_resized(session, window, event->width, event->height);
	/* Of the others we know: nobody but us can configure them. */
	if (event->override_redirect || window->override_redirect) {
		window->box = (struct box){event->x, event->y, event->width, event->height};
		if (window->surface && window->surface->popup.object)
			popup_moved(window->surface);
		else if (window->surface)
			role_try(window->surface);
	}
	window->override_redirect = event->override_redirect;
	drag_source_window_moved(session, window->id);
}

static void handle_property(struct session *session, const void *data)
{
	const xcb_property_notify_event_t *event = data;
	struct window *window = window_find(session, event->window);
	if (outgoing_property(session, event))
		return;
	incoming_property(session, event);
	if (window && window->surface && window->surface->toplevel.object &&
		event->atom == SESSION_ATOM(session, _NET_WM_ICON))
		icon_load(window->surface);
	if (window)
		window_property_changed(session, window, event->atom);
}

static void handle_focus_in(struct session *session, const void *data)
{
	focus_in(session, data);
}

static void handle_selection_request(struct session *session, const void *data)
{
	selection_requested(session, data);
}

static void handle_selection_notify(struct session *session, const void *data)
{
	selection_notified(session, data);
}

static void handle_selection_owner(struct session *session, const void *data)
{
	const xcb_xfixes_selection_notify_event_t *event = data;
	bool set = event->subtype == XCB_XFIXES_SELECTION_EVENT_SET_SELECTION_OWNER;
	xcb_window_t owner = set ? event->owner : XCB_NONE;
	selection_owner_changed(session, event->selection, owner, event->selection_timestamp, !set);
	if (event->selection == SESSION_ATOM(session, XdndSelection))
		drag_source_owner_changed(session, owner);
}

/* Client messages */

static void message_surface(
	struct session *session, struct window *window, const xcb_client_message_event_t *event)
{
	const uint32_t *data = event->data.data32;
	if (window->surface)
		role_drop(window->surface);
	if (event->type == SESSION_ATOM(session, WL_SURFACE_ID))
		window->surface_id = data[0];
	else
		window->surface_serial = data[0] | (uint64_t)data[1] << 32;
	surface_pair(session, window);
}

static void message_activate(
	struct session *session, struct window *window, const xcb_client_message_event_t *event)
{
	if (window->surface && window->id != session->focus.window)
		focus_ask_attention(window->surface);
}

static void message_close(
	struct session *session, struct window *window, const xcb_client_message_event_t *event)
{
	if (window_speaks(session, window, ATOM_WM_DELETE_WINDOW))
		window_send_protocol(session, window, ATOM_WM_DELETE_WINDOW, XCB_CURRENT_TIME, 0);
	else
		xcb_kill_client(session->x, window->id);
}

static void message_moveresize(
	struct session *session, struct window *window, const xcb_client_message_event_t *event)
{
	/* xdg_toplevel's edges, by direction: 1 top, 2 bottom, 4 left, 8 right. */
	static const uint32_t edges[] = {5, 1, 9, 8, 10, 2, 6, 4};
	uint32_t direction = event->data.data32[2];
	if (!window->surface || !window->surface->toplevel.object || direction > MOVERESIZE_MOVE)
		return;
	toplevel_drag(window->surface, direction == MOVERESIZE_MOVE ? 0 : edges[direction]);
	/* The compositor has the pointer from now on; the release goes to it. */
	xcb_ungrab_pointer(session->x, XCB_CURRENT_TIME);
}

static void message_frame_extents(
	struct session *session, struct window *window, const xcb_client_message_event_t *event)
{
	const uint32_t none[4] = {0};
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, window->id,
		SESSION_ATOM(session, _NET_FRAME_EXTENTS), XCB_ATOM_CARDINAL, 32, 4, none);
}

static const struct {
	enum atom type;
	void (*function)(struct session *session, struct window *window,
		const xcb_client_message_event_t *event);
} messages[] = {
	{ATOM_WL_SURFACE_ID, message_surface},
	{ATOM_WL_SURFACE_SERIAL, message_surface},
	{ATOM__NET_WM_STATE, state_message},
	{ATOM_WM_CHANGE_STATE, state_message},
	{ATOM__NET_ACTIVE_WINDOW, message_activate},
	{ATOM__NET_CLOSE_WINDOW, message_close},
	{ATOM__NET_WM_MOVERESIZE, message_moveresize},
	{ATOM__NET_REQUEST_FRAME_EXTENTS, message_frame_extents},
};

static void handle_client_message(struct session *session, const void *data)
{
	const xcb_client_message_event_t *event = data;
	xcb_window_t id = event->window;
	if (id == selection_window(session)) {
		dnd_message(session, event);
		return;
	}
	if (drag_source_message(session, event))
		return;
	bool protocol = event->type == SESSION_ATOM(session, WM_PROTOCOLS) && event->format == 32;
	/* A window that answers a ping sends it to the root. */
	if (protocol && event->data.data32[0] == SESSION_ATOM(session, _NET_WM_PING))
		id = event->data.data32[2];
	struct window *window = window_find(session, id);
	if (!window || event->format != 32)
		return;
	if (protocol)
		window->pinged = false;
	for (size_t i = 0; i < ARRAY_LENGTH(messages); i++) {
		if (event->type == session->atoms[messages[i].type])
			messages[i].function(session, window, event);
	}
}

static void (*const handlers[])(struct session *session, const void *event) = {
	[XCB_CREATE_NOTIFY] = handle_create,
	[XCB_DESTROY_NOTIFY] = handle_destroy,
	[XCB_REPARENT_NOTIFY] = handle_reparent,
	[XCB_MAP_REQUEST] = handle_map_request,
	[XCB_MAP_NOTIFY] = handle_map,
	[XCB_UNMAP_NOTIFY] = handle_unmap,
	[XCB_CONFIGURE_REQUEST] = handle_configure_request,
	[XCB_CONFIGURE_NOTIFY] = handle_configure,
	[XCB_PROPERTY_NOTIFY] = handle_property,
	[XCB_FOCUS_IN] = handle_focus_in,
	[XCB_SELECTION_REQUEST] = handle_selection_request,
	[XCB_SELECTION_NOTIFY] = handle_selection_notify,
	[XCB_CLIENT_MESSAGE] = handle_client_message,
};

static void handle_event(struct session *session, const xcb_generic_event_t *event)
{
	uint8_t type = event->response_type & 0x7f;
	/* Errors (type 0) are of windows that went meanwhile. */
	if (session->managing && type == session->xfixes_event)
		handle_selection_owner(session, event);
	else if (session->managing && type == session->shape_event && type)
		shape_changed(session, event);
	else if (session->managing && type < ARRAY_LENGTH(handlers) && handlers[type])
		handlers[type](session, event);
}

/* X may have named a window's surface before Xwayland has made it, and it may be long until that is
 * committed: an icon's, whose drag waits for it, never. */
static void pair_windows(struct session *session)
{
	struct window *window;
	wl_list_for_each(window, &session->windows.list, link)
	{
		if (window->surface_id)
			surface_pair(session, window);
	}
}

bool wm_dispatch(struct session *session)
{
	xcb_generic_event_t *event;
	int count = 0;
	while (count < EVENTS_IN_A_TURN && (event = xcb_poll_for_event(session->x))) {
		handle_event(session, event);
		free(event);
		count++;
	}
	uint32_t replies = replies_poll(&session->replies);
	/* Looking for a reply reads the socket, which then is never reported for the events. */
	if (count == 0 && (event = xcb_poll_for_queued_event(session->x))) {
		handle_event(session, event);
		free(event);
		count++;
	}
	if (session->surfaces_made)
		pair_windows(session);
	session->surfaces_made = false;
	if (session->windows.changed && session->managing)
		list_clients(session);
	session->windows.changed = false;
	return count > 0 || replies > 0;
}

/* Its start */

static void advertise(struct session *session)
{
	static const enum atom supported[] = {ATOM__NET_SUPPORTED, ATOM__NET_SUPPORTING_WM_CHECK,
		ATOM__NET_CLIENT_LIST, ATOM__NET_ACTIVE_WINDOW, ATOM__NET_CLOSE_WINDOW,
		ATOM__NET_WM_MOVERESIZE, ATOM__NET_REQUEST_FRAME_EXTENTS, ATOM__NET_FRAME_EXTENTS,
		ATOM__NET_WM_NAME, ATOM__NET_WM_PING, ATOM__NET_WM_STATE,
		ATOM__NET_WM_STATE_FULLSCREEN, ATOM__NET_WM_STATE_MAXIMIZED_VERT,
		ATOM__NET_WM_STATE_MAXIMIZED_HORZ, ATOM__NET_WM_STATE_HIDDEN,
		ATOM__NET_WM_STATE_MODAL, ATOM__NET_WM_STATE_FOCUSED,
		ATOM__NET_WM_STATE_DEMANDS_ATTENTION, ATOM__NET_WM_WINDOW_TYPE,
		ATOM__NET_WM_WINDOW_TYPE_NORMAL, ATOM__NET_WM_WINDOW_TYPE_DIALOG,
		ATOM__NET_WM_WINDOW_TYPE_SPLASH, ATOM__NET_WM_WINDOW_TYPE_UTILITY,
		ATOM__GTK_FRAME_EXTENTS};
	/* Java waits for a frame around its windows, and draws nothing, with window managers that
	 * it does not know. This is one of those of which it knows that they give none. */
	static const char name[] = "LG3D";
	xcb_atom_t atoms[ARRAY_LENGTH(supported)];
	xcb_window_t root = session_root(session);
	for (size_t i = 0; i < ARRAY_LENGTH(supported); i++)
		atoms[i] = session->atoms[supported[i]];
	const struct {
		xcb_window_t window;
		enum atom property;
		xcb_atom_t type;
		uint8_t format;
		uint32_t count;
		const void *data;
	} properties[] = {
		{root, ATOM__NET_SUPPORTED, XCB_ATOM_ATOM, 32, ARRAY_LENGTH(atoms), atoms},
		{root, ATOM__NET_SUPPORTING_WM_CHECK, XCB_ATOM_WINDOW, 32, 1, &session->check},
		{session->check, ATOM__NET_SUPPORTING_WM_CHECK, XCB_ATOM_WINDOW, 32, 1,
			&session->check},
		{session->check, ATOM__NET_WM_NAME, SESSION_ATOM(session, UTF8_STRING), 8,
			sizeof(name) - 1, name},
		{root, ATOM__NET_NUMBER_OF_DESKTOPS, XCB_ATOM_CARDINAL, 32, 1, (uint32_t[]){1}},
		{root, ATOM__NET_CURRENT_DESKTOP, XCB_ATOM_CARDINAL, 32, 1, (uint32_t[]){0}},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(properties); i++)
		xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, properties[i].window,
			session->atoms[properties[i].property], properties[i].type,
			properties[i].format, properties[i].count, properties[i].data);
}

static void manage(struct session *session)
{
	const uint32_t mask = XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY |
		XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_PROPERTY_CHANGE;
	xcb_window_t root = session_root(session);
	xcb_change_window_attributes(session->x, root, XCB_CW_EVENT_MASK, &mask);
	xcb_composite_redirect_subwindows(session->x, root, XCB_COMPOSITE_REDIRECT_MANUAL);
	session->check = xcb_generate_id(session->x);
	xcb_create_window(session->x, XCB_COPY_FROM_PARENT, session->check, root, 0, 0, 1, 1, 0,
		XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, 0, NULL);
	advertise(session);
	shape_manage(session);
	selections_manage(session);
	drag_source_manage(session);
	xsettings_start(session);
	/* Xwayland lets other clients in when this selection has an owner. */
	xcb_set_selection_owner(
		session->x, session->check, SESSION_ATOM(session, WM_S0), XCB_CURRENT_TIME);
	session->managing = true;
	log_debug("managing a screen of %ux%u", session->screen->width_in_pixels,
		session->screen->height_in_pixels);
}

static void handle_atom(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_intern_atom_reply_t *reply = answer;
	if (!reply) {
		session->over = "Xwayland does not give us atoms";
		return;
	}
	session->atoms[subject.id] = reply->atom;
	if (subject.id == N_ATOMS - 1)
		manage(session);
}

static int handle_readable(int fd, uint32_t mask, void *data)
{
	return 0; /* life_settle() looks at every round */
}

int wm_connect(struct session *session, int fd)
{
#define NAME(name) #name,
	static const char *const names[] = {ATOMS(NAME)};
#undef NAME
	session->x = xcb_connect_to_fd(fd, NULL);
	if (xcb_connection_has_error(session->x)) {
		wm_disconnect(session);
		return -EPIPE;
	}
	session->replies.x = session->x;
	/* The only reply that is waited for besides that of the setup: no client is there yet. */
	const xcb_query_extension_reply_t *xfixes =
		xcb_get_extension_data(session->x, &xcb_xfixes_id);
	if (!xfixes || !xfixes->present)
		return -EPIPE;
	shape_connect(session);
	session->xfixes_event = xfixes->first_event + XCB_XFIXES_SELECTION_NOTIFY;
	session->screen = xcb_setup_roots_iterator(xcb_get_setup(session->x)).data;
	session->x_source = wl_event_loop_add_fd(session->loop, xcb_get_file_descriptor(session->x),
		WL_EVENT_READABLE, handle_readable, session);
	if (!session->x_source || !session->screen)
		return -ENOMEM;
	xcb_discard_reply(session->x, xcb_composite_query_version(session->x, 0, 4).sequence);
	xcb_discard_reply(session->x, xcb_xfixes_query_version(session->x, 6, 0).sequence);
	/* Xwayland does not run on for our sake. */
	xcb_xfixes_set_client_disconnect_mode(
		session->x, XCB_XFIXES_CLIENT_DISCONNECT_FLAGS_TERMINATE);
	for (uint32_t i = 0; i < N_ATOMS; i++) {
		xcb_intern_atom_cookie_t cookie =
			xcb_intern_atom(session->x, 0, (uint16_t)strlen(names[i]), names[i]);
		replies_expect(&session->replies, cookie.sequence, handle_atom,
			(struct reply_subject){.id = i});
	}
	return 0;
}

void wm_disconnect(struct session *session)
{
	session->managing = false;
	event_source_remove(&session->x_source);
	if (session->x)
		xcb_disconnect(session->x); /* closes its fd, too */
	session->x = NULL;
}
