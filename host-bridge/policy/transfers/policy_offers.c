/*
 * Policy: what the compositor offers to guests: clipboards, primary selections and drags.
 *
 * When an offer and its types come from a wl_data_device it is not known yet what it is for; the
 * next selection or enter says it. Where clipboards and drags have different rules, or clipboards
 * may not enter, they are kept until then, and the client hears of the offer, and of those types
 * that may enter, just before that. An offer of the machine's own has all types that its source
 * has, and the source serves it: what a machine's window copied its other windows may paste.
 */
#include "host-bridge/policy/transfers/policy_offers.h"

#include <stdlib.h>
#include <string.h>

#include "host-bridge/policy/surfaces/policy_attention.h"
#include "host-bridge/policy/transfers/hooks.h"
#include "host-bridge/policy/transfers/policy_transfer.h"

#define OFFER_BYTES ((uint64_t)64 << 10) /* of types; more are left out */

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
	relay_ref_set(&offer->host, NULL);
	if (offer->n_made)
		--*offer->n_made;
	free(offer);
}

/* Whether what becomes of an offer is known before its use; @kind is that of its device. */
static bool is_clear(const struct policy *policy, enum transfer_kind kind)
{
	const struct transfer_rule *rules = policy->rules.kinds;

	return rules[kind].modes[TRANSFER_TO_GUEST] == TRANSFER_ALLOW &&
		!transfer_rule_keeps_own(&rules[kind]) &&
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
		return relay_fail_memory(message->relay, "an offer");
	offer->quota = policy_of(message)->quota;
	offer->kind = policy_selection_kind(message->object);
	offer->settled = is_clear(policy_of(message), offer->kind);
	object->data = offer;
	object->data_destroy = destroy_offer;
	return offer->settled ? RELAY_FORWARD : RELAY_SWALLOW;
}

bool offer_enters(const struct policy *policy, const struct offer *offer, const char *type)
{
	const struct transfer_rule *rule = &policy->rules.kinds[offer->kind];

	return (offer->granted || transfer_mode_offers(rule->modes[TRANSFER_TO_GUEST])) &&
		transfer_rule_passes(rule, type);
}

/* @event of @object, with one argument. */
static void tell(
	struct relay *relay, struct relay_object *object, const char *event, union wire_arg arg)
{
	relay_send_named(relay, RELAY_DOWN, object, event, &arg);
}

/* One more type of an offer that the client knows. */
static enum relay_verdict add_to_settled(
	struct relay_message *message, struct offer *offer, const char *type)
{
	const struct policy *policy = policy_of(message);

	if (!transfers_is_mark(type)) {
		if (offer_enters(policy, offer, type))
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
			tell(message->relay, message->object, "offer",
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

/* The client hears of those of @types that may enter; of all where they are the machine's @own. */
static void tell_types(
	struct relay *relay, struct relay_object *object, const struct mime_types *types, bool own)
{
	const struct policy_connection *connection = relay_data(relay);
	const struct offer *offer = object->data;

	for (size_t i = 0; i < types->n; i++) {
		if (own || offer_enters(connection->policy, offer, types->names[i]))
			tell(relay, object, "offer", (union wire_arg){.s = types->names[i]});
		else
			connection->policy->counters->types_withheld++;
	}
}

void offer_settle(struct relay *relay, struct relay_object *device, struct relay_object *object,
	enum transfer_kind kind)
{
	const struct policy_connection *connection = relay_data(relay);
	struct offer *offer = object ? object->data : NULL;

	if (offer)
		offer->kind = kind;
	if (!offer || offer->settled)
		return;
	const struct source *own = source_by_number(connection->policy->transfers, offer->own);
	offer->own = own ? own->number : 0;
	offer->settled = true;
	tell(relay, device, "data_offer", (union wire_arg){.object = object});
	tell_types(relay, object, own ? &own->types : &offer->types, own);
	if (offer->has_source_actions)
		tell(relay, object, "source_actions", (union wire_arg){.u = offer->source_actions});
	if (offer->has_action)
		tell(relay, object, "action", (union wire_arg){.u = offer->action});
	drop_types(offer);
}

struct relay_object *offer_make(struct relay *relay, struct relay_object *device,
	const struct source *source, struct relay_object *host, bool granted, uint32_t *n_made)
{
	const struct policy_connection *connection = relay_data(relay);
	const uint16_t opcode = relay_opcode(device->interface, RELAY_UP, "data_offer");
	const struct interface *interface =
		interface_find(device->interface->wl->events[opcode].types[0]->name);
	const struct offer *hosts = host ? host->data : NULL;
	struct offer *offer = calloc(1, sizeof(*offer));
	struct relay_object *object = offer && (source || hosts)
		? relay_object_create(relay, interface, device->version)
		: NULL;

	if (!object) {
		free(offer);
		return NULL;
	}
	*offer = (struct offer){.quota = connection->policy->quota,
		.own = source ? source->number : 0,
		.settled = true,
		.granted = granted,
		.kind = policy_selection_kind(device),
		.n_made = n_made};
	++*n_made;
	object->data = offer;
	object->data_destroy = destroy_offer;
	relay_ref_set(&offer->host, source ? NULL : host);
	tell(relay, device, "data_offer", (union wire_arg){.object = object});
	tell_types(relay, object, source ? &source->types : &hosts->types, source);
	return object;
}

/* wl_data_device.enter(serial, surface, x, y, offer) */
static enum relay_verdict handle_enter(struct relay_message *message)
{
	attention_note(message, false);
	/* A drag goes on over the machine's windows, so its offer comes, if without types. */
	offer_settle(message->relay, message->object, message->args[4].object, TRANSFER_DRAG);
	return RELAY_FORWARD;
}

const struct relay_hook policy_offer_hooks[] = {
	{"gtk_primary_selection_device", "data_offer", handle_data_offer, RELAY_UP},
	{"gtk_primary_selection_offer", "offer", handle_type, RELAY_UP},
	{"wl_data_device", "data_offer", handle_data_offer, RELAY_UP},
	{"wl_data_device", "enter", handle_enter, RELAY_UP},
	{"wl_data_offer", "action", handle_action, RELAY_UP},
	{"wl_data_offer", "offer", handle_type, RELAY_UP},
	{"wl_data_offer", "source_actions", handle_source_actions, RELAY_UP},
	{"zwp_primary_selection_device_v1", "data_offer", handle_data_offer, RELAY_UP},
	{"zwp_primary_selection_offer_v1", "offer", handle_type, RELAY_UP},
	{0},
};
