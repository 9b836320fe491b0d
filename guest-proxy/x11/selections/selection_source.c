/* Selections that X clients own, offered to Wayland: an owner, its targets, their names, a source.
 */
#include "guest-proxy/x11/selections/selection_source.h"

#include <string.h>

#include "guest-proxy/x11/base/property.h"
#include "guest-proxy/x11/selections/selection_state.h"
#include "guest-proxy/x11/transfers/outgoing.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

static void drop_source(struct selection *selection)
{
	struct relay_object *source = selection->source.object;
	relay_ref_set(&selection->source, NULL);
	if (!source)
		return;
	source->data = NULL;
	session_send(selection->session, source, "destroy", NULL);
}

static void set_source(struct selection *selection)
{
	struct session *session = selection->session;
	session_send(session, selection->device.object, "set_selection",
		(union wire_arg[]){
			{.object = selection->source.object}, {.u = session->focus.serial}});
}

static struct relay_object *make_source(struct selection *selection, const char *interface,
	const char *request, struct relay_object *manager)
{
	struct session *session = selection->session;
	struct mime_list types = {0};
	drop_source(selection);
	for (size_t i = 0; i < selection->targets.count; i++) {
		const char *name = selection->targets.names[i];
		mime_list_add_target(&types, name, strlen(name));
	}
	struct relay_object *source =
		session_make(session, interface, manager, request, (union wire_arg[]){{0}}, 0);
	if (!source)
		return NULL;
	source->data = selection;
	relay_ref_set(&selection->source, source);
	for (size_t i = 0; i < types.count; i++)
		session_send(session, source, "offer", (union wire_arg[]){{.s = types.names[i]}});
	session_send(
		session, source, "offer", (union wire_arg[]){{.s = session->selections->mark}});
	log_debug("a selection of X, with %zu types", types.count);
	return source;
}

static void offer_targets(struct selection *selection)
{
	const struct selection_protocol *protocol = selection->protocol;
	struct relay_object *manager = selection_manager(selection);
	if (!selection->device.object || !manager)
		drop_source(selection);
	else if (make_source(selection, protocol->source, protocol->create_source, manager))
		set_source(selection);
}

static void handle_name(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_get_atom_name_reply_t *reply = answer;
	struct selection *selection = selection_find(session, subject.id);
	if (!selection || selection->generation != subject.detail || !selection->names_awaited)
		return;
	if (reply) {
		size_t before = selection->targets.count;
		xcb_atom_t atom = selection->target_atoms[selection->names_done++];
		mime_list_add(&selection->targets, xcb_get_atom_name_name(reply),
			(size_t)xcb_get_atom_name_name_length(reply));
		if (selection->targets.count > before)
			selection->target_atoms[before] = atom;
	} else {
		selection->names_done++;
	}
	if (--selection->names_awaited > 0)
		return;
	if (selection == &session->selections->items[SELECTION_DRAG])
		session->listener->drag_named(session);
	else
		offer_targets(selection);
}

static void ask_names(struct selection *selection, const xcb_atom_t *atoms, size_t count)
{
	struct session *session = selection->session;
	const struct reply_subject subject = {
		.id = selection_atom(selection), .detail = selection->generation};
	selection->targets.count = 0;
	selection->names_done = 0;
	selection->names_awaited = count = min_u64(count, MIME_MAX);
	for (size_t i = 0; i < count; i++) {
		selection->target_atoms[i] = atoms[i];
		replies_expect(&session->replies, xcb_get_atom_name(session->x, atoms[i]).sequence,
			handle_name, subject);
	}
}

static void handle_targets(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const struct property property = property_of(answer);
	struct selection *selection = selection_find(session, subject.id);
	if (selection && selection->generation == subject.detail)
		ask_names(selection, property.data, property_words(&property));
}

