/*
 * Policy: selections.
 *
 * Where a machine's selection stays with it, the compositor does not hear of it, and the machine's
 * windows are offered it by us, whenever the compositor offers them what it has. What the
 * compositor offers is kept meanwhile, if a chord may let it in. The chord for copying makes a
 * source of ours at the compositor, a proxy, in the name of the window that has the focus; whoever
 * asks it is served by the guest's source.
 */
#include "host-bridge/policy/transfers/policy_selections.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/surfaces/policy_attention.h"
#include "host-bridge/policy/transfers/hooks.h"
#include "host-bridge/policy/transfers/policy_gate.h"
#include "host-bridge/policy/transfers/policy_offers.h"

#define LOG_MODULE "policy"

#define OWN_OFFERS_MAX 64 /* of a connection, that its client has not destroyed */

struct device { /* relay_object.data of a data device, or a device of primary selections */
	struct wl_list link; /* transfers::devices */
	struct relay *relay;
	struct relay_object *object;
	enum transfer_kind kind;
	struct relay_ref manager; /* that it was made by */
	struct relay_ref
		offer; /* the host's selection, which the client does not know; may be none */
};

struct proxy { /* relay_object.data of a source of ours, which only the compositor knows */
	struct wl_list link; /* transfers::proxies */
	struct relay *relay;
	struct relay_object *object;
	uint64_t source; /* number of the one that serves it */
};

static struct policy_connection *connection_of(const struct relay *relay)
{
	return relay_data(relay);
}

static const struct policy *policy_of(const struct relay *relay)
{
	return connection_of(relay)->policy;
}

static const struct transfer_rule *rule_of(const struct device *device)
{
	return &policy_of(device->relay)->rules.kinds[device->kind];
}

/* --- devices --- */

static void drop_offer(struct device *device)
{
	struct relay_object *object = device->offer.object;

	relay_ref_set(&device->offer, NULL);
	if (object)
		relay_send_named(device->relay, RELAY_UP, object, "destroy", NULL);
}

static void destroy_device(struct relay_object *object)
{
	struct device *device = object->data;

	object->data = NULL;
	drop_offer(device);
	relay_ref_set(&device->manager, NULL);
	wl_list_remove(&device->link);
	free(device);
}

/* *manager.get_device(id, seat) */
static enum relay_verdict handle_get_device(struct relay_message *message)
{
	struct transfers *transfers = policy_of(message->relay)->transfers;
	struct device *device = calloc(1, sizeof(*device));

	if (!device)
		return relay_fail_memory(message->relay, "a selection");
	device->relay = message->relay;
	device->object = message->args[0].object;
	device->kind = policy_selection_kind(device->object);
	relay_ref_set(&device->manager, message->object);
	wl_list_insert(&transfers->devices, &device->link);
	device->object->data = device;
	device->object->data_destroy = destroy_device;
	return RELAY_FORWARD;
}

/* --- what a window is offered --- */

/*
 * Has the client know an offer of ours, of @source, or of the host's selection, as its selection;
 * @granted: by a chord. Without either it has none.
 */
static void present(struct device *device, const struct source *source, bool host, bool granted)
{
	struct policy_connection *connection = connection_of(device->relay);
	struct relay_object *offer = NULL;

	if ((source || host) && connection->n_own_offers >= OWN_OFFERS_MAX)
		return; /* it does not destroy any: let it have the one it knows */
	if (source || host)
		offer = offer_make(device->relay, device->object, source, device->offer.object,
			granted, &connection->n_own_offers);
	relay_send_named(device->relay, RELAY_DOWN, device->object, "selection",
		&(union wire_arg){.object = offer});
}

static struct source *current(const struct transfers *transfers, enum transfer_kind kind)
{
	return source_by_number(transfers, transfers->current[kind]);
}

/* The client's selection is the machine's own, @source, or what comes in by itself, or none. */
static void refresh(struct device *device, const struct source *source)
{
	present(device, source, transfer_mode_offers(rule_of(device)->modes[TRANSFER_TO_GUEST]),
		false);
}

/* For the windows with the keyboard, and those of the connection @relay. */
static void refresh_all(
	struct transfers *transfers, const struct relay *relay, enum transfer_kind kind)
{
	const struct source *source = current(transfers, kind);
	struct device *device;

	wl_list_for_each(device, &transfers->devices, link)
	{
		if (device->kind == kind &&
			(device->relay == relay ||
				policy_keyboard_focus(connection_of(device->relay))))
			refresh(device, source);
	}
}

