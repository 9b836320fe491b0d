/*
 * Policy: clipboards, primary selections and drags that leave a machine.
 *
 * A source that may not become the desktop's selection stays with the machine, or is told at once
 * that it has been replaced, as one that may not be dragged is, and what the desktop has stays as
 * it is. Of a source that may leave, the host can ask for the types that may.
 */
#include "host-bridge/policy/surfaces/policy_attention.h"
#include "host-bridge/policy/windows/hooks.h"
#include "host-bridge/policy/transfers/hooks.h"
#include "host-bridge/policy/transfers/policy_gate.h"
#include "host-bridge/policy/transfers/policy_selections.h"

#define LOG_MODULE "policy"

static const struct policy *policy_of(const struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	return connection->policy;
}

/* @source, which may be NULL, is to be a @kind. Whether it may; if not, it is told. */
static bool may_leave(
	struct relay_message *message, struct relay_object *source, enum transfer_kind kind)
{
	const struct transfer_rule *rule = &policy_of(message)->rules.kinds[kind];

	if (transfer_mode_offers(rule->modes[TRANSFER_TO_HOST]) &&
		(!source_of(source) || source_publish(source_of(source), kind)))
		return true;
	if (source) {
		policy_refuse_transfer(message, kind, TRANSFER_TO_HOST, NULL);
		relay_send_named(message->relay, RELAY_DOWN, source, "cancelled", NULL);
	}
	return false;
}

/* @source, which may be NULL, is not taken: it is told as if another one had replaced it. */
static enum relay_verdict refuse_source(struct relay_message *message, struct relay_object *source)
{
	attention_missing(message);
	if (source)
		relay_send_named(message->relay, RELAY_DOWN, source, "cancelled", NULL);
	return RELAY_SWALLOW;
}

/* *device.set_selection(source, serial) */
static enum relay_verdict handle_set_selection(struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);
	enum transfer_kind kind = policy_selection_kind(message->object);
	struct relay_object *source = message->args[0].object;

	if (transfer_rule_keeps_own(&policy_of(message)->rules.kinds[kind])) {
		/* The machine's devices may be many, and all have to be looked at. */
		if (connection->n_pieces++ > 0 && !policy_has_time(connection))
			return policy_hold(message);
		selection_keep(message->relay, source, kind);
		return RELAY_SWALLOW;
	}
	if (!attention_gave(connection, message->args[1].u))
		return refuse_source(message, source);
	return may_leave(message, source, kind) ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* wl_data_device.start_drag(source, origin, icon, serial): without a source the drag stays with its
 * client. */
static enum relay_verdict handle_start_drag(struct relay_message *message)
{
	struct relay_object *source = message->args[0].object;

	if (!attention_acted(relay_data(message->relay), message->args[3].u))
		return refuse_source(message, source);
	return !source || may_leave(message, source, TRANSFER_DRAG) ? policy_start_drag(message)
								    : RELAY_SWALLOW;
}

/* *source.send(type, fd): the writing end of a pipe; the guest gets a pipe to write to. */
static enum relay_verdict handle_send(struct relay_message *message)
{
	const char *type = message->args[0].s;

	if (transfers_is_mark(type)) /* somebody asks for all types that there are */
		return RELAY_SWALLOW;
	if (!message->object->id[RELAY_DOWN]) {
		selection_proxy_send(message);
		return RELAY_SWALLOW;
	}
	const struct source *source = source_of(message->object);
	if (!source_passes(source, type))
		return policy_refuse_transfer(message, source ? source->kind : TRANSFER_CLIPBOARD,
			TRANSFER_TO_HOST, type);
	const struct policy_transfer transfer = {source->kind, TRANSFER_TO_HOST, type};
	if (!policy_gate(message->relay, &transfer, &message->args[1].handle))
		return RELAY_SWALLOW;
	message->args[1].handle.kind = WIRE_WRITE_PIPE;
	return RELAY_FORWARD;
}

/* *source.cancelled() */
static enum relay_verdict handle_cancelled(struct relay_message *message)
{
	selection_proxy_end(message->relay, message->object);
	return RELAY_SWALLOW;
}

const struct relay_hook policy_clipboard_hooks[] = {
	{"gtk_primary_selection_device", "set_selection", handle_set_selection, RELAY_DOWN},
	{"gtk_primary_selection_source", "cancelled", handle_cancelled, RELAY_UP_OURS},
	{"gtk_primary_selection_source", "send", handle_send, RELAY_UP},
	{"wl_data_device", "set_selection", handle_set_selection, RELAY_DOWN},
	{"wl_data_device", "start_drag", handle_start_drag, RELAY_DOWN},
	{"wl_data_source", "cancelled", handle_cancelled, RELAY_UP_OURS},
	{"wl_data_source", "send", handle_send, RELAY_UP},
	{"zwp_primary_selection_device_v1", "set_selection", handle_set_selection, RELAY_DOWN},
	{"zwp_primary_selection_source_v1", "cancelled", handle_cancelled, RELAY_UP_OURS},
	{"zwp_primary_selection_source_v1", "send", handle_send, RELAY_UP},
	{0},
};