void selection_notified(struct session *session, const xcb_selection_notify_event_t *event)
{
	struct selection *selection = selection_find(session, event->selection);
	if (outgoing_notified(session, event) || !selection || event->property == XCB_NONE ||
		event->requestor != session->selections->window)
		return;
	replies_expect(&session->replies,
		xcb_get_property(session->x, 1, event->requestor, event->property,
			XCB_GET_PROPERTY_TYPE_ANY, 0, MIME_MAX)
			.sequence,
		handle_targets,
		(struct reply_subject){.id = event->selection, .detail = selection->generation});
}

void selection_owner_changed(struct session *session, xcb_atom_t atom, xcb_window_t owner,
	xcb_timestamp_t time, bool owner_died)
{
	struct selection *selection = selection_find(session, atom);
	if (!selection)
		return;
	if (owner == session->selections->window) {
		selection->time = time;
		/* What came of another owner since we asked was older. */
		selection->owning = selection->offer != NULL;
		return;
	}
	outgoing_owner_gone(session, atom, owner_died);
	selection->generation++;
	selection->names_awaited = 0;
	selection->owning = false;
	selection->owner = owner;
	if (selection == &session->selections->items[SELECTION_DRAG])
		return;
	if (owner == XCB_NONE) {
		bool ours = selection->source.object != NULL;
		drop_source(selection);
		if (ours && selection->device.object && !owner_died)
			set_source(selection);
		return;
	}
	/* One property for each selection: both may be asked at once. */
	xcb_convert_selection(session->x, session->selections->window, atom,
		SESSION_ATOM(session, TARGETS), atom, XCB_CURRENT_TIME);
}

static enum relay_verdict handle_send(struct relay_message *message)
{
	struct selection *selection = message->object->data;
	const char *name = selection ? mime_target(&selection->targets, message->args[0].s) : NULL;
	for (size_t i = 0; name && i < selection->targets.count; i++) {
		if (strcmp(selection->targets.names[i], name) != 0)
			continue;
		outgoing_start(selection->session, selection_atom(selection),
			selection->target_atoms[i], selection->owner, message->args[1].handle.fd);
		if (!selection->ask_later)
			outgoing_ask(
				selection->session, selection_atom(selection), selection->ask_time);
		message->args[1].handle.kind = WIRE_NONE;
		break;
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_cancelled(struct relay_message *message)
{
	struct selection *selection = message->object->data;
	if (!selection || selection->source.object != message->object)
		return RELAY_SWALLOW;
	drop_source(selection);
	if (selection == &selection->session->selections->items[SELECTION_DRAG])
		selection->session->listener->drag_cancelled(selection->session);
	return RELAY_SWALLOW;
}

void selection_name_drag(struct session *session, const xcb_atom_t *atoms, size_t count)
{
	struct selection *selection = &session->selections->items[SELECTION_DRAG];
	selection->generation++;
	ask_names(selection, atoms, count);
}

struct relay_object *selection_drag_source(struct session *session)
{
	struct selection *selection = &session->selections->items[SELECTION_DRAG];
	if (!session->data_manager.object)
		return NULL;
	return make_source(
		selection, "wl_data_source", "create_data_source", session->data_manager.object);
}

void selection_drop_drag_source(struct session *session)
{
	struct selection *selection = &session->selections->items[SELECTION_DRAG];
	drop_source(selection);
	/* The time of a drop that never came. */
	outgoing_refuse_unasked(session, selection_atom(selection));
}

void selection_set_drag_time(struct session *session, xcb_timestamp_t time)
{
	struct selection *selection = &session->selections->items[SELECTION_DRAG];
	selection->ask_time = time;
	selection->ask_later = false;
	outgoing_ask(session, selection_atom(selection), time);
}

void selection_await_drag_time(struct session *session)
{
	session->selections->items[SELECTION_DRAG].ask_later = true;
}

const struct relay_hook selection_source_hooks[] = {
	{"wl_data_source", "send", handle_send, RELAY_UP_OURS},
	{"wl_data_source", "cancelled", handle_cancelled, RELAY_UP_OURS},
	{"zwp_primary_selection_source_v1", "send", handle_send, RELAY_UP_OURS},
	{"zwp_primary_selection_source_v1", "cancelled", handle_cancelled, RELAY_UP_OURS},
	{0},
};
