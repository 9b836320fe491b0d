/* Policy: which surfaces have the pointer and the keyboard, and which serials a client was given.
 */
#include "host-bridge/policy/surfaces/policy_attention.h"

#include "host-bridge/policy/surfaces/hooks.h"
#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "protocol/base/monotonic.h"

#define LOG_MODULE "policy"

/*
 * Fingers and pens leave without a word of it, and a client that destroys a menu under the pointer
 * hears of the next surface only later: both count for so long. Nothing ends when it is over.
 */
#define LINGERS_NS (5 * UINT64_C(1000000000))

static struct policy_attention *attention_of(const struct relay_message *message)
{
	struct policy_connection *connection = relay_data(message->relay);
	return &connection->attention;
}

static void linger(struct policy_attention *attention)
{
	attention->until_ns = monotonic_ns() + LINGERS_NS;
}

/* --- serials --- */

/* A client with several objects of a kind hears of each event as often. */
static void serials_add(struct policy_serials *serials, uint32_t serial)
{
	const uint32_t n = serials->n;

	if (n > 0 && serials->last[(n - 1) % POLICY_SERIALS] == serial)
		return;
	serials->last[n % POLICY_SERIALS] = serial;
	/* Stays in the ring's second half for ever, so that it never wraps to "none". */
	serials->n = n + 1 < 2 * POLICY_SERIALS ? n + 1 : POLICY_SERIALS;
}

static bool serials_have(const struct policy_serials *serials, uint32_t serial)
{
	const size_t n = (size_t)min_u64(serials->n, POLICY_SERIALS);

	for (size_t i = 0; i < n; i++) {
		if (serials->last[i] == serial)
			return true;
	}
	return false;
}

void attention_note(struct relay_message *message, bool acted)
{
	struct policy_attention *attention = attention_of(message);

	serials_add(acted ? &attention->acted : &attention->given, message->args[0].u);
}

bool attention_gave(const struct policy_connection *connection, uint32_t serial)
{
	return serials_have(&connection->attention.acted, serial) ||
		serials_have(&connection->attention.given, serial);
}

/* --- focus --- */

static void focus_come(struct policy_focus *focus, struct relay_message *message)
{
	relay_ref_set(&focus->surface, message->args[1].object);
	relay_ref_set(&focus->device, message->object);
	attention_note(message, false);
}

static void focus_go(struct policy_focus *focus, struct relay_message *message)
{
	if (focus->surface.object == message->args[1].object)
		relay_ref_set(&focus->surface, NULL);
	attention_note(message, false);
}

/* Without the device nobody would hear when the focus goes. */
static const struct relay_object *focused(const struct policy_focus *focus)
{
	return focus->device.object ? focus->surface.object : NULL;
}

const struct relay_object *policy_keyboard_focus(const struct policy_connection *connection)
{
	return focused(&connection->attention.keyboard);
}

void attention_keyboard_enter(struct relay_message *message)
{
	focus_come(&attention_of(message)->keyboard, message);
}

void attention_surface_goes(
	struct policy_connection *connection, const struct relay_object *surface)
{
	struct policy_attention *attention = &connection->attention;

	if (surface == focused(&attention->pointer) || surface == focused(&attention->keyboard))
		linger(attention);
}

bool attention_paid(const struct policy_connection *connection)
{
	const struct policy_attention *attention = &connection->attention;

	return focused(&attention->pointer) || focused(&attention->keyboard) ||
		monotonic_ns() < attention->until_ns;
}

bool attention_acted(const struct policy_connection *connection, uint32_t serial)
{
	return serials_have(&connection->attention.acted, serial) && attention_paid(connection);
}

void attention_missing(const struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);

	connection->policy->counters->without_action++;
	log_limited(LOG_LEVEL_INFO,
		"%s: %s.%s is no answer to what the user does, and not passed on", connection->name,
		message->object->interface->wl->name, message->description->name);
}

/* --- events --- */

/* wl_keyboard.leave(serial, surface) */
static enum relay_verdict handle_keyboard_leave(struct relay_message *message)
{
	focus_go(&attention_of(message)->keyboard, message);
	return RELAY_FORWARD;
}

/* wl_pointer.enter(serial, surface, x, y) */
static enum relay_verdict handle_pointer_enter(struct relay_message *message)
{
	focus_come(&attention_of(message)->pointer, message);
	return RELAY_FORWARD;
}

/* wl_pointer.leave(serial, surface) */
static enum relay_verdict handle_pointer_leave(struct relay_message *message)
{
	focus_go(&attention_of(message)->pointer, message);
	return RELAY_FORWARD;
}

/* wl_pointer.button(serial, ...) */
static enum relay_verdict handle_button(struct relay_message *message)
{
	attention_note(message, true);
	return RELAY_FORWARD;
}

/* wl_touch.down(serial, ...) and up, a pen's down and button */
static enum relay_verdict handle_touch(struct relay_message *message)
{
	attention_note(message, true);
	linger(attention_of(message));
	return RELAY_FORWARD;
}

/* Others with a serial in front. */
static enum relay_verdict handle_serial(struct relay_message *message)
{
	attention_note(message, false);
	return RELAY_FORWARD;
}

const struct relay_hook policy_attention_hooks[] = {
	{"wl_keyboard", "leave", handle_keyboard_leave, RELAY_UP},
	{"wl_pointer", "button", handle_button, RELAY_UP},
	{"wl_pointer", "enter", handle_pointer_enter, RELAY_UP},
	{"wl_pointer", "leave", handle_pointer_leave, RELAY_UP},
	{"wl_shell_surface", "ping", handle_serial, RELAY_UP},
	{"wl_touch", "down", handle_touch, RELAY_UP},
	{"wl_touch", "up", handle_touch, RELAY_UP},
	{"xdg_wm_base", "ping", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_hold_v1", "begin", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_hold_v1", "end", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "begin", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "end", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "begin", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "end", handle_serial, RELAY_UP},
	{"zwp_tablet_pad_v2", "enter", handle_serial, RELAY_UP},
	{"zwp_tablet_pad_v2", "leave", handle_serial, RELAY_UP},
	{"zwp_tablet_tool_v1", "button", handle_touch, RELAY_UP},
	{"zwp_tablet_tool_v1", "down", handle_touch, RELAY_UP},
	{"zwp_tablet_tool_v1", "proximity_in", handle_serial, RELAY_UP},
	{"zwp_tablet_tool_v2", "button", handle_touch, RELAY_UP},
	{"zwp_tablet_tool_v2", "down", handle_touch, RELAY_UP},
	{"zwp_tablet_tool_v2", "proximity_in", handle_serial, RELAY_UP},
	{"zxdg_shell_v6", "ping", handle_serial, RELAY_UP},
	{0},
};
