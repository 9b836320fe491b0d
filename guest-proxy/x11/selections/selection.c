/*
 * Clipboard and primary selection.
 *
 * An X client takes one: we ask for its targets, and are a Wayland source that has them
 * (selection_source.h; outgoing.h fetches what is asked for). A Wayland client takes one: we are
 * the X owner and answer by what it offers (selection_offer.h, selection_request.h, incoming.h).
 * Our own sources come back to us as offers; a mime type of ours marks them.
 */
#include "guest-proxy/x11/selections/selection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xcb/xfixes.h>

#include "guest-proxy/x11/selections/selection_offer.h"
#include "guest-proxy/x11/selections/selection_state.h"

static const struct selection_protocol protocols[N_SELECTIONS] = {
	{ATOM_CLIPBOARD, "wl_data_device", "wl_data_source", "wl_data_offer", "get_data_device",
		"create_data_source", offsetof(struct session, data_manager)},
	{ATOM_PRIMARY, "zwp_primary_selection_device_v1", "zwp_primary_selection_source_v1",
		"zwp_primary_selection_offer_v1", "get_device", "create_source",
		offsetof(struct session, primary_manager)},
	[SELECTION_DRAG] = {.atom = ATOM_XdndSelection},
};

const char *selection_mark(const struct session *session)
{
	return session->selections->mark;
}

struct relay_object *selection_device(const struct session *session)
{
	return session->selections->items[0].device.object;
}

xcb_window_t selection_window(const struct session *session)
{
	return session->selections->window;
}

/* Devices, and the start */

static void make_devices(struct session *session)
{
	for (size_t i = 0; i < N_SELECTIONS; i++) {
		struct selection *selection = &session->selections->items[i];
		struct relay_object *manager = selection_manager(selection);
		if (i == SELECTION_DRAG || selection->device.object || !manager ||
			!session->focus.seat.object)
			continue;
		struct relay_object *device = session_make(session, selection->protocol->device,
			manager, selection->protocol->get_device,
			(union wire_arg[]){{0}, {.object = session->focus.seat.object}}, 0);
		relay_ref_set(&selection->device, device);
		if (device)
			device->data = selection;
	}
}

static enum relay_verdict handle_capabilities(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (message->object == session->focus.seat.object && session->selections)
		make_devices(session);
	return RELAY_FORWARD;
}

int selections_init(struct session *session)
{
	static unsigned lives;
	struct selections *selections = calloc(1, sizeof(*selections));
	if (!selections)
		return -ENOMEM;
	session->selections = selections;
	for (size_t i = 0; i < N_SELECTIONS; i++)
		selections->items[i] =
			(struct selection){.session = session, .protocol = &protocols[i]};
	snprintf(selections->mark, sizeof(selections->mark), "application/x-wayferry-x11-%d-%u",
		(int)getpid(), ++lives);
	return 0;
}

void selections_manage(struct session *session)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	struct selections *selections = session->selections;
	selections->window = xcb_generate_id(session->x);
	xcb_create_window(session->x, XCB_COPY_FROM_PARENT, selections->window,
		session_root(session), 0, 0, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
		XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &mask);
	for (size_t i = 0; i < N_SELECTIONS; i++) {
		struct selection *selection = &selections->items[i];
		xcb_xfixes_select_selection_input(session->x, selections->window,
			selection_atom(selection),
			XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER |
				XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_WINDOW_DESTROY |
				XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_CLIENT_CLOSE);
		/* What Wayland had before X was there. */
		if (selection->offer)
			selection_offer_intern(selection);
	}
}

void selections_finish(struct session *session)
{
	for (size_t i = 0; session->selections && i < N_SELECTIONS; i++) {
		struct selection *selection = &session->selections->items[i];
		selection_offer_free(selection->offer);
		relay_ref_set(&selection->device, NULL);
		relay_ref_set(&selection->source, NULL);
	}
	free(session->selections);
	session->selections = NULL;
}

const struct relay_hook selection_hooks[] = {
	{"wl_seat", "capabilities", handle_capabilities, RELAY_UP},
	{0},
};
