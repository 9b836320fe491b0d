/*
 * Policy: clipboards, primary selections and drags that may not leave a machine, or not enter it.
 * These tables are in use only where a direction is refused.
 *
 * What leaves: a source that is to become a selection or to be dragged is told at once that it has
 * been replaced, and the desktop's selection stays as it is. What enters: offers have no types, and
 * a client that asks for one all the same reads nothing. Compositors do not say whose data it is,
 * so windows of the same machine cannot paste from each other either.
 */
#include "host-bridge/policy/policy_hooks.h"
#include "host-bridge/policy/surfaces/hooks.h"

static enum relay_verdict cancel(struct relay_message *message, struct relay_object *source)
{
	if (source && relay_send_named(message->relay, RELAY_DOWN, source, "cancelled", NULL) < 0)
		return RELAY_FAILED;
	return RELAY_SWALLOW;
}

/* set_selection(source, ...) of every kind of device */
static enum relay_verdict refuse_selection(struct relay_message *message)
{
	return cancel(message, message->args[0].object);
}

/* wl_data_device.start_drag(source, ...): without a source the drag stays with its client. */
static enum relay_verdict refuse_drag(struct relay_message *message)
{
	struct relay_object *source = message->args[0].object;
	return source ? cancel(message, source) : policy_start_drag(message);
}

/* Swallowed messages have their fds closed, so whoever reads the pipe of a receive sees its end. */
static enum relay_verdict swallow(struct relay_message *message)
{
	return RELAY_SWALLOW;
}

const struct relay_hook policy_clipboard_to_host_hooks[] = {
	{"wl_data_device", "set_selection", refuse_selection, RELAY_DOWN},
	{"wl_data_device", "start_drag", refuse_drag, RELAY_DOWN},
	{"zwp_primary_selection_device_v1", "set_selection", refuse_selection, RELAY_DOWN},
	{"gtk_primary_selection_device", "set_selection", refuse_selection, RELAY_DOWN},
	{0},
};

const struct relay_hook policy_clipboard_to_guest_hooks[] = {
	{"wl_data_offer", "offer", swallow, RELAY_UP},
	{"wl_data_offer", "receive", swallow, RELAY_DOWN},
	{"zwp_primary_selection_offer_v1", "offer", swallow, RELAY_UP},
	{"zwp_primary_selection_offer_v1", "receive", swallow, RELAY_DOWN},
	{"gtk_primary_selection_offer", "offer", swallow, RELAY_UP},
	{"gtk_primary_selection_offer", "receive", swallow, RELAY_DOWN},
	{0},
};