/* Whether an offer of the compositor's that says it is the machine's own is. */
static bool is_own(const struct policy *policy, const struct relay_object *object)
{
	const struct offer *offer = object->data;
	return offer && source_by_number(policy->transfers, offer->own);
}

/* *device.selection(offer) */
static enum relay_verdict handle_selection(struct relay_message *message)
{
	const struct policy *policy = policy_of(message->relay);
	struct relay_object *object = message->args[0].object;
	struct device *device = message->object->data;

	if (!device || (object && !object->data))
		return RELAY_FORWARD;
	enum transfer_mode mode = rule_of(device)->modes[TRANSFER_TO_GUEST];
	drop_offer(device);
	if (!transfer_rule_keeps_own(rule_of(device)) &&
		(!object || transfer_mode_offers(mode) || is_own(policy, object))) {
		offer_settle(message->relay, message->object, object, device->kind);
		return RELAY_FORWARD;
	}
	policy->counters->offers_withheld += object != NULL;
	relay_ref_set(&device->offer, object);
	if (mode == TRANSFER_DENY)
		drop_offer(device);
	refresh(device, current(policy->transfers, device->kind));
	return RELAY_SWALLOW;
}

/* --- the machine's own --- */

/* The source that was the machine's selection, or is served by a proxy, is gone. */
static void handle_gone(struct source *source)
{
	struct transfers *transfers = policy_of(source->relay)->transfers;
	struct proxy *proxy, *next;

	wl_list_for_each_safe(proxy, next, &transfers->proxies, link)
	{
		if (proxy->source == source->number)
			selection_proxy_end(proxy->relay, proxy->object);
	}
	if (transfers->current[source->kind] != source->number)
		return;
	transfers->current[source->kind] = 0;
	refresh_all(transfers, source->relay, source->kind);
}

void selection_keep(struct relay *relay, struct relay_object *object, enum transfer_kind kind)
{
	struct transfers *transfers = policy_of(relay)->transfers;
	struct source *source = source_of(object);
	struct source *before = current(transfers, kind);

	if (source && !source_keep(source, kind))
		source = NULL; /* it is something else already */
	if (object && !source)
		relay_send_named(relay, RELAY_DOWN, object, "cancelled", NULL);
	policy_of(relay)->counters->sources_kept += source != NULL;
	if (source && source == before)
		return;
	transfers->current[kind] = source ? source->number : 0;
	if (source)
		source->gone = handle_gone;
	if (before)
		relay_send_named(before->relay, RELAY_DOWN, before->object, "cancelled", NULL);
	refresh_all(transfers, relay, kind);
}

/* --- the chord for copying --- */

static void destroy_proxy(struct relay_object *object)
{
	struct proxy *proxy = object->data;

	object->data = NULL;
	wl_list_remove(&proxy->link);
	free(proxy);
}

void selection_proxy_end(struct relay *relay, struct relay_object *object)
{
	relay_send_named(relay, RELAY_UP, object, "destroy", NULL);
}

void selection_proxy_send(struct relay_message *message)
{
	const struct proxy *proxy = message->object->data;
	struct source *source = proxy
		? source_by_number(policy_of(message->relay)->transfers, proxy->source)
		: NULL;

	if (!source || !source_passes(source, message->args[0].s))
		return;
	const struct policy_transfer transfer = {
		source->kind, TRANSFER_TO_HOST, message->args[0].s};
	if (policy_gate(message->relay, &transfer, &message->args[1].handle))
		source_send(source, message->args[0].s, &message->args[1].handle);
}

/* A source at the compositor, made by the manager of @device, that stands for @source. */
static struct relay_object *make_proxy(struct device *device, const struct source *source)
{
	struct relay_object *manager = device->manager.object;
	const char *request =
		device->kind == TRANSFER_CLIPBOARD ? "create_data_source" : "create_source";

	if (!manager)
		return NULL;
	const uint16_t opcode = relay_opcode(manager->interface, RELAY_DOWN, request);
	const struct interface *interface =
		interface_find(manager->interface->wl->methods[opcode].types[0]->name);
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	struct relay_object *object =
		proxy ? relay_object_create(device->relay, interface, manager->version) : NULL;
	if (!object) {
		free(proxy);
		return NULL;
	}
	*proxy = (struct proxy){.relay = device->relay, .object = object, .source = source->number};
	wl_list_insert(&policy_of(device->relay)->transfers->proxies, &proxy->link);
	object->data = proxy;
	object->data_destroy = destroy_proxy;
	relay_send(device->relay, RELAY_UP, manager, opcode, &(union wire_arg){.object = object});
	return object;
}

