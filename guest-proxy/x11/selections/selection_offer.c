/* Selections that Wayland clients offer: an offer, its types' atoms, X's selection. */
#include "guest-proxy/x11/selections/selection_offer.h"

#include <stdlib.h>
#include <string.h>

#define LOG_MODULE "x11"
#include "protocol/base/log.h"

void selection_offer_free(struct offer *offer)
{
	if (offer)
		relay_ref_set(&offer->object, NULL);
	free(offer);
}

static void drop_offer(struct session *session, struct offer *offer)
{
	if (offer && offer->object.object)
		session_send(session, offer->object.object, "destroy", NULL);
	selection_offer_free(offer);
}

static void own(struct selection *selection)
{
	struct session *session = selection->session;
	selection->owning = true;
	xcb_set_selection_owner(session->x, session->selections->window, selection_atom(selection),
		XCB_CURRENT_TIME);
	log_debug("a selection of Wayland, with %zu types", selection->offer->types.count);
}

static void handle_atom(void *data, struct reply_subject subject, void *answer)
{
	struct session *session = data;
	const xcb_intern_atom_reply_t *reply = answer;
	struct selection *selection = selection_find(session, subject.id);
	if (!selection || selection->offer_generation != subject.detail || !selection->offer)
		return;
	selection->atoms[selection->atoms_known++] = reply ? reply->atom : XCB_NONE;
	if (selection->atoms_known == selection->offer->types.count)
		own(selection);
}

void selection_offer_intern(struct selection *selection)
{
	struct session *session = selection->session;
	const struct mime_list *types = &selection->offer->types;
	for (size_t i = 0; i < types->count; i++) {
		const char *name = types->names[i];
		replies_expect(&session->replies,
			xcb_intern_atom(session->x, 0, (uint16_t)strlen(name), name).sequence,
			handle_atom,
			(struct reply_subject){.id = selection_atom(selection),
				.detail = selection->offer_generation});
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
				session->x, XCB_NONE, selection_atom(selection), XCB_CURRENT_TIME);
		selection->owning = false;
		return;
	}
	selection_offer_intern(selection);
}

static void forget_offer(struct relay_object *object)
{
	selection_offer_free(object->data);
}

static enum relay_verdict handle_data_offer(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;
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
	if (offer)
		mime_list_add(&offer->types, message->args[0].s, strlen(message->args[0].s));
	return RELAY_SWALLOW;
}

/* It comes before the drag is over a window, and again when the source thinks better of it. */
static enum relay_verdict handle_source_actions(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct offer *offer = message->object->data;
	struct offer *drag = session->selections->items[SELECTION_DRAG].offer;
	if (!offer && drag && drag->object.object == message->object)
		offer = drag;
	if (offer)
		offer->actions = message->args[0].u;
	return RELAY_SWALLOW;
}

static enum relay_verdict handle_selection(struct relay_message *message)
{
	struct selection *selection = message->object->data;
	struct relay_object *object = message->args[0].object;
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
	struct selection *selection = &session->selections->items[SELECTION_DRAG];
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
	const struct selection *selection = &session->selections->items[SELECTION_DRAG];
	*types = selection->atoms;
	return selection->offer && selection->owning ? selection->atoms_known : 0;
}

const char *selection_drag_type(const struct session *session)
{
	const struct offer *offer = session->selections->items[SELECTION_DRAG].offer;
	return offer && offer->types.count > 0 ? offer->types.names[0] : NULL;
}

uint32_t selection_drag_actions(const struct session *session)
{
	const struct offer *offer = session->selections->items[SELECTION_DRAG].offer;
	return offer ? offer->actions : 0;
}

const struct relay_hook selection_offer_hooks[] = {
	{"wl_data_device", "data_offer", handle_data_offer, RELAY_UP_OURS},
	{"wl_data_device", "selection", handle_selection, RELAY_UP_OURS},
	{"wl_data_offer", "offer", handle_offer, RELAY_UP_OURS},
	{"wl_data_offer", "source_actions", handle_source_actions, RELAY_UP_OURS},
	{"zwp_primary_selection_device_v1", "data_offer", handle_data_offer, RELAY_UP_OURS},
	{"zwp_primary_selection_device_v1", "selection", handle_selection, RELAY_UP_OURS},
	{"zwp_primary_selection_offer_v1", "offer", handle_offer, RELAY_UP_OURS},
	{0},
};
