/*
 * What X clients drag.
 *
 *   IDLE --a client takes XdndSelection while a button is held on its window--> BEGUN
 *     --it has said what and how--> OUT --dropped--> DROPPED --taken--> IDLE
 *
 * From BEGUN on a window of ours (the target) lies over all of X, so that the client speaks to us
 * as XDND has it. OUT: it is a drag of the compositor, which has the pointer from now on. Over a
 * window that is not X's, the target answers as the source's events say. Over an X window it steps
 * aside, and X is told where the pointer is: the two X clients speak to each other. When the
 * compositor ends the drag, the button is released in X.
 */
#include "guest-proxy/x11/drags/drag_source.h"

#include <errno.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/x11/base/property.h"
#include "guest-proxy/x11/drags/xdnd.h"
#include "guest-proxy/x11/selections/selection.h"
#include "guest-proxy/x11/selections/selection_source.h"
#include "guest-proxy/x11/transfers/mime.h"
#include "guest-proxy/x11/windows/pointer.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define XDND_VERSION 5
#define ACTIONS_MAX 8
#define STATUS_ACCEPTS 1u
#define STATUS_WANTS_POSITIONS 2u
#define ENTER_HAS_LIST 1u

enum drag_state {
	DRAG_IDLE,
	DRAG_BEGUN,
	DRAG_OUT,
	DRAG_DROPPED,
};

struct drag_source {
	struct session *session;
	enum drag_state state;
	xcb_window_t target; /* ours */
	bool target_shown;
	uint32_t number; /* of the drag */

	/* What the X client said. */
	xcb_window_t owner,
		window; /* of XdndSelection; the source, once it has entered the target */
	bool named, listed,
		positioned; /* the types have names, the actions are known, a place is */
	bool x_dropped;
	uint32_t actions;             /* as of wl_data_device_manager */
	int32_t pointer_x, pointer_y; /* of X's screen */

	/* What the compositor said. */
	bool accepted, taken;
	uint32_t action;
	struct relay_ref source, offer; /* the offer: while it is over an X window */
	xcb_window_t icon;              /* of the X client; 0: none */
};

/* To the X client */

static void show_target(struct drag_source *drag, bool shown)
{
	struct session *session = drag->session;
	const uint32_t values[] = {0, 0, UINT16_MAX / 2, UINT16_MAX / 2, XCB_STACK_MODE_ABOVE};
	const uint32_t version = XDND_VERSION;
	if (drag->target_shown == shown || !session->managing)
		return;
	drag->target_shown = shown;
	if (!shown) {
		xcb_unmap_window(session->x, drag->target);
		return;
	}
	xcb_configure_window(session->x, drag->target,
		XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y | XCB_CONFIG_WINDOW_WIDTH |
			XCB_CONFIG_WINDOW_HEIGHT | XCB_CONFIG_WINDOW_STACK_MODE,
		values);
	/* Each time: any X client can take it away. */
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, drag->target,
		SESSION_ATOM(session, XdndAware), XCB_ATOM_ATOM, 32, 1, &version);
	xcb_map_window(session->x, drag->target);
}

static void tell_status(const struct drag_source *drag)
{
	const struct session *session = drag->session;
	const struct relay_object *source = drag->source.object;
	bool actions_count = source && source->version >= WL_DATA_SOURCE_ACTION_SINCE_VERSION;
	bool accepts = source && drag->accepted && (drag->action || !actions_count);
	if (drag->window && session->x && !drag->offer.object)
		xdnd_tell(session, drag->window, ATOM_XdndStatus, drag->target,
			(const uint32_t[4]){STATUS_WANTS_POSITIONS | (accepts ? STATUS_ACCEPTS : 0),
				0, 0, accepts ? dnd_action_atom(session, drag->action) : XCB_NONE});
}

static void tell_finished(const struct drag_source *drag, xcb_window_t window, bool taken)
{
	xcb_atom_t action = taken ? dnd_action_atom(drag->session, drag->action) : XCB_NONE;
	if (drag->session->x)
		xdnd_tell(drag->session, window, ATOM_XdndFinished, drag->target,
			(const uint32_t[4]){taken, action});
}

/* Its ends */

/* NULL: there is none, or it has gone meanwhile. */
static struct surface *icon_surface(const struct drag_source *drag)
{
	const struct window *window = window_find(drag->session, drag->icon);
	return window && window->surface && window->surface->icon ? window->surface : NULL;
}

static void hide_icon(struct drag_source *drag)
{
	struct surface *surface = icon_surface(drag);
	if (surface)
		surface_hide(surface);
	drag->icon = XCB_NONE;
}

