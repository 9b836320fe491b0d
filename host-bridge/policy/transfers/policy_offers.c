/*
 * Policy: what the compositor offers to guests: clipboards, primary selections and drags.
 *
 * When an offer and its types come from a wl_data_device it is not known yet what it is for; the
 * next selection or enter says it. Where clipboards and drags have different rules, or clipboards
 * may not enter, they are kept until then, and the client hears of the offer, and of those types
 * that may enter, just before that. An offer of the machine's own has all types that its source
 * has, and the source serves it: what a machine's window copied its other windows may paste.
 */
#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/transfers/hooks.h"
#include "host-bridge/policy/transfers/policy_sources.h"

#define LOG_MODULE "policy"

#define OFFER_BYTES ((uint64_t)64 << 10) /* of types; more are left out */

struct offer { /* relay_object.data of an offer of the compositor's */
	struct vm_quota *quota;
	uint64_t charged_bytes;
	struct mime_types types; /* until it is settled */
	uint64_t own;            /* number of the machine's source that this is of; 0: the host's */
	uint32_t source_actions, action;
	bool has_source_actions, has_action;
	bool settled; /* the client knows it */
	enum transfer_kind kind;
};

static const struct policy *policy_of(const struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	return connection->policy;
}

static void drop_types(struct offer *offer)
{
	mime_types_clear(&offer->types);
	quota_release(offer->quota, QUOTA_TEXT_BYTES, offer->charged_bytes);
	offer->charged_bytes = 0;
}

static void destroy_offer(struct relay_object *object)
{
	struct offer *offer = object->data;

	object->data = NULL;
	drop_types(offer);
	free(offer);
}

/* Whether what becomes of an offer is known before its use; @kind is that of its device. */
static bool is_clear(const struct policy *policy, enum transfer_kind kind)
{
	const struct transfer_rule *rules = policy->rules.kinds;

	return rules[kind].modes[TRANSFER_TO_GUEST] == TRANSFER_ALLOW &&
		(kind != TRANSFER_CLIPBOARD ||
			transfer_rules_same(&rules[TRANSFER_CLIPBOARD], &rules[TRANSFER_DRAG],
				TRANSFER_TO_GUEST));
}

/* *device.data_offer(id) */
static enum relay_verdict handle_data_offer(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;
	struct offer *offer = calloc(1, sizeof(*offer));

	if (!offer)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY, "no memory");
	offer->quota = policy_of(message)->quota;
	offer->kind = policy_selection_kind(message->object);
	offer->settled = is_clear(policy_of(message), offer->kind);
	object->data = offer;
	object->data_destroy = destroy_offer;
	return offer->settled ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* Of the host's: whether the guest may have it. */
static bool enters(const struct policy *policy, const struct offer *offer, const char *type)
{
	const struct transfer_rule *rule = &policy->rules.kinds[offer->kind];

	return rule->modes[TRANSFER_TO_GUEST] == TRANSFER_ALLOW && transfer_rule_passes(rule, type);
}

/* @event of @object, with one argument. */
static void tell(struct relay_message *message, struct relay_object *object, const char *event,
	union wire_arg arg)
{
	relay_send_named(message->relay, RELAY_DOWN, object, event, &arg);
}

/* One more type of an offer that the client knows. */
static enum relay_verdict add_to_settled(
	struct relay_message *message, struct offer *offer, const char *type)
{
	const struct policy *policy = policy_of(message);

	if (!transfers_is_mark(type)) {
		if (!offer->own && enters(policy, offer, type))
			return RELAY_FORWARD;
		policy->counters->types_withheld++;
		return RELAY_SWALLOW;
	}
	const struct source *own =
		source_by_number(policy->transfers, transfers_read_mark(policy->transfers, type));
	if (!own || offer->own)
		return RELAY_SWALLOW;
	offer->own = own->number;
	for (size_t i = 0; i < own->types.n; i++) {
		if (!source_passes(own, own->types.names[i]))
			tell(message, message->object, "offer",
				(union wire_arg){.s = own->types.names[i]});
	}
	return RELAY_SWALLOW;
}

/* *offer.offer(type) */
static enum relay_verdict handle_type(struct relay_message *message)
{
	const struct policy *policy = policy_of(message);
	struct offer *offer = message->object->data;
	const char *type = message->args[0].s;

	if (!offer)
		return RELAY_SWALLOW;
	if (offer->settled)
		return add_to_settled(message, offer, type);
	if (transfers_is_mark(type)) {
		offer->own = transfers_read_mark(policy->transfers, type);
		return RELAY_SWALLOW;
	}
	uint64_t bytes = offer->charged_bytes + strlen(type) + MIME_TYPE_BYTES;
	if (bytes > OFFER_BYTES || !mime_types_add(&offer->types, type))
		return RELAY_SWALLOW;
	/* A machine at its limit loses types, not the connection: the host's are no fault of it. */
	if (!quota_adjust(offer->quota, QUOTA_TEXT_BYTES, &offer->charged_bytes, bytes))
		drop_types(offer);
	return RELAY_SWALLOW;
}

/* wl_data_offer.source_actions(actions) */
static enum relay_verdict handle_source_actions(struct relay_message *message)
{
	struct offer *offer = message->object->data;

