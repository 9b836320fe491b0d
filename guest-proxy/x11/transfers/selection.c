/*
 * Clipboard and primary selection.
 *
 * An X client takes one: we ask for its targets, and are a Wayland source that has them (outgoing.h
 * fetches what is asked for). A Wayland client takes one: we are the X owner and answer by what it
 * offers (incoming.h). Our own sources come back to us as offers; a mime type of ours marks them.
 */
#include "guest-proxy/x11/transfers/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xcb/xfixes.h>

#include "guest-proxy/x11/transfers/incoming.h"
#include "guest-proxy/x11/transfers/mime.h"
#include "guest-proxy/x11/transfers/outgoing.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

#define N_SELECTIONS 3
#define DRAG 2 /* the index of what is dragged, either way; dnd.h, drag_source.h */

/* The same twice, by other names. What is dragged has no device of its own. */
static const struct protocol {
	enum atom atom;
	const char *device, *source, *offer; /* interfaces */
	const char *get_device, *create_source;
	size_t manager; /* in struct session */
} protocols[N_SELECTIONS] = {
	{ATOM_CLIPBOARD, "wl_data_device", "wl_data_source", "wl_data_offer", "get_data_device",
		"create_data_source", offsetof(struct session, data_manager)},
	{ATOM_PRIMARY, "zwp_primary_selection_device_v1", "zwp_primary_selection_source_v1",
		"zwp_primary_selection_offer_v1", "get_device", "create_source",
		offsetof(struct session, primary_manager)},
	[DRAG] = {.atom = ATOM_XdndSelection},
};

/* What a Wayland client offers, us among others. The object's data until it is a selection's. */
struct offer {
	struct relay_ref object;
	struct mime_list types;
};

struct selection {
	struct session *session;
	const struct protocol *protocol;
	struct relay_ref device;

	/* Wayland's: what we own in X. */
	struct offer *offer;        /* NULL: none */
	xcb_atom_t atoms[MIME_MAX]; /* of its types */
	size_t atoms_known;
	uint32_t offer_generation; /* counts offers */
	bool owning;
	xcb_timestamp_t time; /* of X's selection */

	/* X's: what we are the source of. */
	xcb_window_t owner;  /* 0: no X client */
	uint32_t generation; /* counts owners */
	struct relay_ref source;
	struct mime_list targets; /* the owner's, as X calls them */
	xcb_atom_t target_atoms[MIME_MAX];
	size_t names_awaited, names_done;
	xcb_timestamp_t ask_time; /* with which it is asked for data; a drag's owner looks at it */
	bool ask_later;           /* not before that is known */
};

struct selections {
	struct selection items[N_SELECTIONS];
	xcb_window_t window; /* the owner and requestor that we are */
	char mark[64];       /* the mime type that marks our sources */
};

static struct selection *find(struct session *session, xcb_atom_t atom)
{
	for (size_t i = 0; session->selections && i < N_SELECTIONS; i++) {
		struct selection *selection = &session->selections->items[i];
		if (session->atoms[selection->protocol->atom] == atom)
			return selection;
	}
	return NULL;
}

static struct relay_object *manager_of(const struct selection *selection)
{
	const char *session = (const char *)selection->session;
	return *(
		struct relay_object *const *)(const void *)(session + selection->protocol->manager);
}

static xcb_atom_t atom_of(const struct selection *selection)
{
	return selection->session->atoms[selection->protocol->atom];
}

/* From X: an owner, its targets, their names, a source */

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
	const struct protocol *protocol = selection->protocol;
	struct relay_object *manager = manager_of(selection);
	if (!selection->device.object || !manager)
		drop_source(selection);
	else if (make_source(selection, protocol->source, protocol->create_source, manager))
		set_source(selection);
}

static void handle_name(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_get_atom_name_reply_t *reply = answer;
	struct selection *selection = find(session, subject.id);
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
	if (selection == &session->selections->items[DRAG])
		session->listener->drag_named(session);
	else
		offer_targets(selection);
}