static void drop_offer(struct drag_source *drag)
{
	if (drag->offer.object)
		session_send(drag->session, drag->offer.object, "destroy", NULL);
	relay_ref_set(&drag->offer, NULL);
}

/* The X client is told of it when it comes to drop: by then it is nobody's. */
static void end(struct drag_source *drag)
{
	struct session *session = drag->session;
	if (drag->state >= DRAG_OUT)
		pointer_give_back(session);
	show_target(drag, false);
	hide_icon(drag);
	drop_offer(drag);
	relay_ref_set(&drag->source, NULL);
	selection_drop_drag_source(session);
	drag->state = DRAG_IDLE;
	drag->owner = drag->window = XCB_NONE;
}

static void end_if_taken(struct drag_source *drag)
{
	if (!drag->taken || !drag->x_dropped)
		return;
	tell_finished(drag, drag->window, true);
	end(drag);
}

/* Its beginning */

void drag_source_owner_changed(struct session *session, xcb_window_t owner)
{
	struct drag_source *drag = session->drag_source;
	const struct surface *pressed = session->focus.pressed;
	if (drag->state != DRAG_IDLE)
		end(drag);
	if (owner == XCB_NONE || owner == selection_window(session) || !pressed ||
		!pressed->window || session->focus.buttons_down == 0 ||
		!window_same_client(session, owner, pressed->window->id))
		return;
	*drag = (struct drag_source){
		.session = session,
		.state = DRAG_BEGUN,
		.target = drag->target,
		.number = drag->number + 1,
		.owner = owner,
	};
	show_target(drag, true);
}

/*
 * The window that the client moves about with the pointer. False: that is not known yet, as one of
 * its windows has just been mapped; drag_source_window_known() comes.
 */
static bool find_icon(const struct drag_source *drag, struct surface **icon)
{
	const struct session *session = drag->session;
	const struct window *window;
	*icon = NULL;
	wl_list_for_each(window, &session->windows.list, link)
	{
		if (!window->mapped || window->input_only ||
			!window_same_client(session, window->id, drag->owner))
			continue;
		bool is_icon = window->known && window_is_drag_icon(session, window);
		if (!window->known || (is_icon && !window->surface))
			return false;
		if (is_icon && !window->surface->xdg.object)
			*icon = window->surface;
	}
	return true;
}

/*
 * Where it is from the pointer is known whenever the client has said where both are: it may be late
 * with either, and catches up while the compositor has the pointer. Over X windows it speaks to
 * them instead. The compositor moves it with the pointer.
 */
static void place_icon(const struct drag_source *drag)
{
	const struct session *session = drag->session;
	struct surface *surface = icon_surface(drag);
	if (!surface || !drag->positioned)
		return;
	const struct box *box = &surface->window->box;
	if (surface_place_icon(surface, scale_to_wayland(session->scale, box->x - drag->pointer_x),
		    scale_to_wayland(session->scale, box->y - drag->pointer_y)))
		window_refresh(session, surface->window);
}

static void show_icon(struct drag_source *drag, struct surface *surface)
{
	surface->icon = true;
	surface->icon_told_x = surface->icon_told_y = 0;
	drag->icon = surface->window->id;
	place_icon(drag);
	surface_show(surface);
}

static void start_if_ready(struct drag_source *drag)
{
	struct session *session = drag->session;
	const struct focus *focus = &session->focus;
	struct relay_object *device = selection_device(session);
	struct surface *icon;
	if (drag->state != DRAG_BEGUN || !drag->named || !drag->listed || !drag->positioned ||
		!find_icon(drag, &icon))
		return;
	struct relay_object *source =
		device && focus->pressed ? selection_drag_source(session) : NULL;
	if (!source) {
		end(drag);
		return;
	}
	relay_ref_set(&drag->source, source);
	if (source->version >= WL_DATA_SOURCE_SET_ACTIONS_SINCE_VERSION)
		session_send(
			session, source, "set_actions", (union wire_arg[]){{.u = drag->actions}});
	session_send(session, device, "start_drag",
		(union wire_arg[]){{.object = source}, {.object = focus->pressed->object},
			{.object = icon ? icon->object : NULL}, {.u = focus->press_serial}});
	if (icon)
		show_icon(drag, icon);
	drag->state = DRAG_OUT;
	pointer_borrow(session);
	log_debug("an X client drags%s", icon ? ", with an icon" : "");
}

void drag_source_window_known(struct session *session)
{
	start_if_ready(session->drag_source);
}

void drag_source_window_moved(struct session *session, xcb_window_t window)
{
	if (window == session->drag_source->icon && session->drag_source->state == DRAG_OUT)
		place_icon(session->drag_source);
}

