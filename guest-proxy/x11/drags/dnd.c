/*
 * What Wayland clients drag over X windows.
 *
 * wl_data_device says over which surface the drag is, and we say so to its window, as XDND has it:
 * XdndEnter, then XdndPosition, one at a time, each answered by XdndStatus; at the end XdndLeave,
 * or XdndDrop, answered by XdndFinished. The data goes the way of selections, as XdndSelection.
 */
#include "guest-proxy/x11/drags/dnd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/x11/base/property.h"
#include "guest-proxy/x11/drags/xdnd.h"
#include "guest-proxy/x11/drags/drag_source.h"
#include "guest-proxy/x11/selections/selection.h"
#include "guest-proxy/x11/selections/selection_offer.h"
#include "guest-proxy/x11/windows/surface.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define XDND_VERSION 5

struct dnd {
	struct session *session;
	struct relay_ref offer; /* NULL: nothing is over an X window */
	xcb_window_t target;
	uint32_t version; /* that the target speaks; 0: not known, or none */
	uint32_t serial;
	uint32_t time, action;      /* the action as of wl_data_device_manager */
	int32_t x, y;               /* of X's screen */
	bool entered, waiting, due; /* a position is under way, and another one waits for it */
	bool accepted, dropped;
};

static void tell(const struct dnd *dnd, enum atom type, const uint32_t words[4])
{
	xdnd_tell(dnd->session, dnd->target, type, selection_window(dnd->session), words);
}

static void end(struct dnd *dnd)
{
	struct session *session = dnd->session;
	relay_ref_set(&dnd->offer, NULL);
	*dnd = (struct dnd){.session = session};
	selection_set_drag(session, NULL);
}

/* To the target */

static void enter_target(struct dnd *dnd, const xcb_atom_t *types, size_t count)
{
	struct session *session = dnd->session;
	uint32_t words[4] = {dnd->version << 24 | (count > 3)};
	for (size_t i = 0; i < 3 && i < count; i++)
		words[i + 1] = types[i];
	if (count > 3)
		xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, selection_window(session),
			SESSION_ATOM(session, XdndTypeList), XCB_ATOM_ATOM, 32, (uint32_t)count,
			types);
	tell(dnd, ATOM_XdndEnter, words);
	dnd->entered = true;
}

/* Until the compositor has chosen, what it is likely to: a target that agrees to what the source
 * cannot do leaves nothing to choose. */
static uint32_t wanted_action(const struct dnd *dnd)
{
	uint32_t can = selection_drag_actions(dnd->session);
	return dnd->action ? dnd->action : can & -can;
}

static void send_position(struct dnd *dnd)
{
	const struct session *session = dnd->session;
	const xcb_atom_t *types;
	size_t count = selection_drag_types(session, &types);
	if (dnd->version == 0 || count == 0)
		return;
	if (!dnd->entered)
		enter_target(dnd, types, count);
	dnd->due = dnd->waiting;
	if (dnd->waiting)
		return;
	dnd->waiting = true;
	uint32_t action = dnd_action_atom(session, wanted_action(dnd));
	tell(dnd, ATOM_XdndPosition,
		(const uint32_t[4]){
			0, (uint32_t)dnd->x << 16 | (dnd->y & 0xffff), dnd->time, action});
}

static void finish_drop(struct dnd *dnd)
{
	if (!dnd->accepted) {
		if (dnd->entered)
			tell(dnd, ATOM_XdndLeave, (const uint32_t[4]){0});
		end(dnd);
		return;
	}
	tell(dnd, ATOM_XdndDrop, (const uint32_t[4]){0, dnd->time});
}

/* From the target */

static void handle_status(struct dnd *dnd, const uint32_t *words)
{
	struct session *session = dnd->session;
	struct relay_object *offer = dnd->offer.object;
	uint32_t action = dnd_action_of(session, words[4]);
	if (action == 0)
		action = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY;
	bool accepted = words[1] & 1;
	dnd->waiting = false;
	session_send(session, offer, "accept",
		(union wire_arg[]){
			{.u = dnd->serial}, {.s = accepted ? selection_drag_type(session) : NULL}});
	if (offer->version >= WL_DATA_OFFER_SET_ACTIONS_SINCE_VERSION)
		session_send(session, offer, "set_actions",
			(union wire_arg[]){
				{.u = accepted ? action : 0}, {.u = accepted ? action : 0}});
	dnd->accepted = accepted;
	if (dnd->dropped)
		finish_drop(dnd);
	else if (dnd->due)
		send_position(dnd);
}

static void handle_finished(struct dnd *dnd, const uint32_t *words)
{
	struct relay_object *offer = dnd->offer.object;
	bool taken = dnd->version < 5 || words[1] & 1;
	if (!dnd->dropped || !dnd->accepted)
		return;
	if (taken && dnd->action && offer->version >= WL_DATA_OFFER_FINISH_SINCE_VERSION)
		session_send(dnd->session, offer, "finish", NULL);
	end(dnd);
}