static void ask_names(struct selection *selection, const xcb_atom_t *atoms, size_t count)
{
	struct session *session = selection->session;
	const struct reply_subject subject = {
		.id = atom_of(selection), .detail = selection->generation};
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
	const xcb_get_property_reply_t *reply = answer;
	struct selection *selection = find(session, subject.id);
	if (!selection || selection->generation != subject.detail || !reply || reply->format != 32)
		return;
	ask_names(selection, xcb_get_property_value(reply),
		(size_t)xcb_get_property_value_length(reply) / 4);
}

void selection_notified(struct session *session, const xcb_selection_notify_event_t *event)
{
	struct selection *selection = find(session, event->selection);
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
	struct selection *selection = find(session, atom);
	if (!selection)
		return;
	if (owner == session->selections->window) {
		selection->time = time;
		return;
	}
	outgoing_owner_gone(session, atom, owner_died);
	selection->generation++;
	selection->names_awaited = 0;
	selection->owning = false;
	selection->owner = owner;
	if (selection == &session->selections->items[DRAG])
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
	if (message->object->id[RELAY_DOWN])
		return RELAY_FORWARD;
	const char *name = selection ? mime_target(&selection->targets, message->args[0].s) : NULL;
	for (size_t i = 0; name && i < selection->targets.count; i++) {
		if (strcmp(selection->targets.names[i], name) != 0)
			continue;
		outgoing_start(selection->session, atom_of(selection), selection->target_atoms[i],
			selection->owner, message->args[1].handle.fd);
		if (!selection->ask_later)
			outgoing_ask(selection->session, atom_of(selection), selection->ask_time);
		message->args[1].handle.kind = WIRE_NONE;
		break;
	}
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_cancelled(struct relay_message *message)
{
	struct selection *selection = message->object->data;
	if (message->object->id[RELAY_DOWN])
		return RELAY_FORWARD;
	if (!selection || selection->source.object != message->object)
		return RELAY_SWALLOW;
	drop_source(selection);
	if (selection == &selection->session->selections->items[DRAG])
		selection->session->listener->drag_cancelled(selection->session);
	return RELAY_SWALLOW;
}

void selection_name_drag(struct session *session, const xcb_atom_t *atoms, size_t count)
{
	struct selection *selection = &session->selections->items[DRAG];
	selection->generation++;
	ask_names(selection, atoms, count);
}

struct relay_object *selection_drag_source(struct session *session)
{
	struct selection *selection = &session->selections->items[DRAG];
	if (!session->data_manager)
		return NULL;
	return make_source(
		selection, "wl_data_source", "create_data_source", session->data_manager);
}

void selection_drop_drag_source(struct session *session)
{
	struct selection *selection = &session->selections->items[DRAG];
	drop_source(selection);
	/* The time of a drop that never came. */
	outgoing_refuse_unasked(session, atom_of(selection));
}

void selection_set_drag_time(struct session *session, xcb_timestamp_t time)
{
	struct selection *selection = &session->selections->items[DRAG];
	selection->ask_time = time;
	selection->ask_later = false;
	outgoing_ask(session, atom_of(selection), time);
}

void selection_await_drag_time(struct session *session)
{
	session->selections->items[DRAG].ask_later = true;
}

const char *selection_mark(const struct session *session)
{
	return session->selections->mark;
}

struct relay_object *selection_device(const struct session *session)
{
	return session->selections->items[0].device.object;
}

/* From Wayland: an offer, its types' atoms, X's selection */

static void free_offer(struct offer *offer)
{
	if (offer)
		relay_ref_set(&offer->object, NULL);
	free(offer);
}

static void drop_offer(struct session *session, struct offer *offer)
{
	if (offer && offer->object.object)
		session_send(session, offer->object.object, "destroy", NULL);
	free_offer(offer);
}

static void own(struct selection *selection)
{
	struct session *session = selection->session;
	selection->owning = true;
	xcb_set_selection_owner(
		session->x, session->selections->window, atom_of(selection), XCB_CURRENT_TIME);
	log_debug("a selection of Wayland, with %zu types", selection->offer->types.count);
}

static void handle_atom(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_intern_atom_reply_t *reply = answer;
	struct selection *selection = find(session, subject.id);
	if (!selection || selection->offer_generation != subject.detail || !selection->offer)
		return;
	selection->atoms[selection->atoms_known++] = reply ? reply->atom : XCB_NONE;
	if (selection->atoms_known == selection->offer->types.count)
		own(selection);
}

static void intern_types(struct selection *selection)
{
	struct session *session = selection->session;
	const struct mime_list *types = &selection->offer->types;
	for (size_t i = 0; i < types->count; i++) {
		const char *name = types->names[i];
		replies_expect(&session->replies,
			xcb_intern_atom(session->x, 0, (uint16_t)strlen(name), name).sequence,
			handle_atom,
			(struct reply_subject){
				.id = atom_of(selection), .detail = selection->offer_generation});
	}
}

static void take_offer(struct selection *selection, struct offer *offer)
{
	struct session *session = selection->session;
	bool ours = offer && mime_list_has(&offer->types, session->selections->mark);
	drop_offer(session, selection->offer);
	selection->offer = NULL;
	selection->offer_generation++;
	selection->atoms_known = 0;
	if (ours) {
		drop_offer(session, offer);
		return;
	}
	selection->offer = offer;
	if (!session->managing)
		return;
	if (!offer || offer->types.count == 0) {
		if (selection->owning)
			xcb_set_selection_owner(
				session->x, XCB_NONE, atom_of(selection), XCB_CURRENT_TIME);
		selection->owning = false;
		return;
	}
	intern_types(selection);
}

static void forget_offer(struct relay_object *object)
{
	free_offer(object->data);
}

static enum relay_verdict handle_data_offer(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;
	if (message->object->id[RELAY_DOWN])
		return RELAY_FORWARD;
	struct offer *offer = calloc(1, sizeof(*offer));
	if (offer)
		relay_ref_set(&offer->object, object);
	object->data = offer;
	object->data_destroy = forget_offer;
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_offer(struct relay_message *message)
{
	struct offer *offer = message->object->data;
	if (message->object->id[RELAY_DOWN])
		return RELAY_FORWARD;
	if (offer)
		mime_list_add(&offer->types, message->args[0].s, strlen(message->args[0].s));
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_selection(struct relay_message *message)
{
	struct selection *selection = message->object->data;
	struct relay_object *object = message->args[0].object;
	if (message->object->id[RELAY_DOWN])
		return RELAY_FORWARD;
	struct offer *offer = object ? object->data : NULL;
	if (!selection)
		return RELAY_SWALLOW;
	if (object) {
		object->data = NULL; /* it is the selection's from now on */
		object->data_destroy = NULL;
	}
	take_offer(selection, offer);
	return RELAY_SWALLOW;
}

void selection_set_drag(struct session *session, struct relay_object *object)
{
	struct selection *selection = &session->selections->items[DRAG];
	struct offer *offer = object ? object->data : NULL;
	if (!offer && !selection->offer)
		return;
	if (object) {
		object->data = NULL;
		object->data_destroy = NULL;
	}
	take_offer(selection, offer);
}

size_t selection_drag_types(const struct session *session, const xcb_atom_t **types)
{
	const struct selection *selection = &session->selections->items[DRAG];
	*types = selection->atoms;
	return selection->offer && selection->owning ? selection->atoms_known : 0;
}

const char *selection_drag_type(const struct session *session)
{
	const struct offer *offer = session->selections->items[DRAG].offer;
	return offer && offer->types.count > 0 ? offer->types.names[0] : NULL;
}

xcb_window_t selection_window(const struct session *session)
{
	return session->selections->window;
}

/* Requests of X clients for what we own */

static void send_targets(struct selection *selection, const xcb_selection_request_event_t *event,
	xcb_atom_t property)
{
	static const enum atom always[] = {ATOM_TARGETS, ATOM_TIMESTAMP, ATOM_MULTIPLE};
	static const enum atom texts[] = {ATOM_UTF8_STRING, ATOM_STRING, ATOM_TEXT};
	static const char *const names[] = {"UTF8_STRING", "STRING", "TEXT"};
	const struct session *session = selection->session;
	xcb_atom_t atoms[MIME_MAX + ARRAY_LENGTH(always) + ARRAY_LENGTH(texts)];
	uint32_t count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(always); i++)
		atoms[count++] = session->atoms[always[i]];
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (mime_for_target(&selection->offer->types, names[i]))
			atoms[count++] = session->atoms[texts[i]];
	}
	for (size_t i = 0; i < selection->atoms_known; i++) {
		bool text = false;
		for (size_t k = 0; k < ARRAY_LENGTH(texts); k++)
			text |= selection->atoms[i] == session->atoms[texts[k]];
		if (!text)
			atoms[count++] = selection->atoms[i];
	}
	xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, event->requestor, property,
		XCB_ATOM_ATOM, 32, count, atoms);
}