void drag_source_named(struct session *session)
{
	session->drag_source->named = true;
	start_if_ready(session->drag_source);
}

static bool is_now(const struct drag_source *drag, struct reply_subject subject)
{
	return drag && drag->state == DRAG_BEGUN && drag->number == subject.detail;
}

static void handle_types(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const struct property property = property_of(answer);
	if (is_now(session->drag_source, subject))
		selection_name_drag(session, property.data, property_words(&property));
}

static void handle_actions(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	struct drag_source *drag = session->drag_source;
	const struct property property = property_of(answer);
	const xcb_atom_t *atoms = property.data;
	if (!is_now(drag, subject))
		return;
	for (size_t i = 0; i < property_words(&property); i++)
		drag->actions |= dnd_action_of(session, atoms[i]);
	drag->listed = true;
	start_if_ready(drag);
}

/* From the X client */

static void ask(struct drag_source *drag, enum atom property, uint32_t words, reply_fn function)
{
	struct session *session = drag->session;
	replies_expect(&session->replies,
		xcb_get_property(session->x, 0, drag->window, session->atoms[property],
			XCB_GET_PROPERTY_TYPE_ANY, 0, words)
			.sequence,
		function, (struct reply_subject){.detail = drag->number});
}

static void message_enter(struct drag_source *drag, const uint32_t *words)
{
	bool first = drag->window == XCB_NONE;
	size_t count = 0;
	drag->window = words[0];
	if (!first)
		return;
	while (count < 3 && words[2 + count] != XCB_NONE)
		count++;
	if (words[1] & ENTER_HAS_LIST)
		ask(drag, ATOM_XdndTypeList, MIME_MAX, handle_types);
	else
		selection_name_drag(drag->session, words + 2, count);
	ask(drag, ATOM_XdndActionList, ACTIONS_MAX, handle_actions);
}

static void message_position(struct drag_source *drag, const uint32_t *words)
{
	uint32_t action = dnd_action_of(drag->session, words[4]);
	selection_set_drag_time(drag->session, words[3]);
	drag->pointer_x = (int32_t)(words[2] >> 16);
	drag->pointer_y = (int32_t)(words[2] & 0xffff);
	drag->positioned = true;
	if (drag->state == DRAG_BEGUN)
		drag->actions |= action ? action : WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY;
	tell_status(drag);
	if (drag->state == DRAG_OUT)
		place_icon(drag);
	start_if_ready(drag);
}

static void message_drop(struct drag_source *drag, const uint32_t *words)
{
	selection_set_drag_time(drag->session, words[2]);
	drag->x_dropped = true;
	if (drag->state == DRAG_DROPPED) {
		end_if_taken(drag);
		return;
	}
	/* The compositor knows of none. */
	tell_finished(drag, drag->window, false);
	end(drag);
}

/* After the release: it takes the drop for refused. */
static void message_leave(struct drag_source *drag, const uint32_t *words)
{
	if (drag->state == DRAG_DROPPED && !drag->offer.object)
		end(drag);
}

static const struct {
	enum atom type;
	void (*function)(struct drag_source *drag, const uint32_t *words);
} messages[] = {
	{ATOM_XdndEnter, message_enter},
	{ATOM_XdndPosition, message_position},
	{ATOM_XdndDrop, message_drop},
	{ATOM_XdndLeave, message_leave},
};

bool drag_source_message(struct session *session, const xcb_client_message_event_t *event)
{
	struct drag_source *drag = session->drag_source;
	const uint32_t *words = event->data.data32;
	if (event->window != drag->target)
		return false;
	bool dropped = event->format == 32 && event->type == SESSION_ATOM(session, XdndDrop);
	if (drag->state == DRAG_IDLE && dropped)
		tell_finished(drag, words[0], false);
	if (drag->state == DRAG_IDLE || event->format != 32 ||
		!window_same_client(session, words[0], drag->owner))
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(messages); i++) {
		bool enters = messages[i].type == ATOM_XdndEnter;
		if (event->type == session->atoms[messages[i].type] &&
			(enters || words[0] == drag->window))
			messages[i].function(drag, words);
	}
	return true;
}

void drag_source_buttons_up(struct session *session)
{
	struct drag_source *drag = session->drag_source;
	if (drag->state == DRAG_BEGUN || drag->state == DRAG_OUT)
		end(drag);
}

/* From the compositor */

bool drag_source_is_out(const struct session *session)
{
	return session->drag_source->state == DRAG_OUT;
}

static bool is_ours(const struct relay_message *message)
{
	const struct session *session = relay_data(message->relay);
	return message->object == session->drag_source->source.object;
}