void dnd_message(struct session *session, const xcb_client_message_event_t *event)
{
	struct dnd *dnd = session->dnd;
	const uint32_t *words = event->data.data32;
	if (event->format != 32 || !dnd->offer.object || words[0] != dnd->target)
		return;
	if (event->type == SESSION_ATOM(session, XdndStatus) && dnd->waiting)
		handle_status(dnd, words);
	else if (event->type == SESSION_ATOM(session, XdndFinished))
		handle_finished(dnd, words);
}

static void handle_aware(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	struct dnd *dnd = session->dnd;
	const struct property property = property_of(answer);
	if (!dnd || !dnd->offer.object || dnd->target != subject.id ||
		property_words(&property) == 0)
		return;
	dnd->version = (uint32_t)min_u64(load_u32(property.data), XDND_VERSION);
	send_position(dnd);
	if (dnd->dropped && !dnd->waiting)
		finish_drop(dnd);
}

void dnd_window_gone(struct session *session, xcb_window_t window)
{
	if (session->dnd->offer.object && session->dnd->target == window)
		end(session->dnd);
}

/* Events of Wayland; those of objects that Xwayland has pass */

static void move(struct dnd *dnd, const struct window *window, wl_fixed_t x, wl_fixed_t y)
{
	uint32_t scale = dnd->session->scale;
	dnd->x = window->box.x + wl_fixed_to_int(scale_to_x(scale, x));
	dnd->y = window->box.y + wl_fixed_to_int(scale_to_x(scale, y));
}

static enum relay_verdict handle_enter(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct dnd *dnd = session->dnd;
	const struct surface *surface = surface_of(message->args[1].object);
	struct relay_object *offer = message->args[4].object;
	if (drag_source_is_out(session))
		return drag_source_over(message);
	end(dnd);
	if (!surface || !surface->window || !offer || !session->managing)
		return RELAY_SWALLOW;
	relay_ref_set(&dnd->offer, offer);
	dnd->target = surface->window->id;
	dnd->serial = message->args[0].u;
	move(dnd, surface->window, message->args[2].f, message->args[3].f);
	selection_set_drag(session, offer);
	if (offer->version >= WL_DATA_OFFER_SET_ACTIONS_SINCE_VERSION)
		session_send(session, offer, "set_actions",
			(union wire_arg[]){{.u = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY |
							   WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE},
				{.u = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY}});
	replies_expect(&session->replies,
		xcb_get_property(session->x, 0, dnd->target, SESSION_ATOM(session, XdndAware),
			XCB_GET_PROPERTY_TYPE_ANY, 0, 1)
			.sequence,
		handle_aware, (struct reply_subject){.id = dnd->target});
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_motion(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct dnd *dnd = session->dnd;
	const struct window *window = window_find(session, dnd->target);
	if (drag_source_is_out(session)) {
		drag_source_moves(session, message->args[1].f, message->args[2].f);
		return RELAY_SWALLOW;
	}
	if (!dnd->offer.object || !window)
		return RELAY_SWALLOW;
	dnd->time = message->args[0].u;
	move(dnd, window, message->args[1].f, message->args[2].f);
	send_position(dnd);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_leave(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct dnd *dnd = session->dnd;
	if (drag_source_is_out(session))
		return drag_source_leaves(message);
	/* After a drop there is one, too; the target has yet to take it. */
	if (dnd->dropped)
		return RELAY_SWALLOW;
	if (dnd->entered && session->x)
		tell(dnd, ATOM_XdndLeave, (const uint32_t[4]){0});
	end(dnd);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_drop(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct dnd *dnd = session->dnd;
	if (drag_source_is_out(session)) {
		drag_source_dropped_on_x(session);
		return RELAY_SWALLOW;
	}
	if (!dnd->offer.object || !session->x)
		return RELAY_SWALLOW;
	dnd->dropped = true;
	if (!dnd->waiting)
		finish_drop(dnd);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_action(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (message->object == session->dnd->offer.object)
		session->dnd->action = message->args[0].u;
	return RELAY_SWALLOW;
}

int dnd_init(struct session *session)
{
	session->dnd = calloc(1, sizeof(*session->dnd));
	if (!session->dnd)
		return -ENOMEM;
	session->dnd->session = session;
	return 0;
}

void dnd_finish(struct session *session)
{
	if (!session->dnd)
		return;
	relay_ref_set(&session->dnd->offer, NULL);
	free(session->dnd);
	session->dnd = NULL;
}

const struct relay_hook dnd_hooks[] = {
	{"wl_data_device", "enter", handle_enter, RELAY_UP_OURS},
	{"wl_data_device", "motion", handle_motion, RELAY_UP_OURS},
	{"wl_data_device", "leave", handle_leave, RELAY_UP_OURS},
	{"wl_data_device", "drop", handle_drop, RELAY_UP_OURS},
	{"wl_data_offer", "action", handle_action, RELAY_UP_OURS},
	{0},
};