/* The mime type that answers @target, and in *@type what the property is. */
static const char *type_for(const struct selection *selection, xcb_atom_t target, xcb_atom_t *type)
{
	const struct session *session = selection->session;
	const struct mime_list *types = &selection->offer->types;
	*type = target;
	for (size_t i = 0; i < selection->atoms_known; i++) {
		if (selection->atoms[i] == target)
			return types->names[i];
	}
	*type = SESSION_ATOM(session, UTF8_STRING);
	if (target == SESSION_ATOM(session, UTF8_STRING))
		return mime_for_target(types, "UTF8_STRING");
	if (target == SESSION_ATOM(session, STRING))
		return mime_for_target(types, "STRING");
	if (target == SESSION_ATOM(session, TEXT))
		return mime_for_target(types, "TEXT");
	return NULL;
}

static void convert(struct selection *selection, struct incoming_request *request,
	xcb_atom_t target, xcb_atom_t property)
{
	struct session *session = selection->session;
	const xcb_selection_request_event_t *event = &request->event;
	xcb_atom_t type;
	int fds[2];
	if (target == SESSION_ATOM(session, TARGETS)) {
		send_targets(selection, event, property);
		incoming_request_done(request, property, true);
		return;
	}
	if (target == SESSION_ATOM(session, TIMESTAMP)) {
		xcb_change_property(session->x, XCB_PROP_MODE_REPLACE, event->requestor, property,
			XCB_ATOM_INTEGER, 32, 1, &selection->time);
		incoming_request_done(request, property, true);
		return;
	}
	const char *mime = type_for(selection, target, &type);
	if (!mime || !selection->offer->object.object || pipe2(fds, O_CLOEXEC) < 0) {
		incoming_request_done(request, property, false);
		return;
	}
	session_send(session, selection->offer->object.object, "receive",
		(union wire_arg[]){{.s = mime}, {.handle = wire_handle_fd(fds[1])}});
	incoming_start(request, property, type, fds[0]);
}