void drag_source_cancelled(struct session *session)
{
	struct drag_source *drag = session->drag_source;
	if (drag->state == DRAG_IDLE)
		return;
	drag->accepted = false;
	tell_status(drag);
	if (drag->x_dropped)
		tell_finished(drag, drag->window, false);
	end(drag);
}

static enum relay_verdict handle_target(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (is_ours(message)) {
		session->drag_source->accepted = message->args[0].s != NULL;
		tell_status(session->drag_source);
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_action(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (is_ours(message)) {
		session->drag_source->action = message->args[0].u;
		tell_status(session->drag_source);
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_dropped(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct drag_source *drag = session->drag_source;
	if (!is_ours(message) || drag->state != DRAG_OUT || drag->offer.object)
		return RELAY_SWALLOW;
	/* The client has to know that it was accepted before it sees the release. */
	if (!session_x_is_ready(session))
		return RELAY_HOLD;
	drag->state = DRAG_DROPPED;
	/* Which is that of its drop, as soon as it says so. */
	selection_await_drag_time(session);
	pointer_give_back(session);
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_finished(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct drag_source *drag = session->drag_source;
	if (is_ours(message)) {
		drag->taken = true;
		end_if_taken(drag);
	}
	return RELAY_SWALLOW;
}

/* Over an X window */

enum relay_verdict drag_source_over(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct drag_source *drag = session->drag_source;
	struct surface *surface = surface_of(message->args[1].object);
	struct relay_object *offer = message->args[4].object;
	if (!surface || !surface->window || !offer || drag->state != DRAG_OUT)
		return RELAY_SWALLOW;
	show_target(drag, false);
	session->focus.raised = XCB_NONE;
	if (!pointer_prepare(session, surface))
		return RELAY_HOLD;
	drop_offer(drag);
	relay_ref_set(&drag->offer, offer);
	drag->positioned = false;
	/* Whether it is, the X clients say to each other. */
	session_send(session, offer, "accept",
		(union wire_arg[]){message->args[0], {.s = selection_mark(session)}});
	if (offer->version >= WL_DATA_OFFER_SET_ACTIONS_SINCE_VERSION)
		session_send(session, offer, "set_actions",
			(union wire_arg[]){
				{.u = drag->actions}, {.u = drag->actions & -drag->actions}});
	pointer_place(session, surface, message->args[2].f, message->args[3].f);
	return RELAY_SWALLOW;
}

void drag_source_moves(struct session *session, wl_fixed_t x, wl_fixed_t y)
{
	const struct drag_source *drag = session->drag_source;
	if (drag->offer.object && session->focus.pointer)
		pointer_place(session, session->focus.pointer, x, y);
}

enum relay_verdict drag_source_leaves(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct drag_source *drag = session->drag_source;
	if (drag->state != DRAG_OUT || !drag->offer.object)
		return RELAY_SWALLOW;
	show_target(drag, true);
	if (!session_x_is_ready(session))
		return RELAY_HOLD;
	drop_offer(drag);
	drag->accepted = false;
	pointer_nudge(session);
	return RELAY_SWALLOW;
}

void drag_source_dropped_on_x(struct session *session)
{
	/* The rest is X's alone. */
	end(session->drag_source);
}

/* The start */

int drag_source_init(struct session *session)
{
	session->drag_source = calloc(1, sizeof(*session->drag_source));
	if (!session->drag_source)
		return -ENOMEM;
	session->drag_source->session = session;
	return 0;
}

void drag_source_manage(struct session *session)
{
	struct drag_source *drag = session->drag_source;
	const uint32_t override = 1;
	drag->target = xcb_generate_id(session->x);
	xcb_create_window(session->x, XCB_COPY_FROM_PARENT, drag->target, session_root(session), 0,
		0, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT,
		XCB_CW_OVERRIDE_REDIRECT, &override);
}

void drag_source_finish(struct session *session)
{
	if (!session->drag_source)
		return;
	relay_ref_set(&session->drag_source->source, NULL);
	relay_ref_set(&session->drag_source->offer, NULL);
	free(session->drag_source);
	session->drag_source = NULL;
}

const struct relay_hook drag_source_hooks[] = {
	{"wl_data_source", "target", handle_target, RELAY_UP_OURS},
	{"wl_data_source", "action", handle_action, RELAY_UP_OURS},
	{"wl_data_source", "dnd_drop_performed", handle_dropped, RELAY_UP_OURS},
	{"wl_data_source", "dnd_finished", handle_finished, RELAY_UP_OURS},
	{0},
};