/* Whether @device had something to copy. */
static bool copy(struct device *device, uint32_t serial)
{
	const struct transfers *transfers = policy_of(device->relay)->transfers;
	struct source *source = current(transfers, device->kind);

	if (!source || rule_of(device)->modes[TRANSFER_TO_HOST] != TRANSFER_HOTKEY)
		return false;
	struct relay_object *proxy = make_proxy(device, source);
	if (!proxy)
		return false;
	source_offer_types(source, device->relay, proxy);
	const union wire_arg args[] = {{.object = proxy}, {.u = serial}};
	relay_send_named(device->relay, RELAY_UP, device->object, "set_selection", args);
	return true;
}

/* What a chord does for @relay's window, one device of each kind. Whether it did anything. */
static bool for_each_kind(
	struct relay *relay, bool (*function)(struct device *, uint32_t), uint32_t serial)
{
	struct transfers *transfers = policy_of(relay)->transfers;
	struct device *device;
	bool done[TRANSFER_N_KINDS] = {false}, any = false;

	wl_list_for_each(device, &transfers->devices, link)
	{
		if (device->relay == relay && !done[device->kind])
			any |= done[device->kind] = function(device, serial);
	}
	return any;
}

void selections_copy(struct relay *relay, uint32_t serial)
{
	if (!for_each_kind(relay, copy, serial))
		log_limited(LOG_LEVEL_INFO, "%s: the chord for copying: there is nothing to copy",
			connection_of(relay)->name);
}

/* --- the chord for pasting --- */

static bool paste(struct device *device, uint32_t unused)
{
	const struct transfer_rule *rule = rule_of(device);

	if (!device->offer.object || rule->modes[TRANSFER_TO_GUEST] == TRANSFER_DENY)
		return false;
	present(device, NULL, true, rule->modes[TRANSFER_TO_GUEST] == TRANSFER_HOTKEY);
	return true;
}

void selections_paste(struct relay *relay)
{
	if (!for_each_kind(relay, paste, 0))
		log_limited(LOG_LEVEL_INFO, "%s: the chord for pasting: there is nothing to paste",
			connection_of(relay)->name);
}

/* The one transfer of @offer has begun: its client's selection is what it was before the chord. */
static void end_grant(struct relay *relay, struct offer *offer)
{
	struct transfers *transfers = policy_of(relay)->transfers;
	const struct source *source = current(transfers, offer->kind);
	struct device *device;

	offer->granted = false;
	wl_list_for_each(device, &transfers->devices, link)
	{
		if (device->relay == relay && device->kind == offer->kind)
			refresh(device, source);
	}
}

/* --- contents --- */

/* *offer.receive(type, fd). Fds of swallowed messages are closed: the reader sees its end. */
static enum relay_verdict handle_receive(struct relay_message *message)
{
	const struct policy *policy = policy_of(message->relay);
	struct offer *offer = message->object->data;
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
	bool gone = offer->n_made && !offer->host.object; /* there is another selection now */
	if (gone || !offer_enters(policy, offer, type))
		return policy_refuse_transfer(message, offer->kind, TRANSFER_TO_GUEST, type);
	const struct policy_transfer transfer = {offer->kind, TRANSFER_TO_GUEST, type};
	if (!policy_gate(message->relay, &transfer, &message->args[1].handle))
		return RELAY_SWALLOW;
	if (!offer->n_made)
		return RELAY_FORWARD;
	relay_send_named(message->relay, RELAY_UP, offer->host.object, "receive", message->args);
	message->args[1].handle.kind = WIRE_NONE;
	if (offer->granted)
		end_grant(message->relay, offer);
	return RELAY_SWALLOW;
}

const struct relay_hook policy_selection_hooks[] = {
	{"gtk_primary_selection_device", "selection", handle_selection, RELAY_UP},
	{"gtk_primary_selection_device_manager", "get_device", handle_get_device, RELAY_DOWN},
	{"gtk_primary_selection_offer", "receive", handle_receive, RELAY_DOWN},
	{"wl_data_device", "selection", handle_selection, RELAY_UP},
	{"wl_data_device_manager", "get_data_device", handle_get_device, RELAY_DOWN},
	{"wl_data_offer", "receive", handle_receive, RELAY_DOWN},
	{"zwp_primary_selection_device_manager_v1", "get_device", handle_get_device, RELAY_DOWN},
	{"zwp_primary_selection_device_v1", "selection", handle_selection, RELAY_UP},
	{"zwp_primary_selection_offer_v1", "receive", handle_receive, RELAY_DOWN},
	{0},
};
