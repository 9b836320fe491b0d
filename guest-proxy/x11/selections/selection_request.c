/* Requests of X clients for the selections that we own. */
#include "guest-proxy/x11/selections/selection_request.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest-proxy/x11/base/property.h"
#include "guest-proxy/x11/selections/selection_state.h"
#include "guest-proxy/x11/transfers/incoming.h"
#include "protocol/base/bytes.h"

/* X's names for texts, and what the property that answers is. */
static const struct {
	enum atom target, type;
	const char *name;
} texts[] = {
	{ATOM_UTF8_STRING, ATOM_UTF8_STRING, "UTF8_STRING"},
	{ATOM_STRING, ATOM_STRING, "STRING"},
	{ATOM_TEXT, ATOM_UTF8_STRING, "TEXT"},
};

static void send_targets(struct selection *selection, const xcb_selection_request_event_t *event,
	xcb_atom_t property)
{
	static const enum atom always[] = {ATOM_TARGETS, ATOM_TIMESTAMP, ATOM_MULTIPLE};
	const struct session *session = selection->session;
	xcb_atom_t atoms[MIME_MAX + ARRAY_LENGTH(always) + ARRAY_LENGTH(texts)];
	uint32_t count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(always); i++)
		atoms[count++] = session->atoms[always[i]];
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (mime_for_target(&selection->offer->types, texts[i].name))
			atoms[count++] = session->atoms[texts[i].target];
	}
	for (size_t i = 0; i < selection->atoms_known; i++) {
		bool text = false;
		for (size_t k = 0; k < ARRAY_LENGTH(texts); k++)
			text |= selection->atoms[i] == session->atoms[texts[k].target];
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
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (target == session->atoms[texts[i].target]) {
			*type = session->atoms[texts[i].type];
			return mime_for_target(types, texts[i].name);
		}
	}
	*type = target;
	for (size_t i = 0; i < selection->atoms_known; i++) {
		if (selection->atoms[i] == target)
			return types->names[i];
	}
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
	const struct property pairs = property_of(answer);
	struct incoming_request *request = incoming_request_find(session, subject.id);
	struct selection *selection =
		request ? selection_find(session, request->event.selection) : NULL;
	if (!request)
		return;
	size_t count = selection && selection->offer
		? min_u64(property_words(&pairs) / 2, INCOMING_PAIRS_MAX)
		: 0;
	if (count == 0) {
		incoming_request_done(request, XCB_NONE, false);
		return;
	}
	memcpy(request->pairs, pairs.data, 8 * count);
	request->n_pairs = (uint32_t)count;
	request->pairs_type = pairs.type;
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
	struct selection *selection = selection_find(session, event->selection);
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