	if (!offer || offer->settled)
		return RELAY_FORWARD;
	offer->has_source_actions = true;
	offer->source_actions = message->args[0].u;
	return RELAY_SWALLOW;
}

/* wl_data_offer.action(action) */
static enum relay_verdict handle_action(struct relay_message *message)
{
	struct offer *offer = message->object->data;

	if (!offer || offer->settled)
		return RELAY_FORWARD;
	offer->has_action = true;
	offer->action = message->args[0].u;
	return RELAY_SWALLOW;
}

/* --- what it is for --- */

/* The client hears of @object and of those @types that may enter; @own: of all. */
static void introduce(struct relay_message *message, struct relay_object *object,
	const struct mime_types *types, bool own)
{
	const struct policy *policy = policy_of(message);
	const struct offer *offer = object->data;

	tell(message, message->object, "data_offer", (union wire_arg){.object = object});
	for (size_t i = 0; i < types->n; i++) {
		if (own || enters(policy, offer, types->names[i]))
			tell(message, object, "offer", (union wire_arg){.s = types->names[i]});
		else
			policy->counters->types_withheld++;
	}
	if (offer->has_source_actions)
		tell(message, object, "source_actions",
			(union wire_arg){.u = offer->source_actions});
	if (offer->has_action)
		tell(message, object, "action", (union wire_arg){.u = offer->action});
}

/* The offer @object is a @kind. False: the client does not get to know it. */
static bool settle(
	struct relay_message *message, struct relay_object *object, enum transfer_kind kind)
{
	const struct policy *policy = policy_of(message);
	struct offer *offer = object ? object->data : NULL;

	if (offer)
		offer->kind = kind;
	if (!offer || offer->settled)
		return true;
	const struct source *own = source_by_number(policy->transfers, offer->own);
	offer->own = own ? own->number : 0;
	/* A drag goes on over the machine's windows, so its offer comes, without types. */
	if (!own && kind != TRANSFER_DRAG &&
		policy->rules.kinds[kind].modes[TRANSFER_TO_GUEST] != TRANSFER_ALLOW)
		return false;
	offer->settled = true;
	introduce(message, object, own ? &own->types : &offer->types, own);
	drop_types(offer);
	return true;
}

/* *device.selection(offer) */
static enum relay_verdict handle_selection(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;

	if (settle(message, object, policy_selection_kind(message->object)))
		return RELAY_FORWARD;
	policy_of(message)->counters->offers_withheld++;
	relay_send_named(message->relay, RELAY_UP, object, "destroy", NULL);
	message->args[0].object = NULL;
	return RELAY_FORWARD;
}

/* wl_data_device.enter(serial, surface, x, y, offer) */
static enum relay_verdict handle_enter(struct relay_message *message)
{
	settle(message, message->args[4].object, TRANSFER_DRAG);
	return RELAY_FORWARD;
}

/* --- contents --- */

/* *offer.receive(type, fd). Fds of swallowed messages are closed: the reader sees its end. */
static enum relay_verdict handle_receive(struct relay_message *message)
{
	const struct policy *policy = policy_of(message);
	const struct offer *offer = message->object->data;
	const char *type = message->args[0].s;

	if (message->args[1].handle.kind != WIRE_FD)
		return relay_fail(message->relay, NULL, WL_DISPLAY_ERROR_INVALID_METHOD,
			"%s.receive takes a pipe", message->object->interface->wl->name);
	if (!offer)
		return RELAY_SWALLOW;
	if (offer->own) {
		struct source *own = source_by_number(policy->transfers, offer->own);
		if (own && mime_types_has(&own->types, type))
			source_send(own, type, &message->args[1].handle);
		return RELAY_SWALLOW;
	}
	if (enters(policy, offer, type))
		return RELAY_FORWARD;
	return policy_refuse_transfer(message, offer->kind, TRANSFER_TO_GUEST, type);
}

const struct relay_hook policy_offer_hooks[] = {
	{"gtk_primary_selection_device", "data_offer", handle_data_offer, RELAY_UP},
	{"gtk_primary_selection_device", "selection", handle_selection, RELAY_UP},
	{"gtk_primary_selection_offer", "offer", handle_type, RELAY_UP},
	{"gtk_primary_selection_offer", "receive", handle_receive, RELAY_DOWN},
	{"wl_data_device", "data_offer", handle_data_offer, RELAY_UP},
	{"wl_data_device", "enter", handle_enter, RELAY_UP},
	{"wl_data_device", "selection", handle_selection, RELAY_UP},
	{"wl_data_offer", "action", handle_action, RELAY_UP},
	{"wl_data_offer", "offer", handle_type, RELAY_UP},
	{"wl_data_offer", "receive", handle_receive, RELAY_DOWN},
	{"wl_data_offer", "source_actions", handle_source_actions, RELAY_UP},
	{"zwp_primary_selection_device_v1", "data_offer", handle_data_offer, RELAY_UP},
	{"zwp_primary_selection_device_v1", "selection", handle_selection, RELAY_UP},
	{"zwp_primary_selection_offer_v1", "offer", handle_type, RELAY_UP},
	{"zwp_primary_selection_offer_v1", "receive", handle_receive, RELAY_DOWN},
	{0},
};