/* MULTIPLE: pairs of target and property, in the property of the request. */
static void handle_pairs(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_get_property_reply_t *reply = answer;
	struct incoming_request *request = incoming_request_find(session, subject.id);
	struct selection *selection = request ? find(session, request->event.selection) : NULL;
	if (!request)
		return;
	size_t count = reply && reply->format == 32 && selection && selection->offer
		? min_u64((size_t)xcb_get_property_value_length(reply) / 8, INCOMING_PAIRS_MAX)
		: 0;
	if (count == 0) {
		incoming_request_done(request, XCB_NONE, false);
		return;
	}
	memcpy(request->pairs, xcb_get_property_value(reply), 8 * count);
	request->n_pairs = (uint32_t)count;
	request->pairs_type = reply->type;
	request->pending += count;
	for (size_t i = 0; i < count; i++) {
		xcb_atom_t target = request->pairs[2 * i], property = request->pairs[2 * i + 1];
		if (target == SESSION_ATOM(session, MULTIPLE) || property == XCB_NONE)
			incoming_request_done(request, property, false);
		else
			convert(selection, request, target, property);
	}
	incoming_request_done(request, XCB_NONE, true);
}

void selection_requested(struct session *session, const xcb_selection_request_event_t *event)
{
	struct selection *selection = find(session, event->selection);
	if (!selection || !selection->offer || !selection->owning) {
		incoming_refuse(session, event);
		return;
	}
	struct incoming_request *request = incoming_request_create(session, event);
	if (!request)
		return;
	/* ICCCM 2.2: clients of old leave the property out. */
	if (request->event.property == XCB_NONE)
		request->event.property = event->target;
	if (event->target != SESSION_ATOM(session, MULTIPLE)) {
		convert(selection, request, event->target, request->event.property);
		return;
	}
	replies_expect(&session->replies,
		xcb_get_property(session->x, 0, event->requestor, request->event.property,
			XCB_GET_PROPERTY_TYPE_ANY, 0, 2 * INCOMING_PAIRS_MAX)
			.sequence,
		handle_pairs, (struct reply_subject){.id = request->number});
}

/* Devices, and the start */

static void make_devices(struct session *session)
{
	for (size_t i = 0; i < N_SELECTIONS; i++) {
		struct selection *selection = &session->selections->items[i];
		struct relay_object *manager = manager_of(selection);
		if (i == DRAG || selection->device.object || !manager || !session->focus.seat)
			continue;
		struct relay_object *device = session_make(session, selection->protocol->device,
			manager, selection->protocol->get_device,
			(union wire_arg[]){{0}, {.object = session->focus.seat}}, 0);
		relay_ref_set(&selection->device, device);
		if (device)
			device->data = selection;
	}
}

static enum relay_verdict handle_capabilities(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (message->object == session->focus.seat && session->selections)
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
			atom_of(selection),
			XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER |
				XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_WINDOW_DESTROY |
				XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_CLIENT_CLOSE);
		/* What Wayland had before X was there. */
		if (selection->offer)
			intern_types(selection);
	}
}

void selections_finish(struct session *session)
{
	for (size_t i = 0; session->selections && i < N_SELECTIONS; i++) {
		struct selection *selection = &session->selections->items[i];
		free_offer(selection->offer);
		relay_ref_set(&selection->device, NULL);
		relay_ref_set(&selection->source, NULL);
	}
	free(session->selections);
	session->selections = NULL;
}

const struct relay_hook selection_hooks[] = {
	{"wl_seat", "capabilities", handle_capabilities, RELAY_UP},
	{"wl_data_device", "data_offer", handle_data_offer, RELAY_UP},
	{"wl_data_device", "selection", handle_selection, RELAY_UP},
	{"wl_data_offer", "offer", handle_offer, RELAY_UP},
	{"wl_data_source", "send", handle_send, RELAY_UP},
	{"wl_data_source", "cancelled", handle_cancelled, RELAY_UP},
	{"zwp_primary_selection_device_v1", "data_offer", handle_data_offer, RELAY_UP},
	{"zwp_primary_selection_device_v1", "selection", handle_selection, RELAY_UP},
	{"zwp_primary_selection_offer_v1", "offer", handle_offer, RELAY_UP},
	{"zwp_primary_selection_source_v1", "send", handle_send, RELAY_UP},
	{"zwp_primary_selection_source_v1", "cancelled", handle_cancelled, RELAY_UP},
	{0},
};
