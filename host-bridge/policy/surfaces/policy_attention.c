/* Policy: which surfaces have the pointer and the keyboard, and which serials a client was given.
 */
#include "host-bridge/policy/surfaces/policy_attention.h"

#include "host-bridge/policy/surfaces/hooks.h"
#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "protocol/base/monotonic.h"

#define LOG_MODULE "policy"

/*
 * A menu may come when the finger has left already, and a client that destroys one under the
 * pointer hears of the next surface only later: both count for so long. Nothing ends when it is
 * over.
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

/*
 * The user does something on the surface with the focus. A client may have several devices of a
 * kind, which are all told, and the one that is followed may be gone.
 */
static void focus_acts(struct policy_focus *focus, struct relay_message *message)
{
	if (!focus->device.object)
		relay_ref_set(&focus->device, message->object);
	attention_note(message, true);
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

void attention_key(struct relay_message *message)
{
	focus_acts(&attention_of(message)->keyboard, message);
}

/* Whether @surface has one of the devices; NULL: whether any surface has. */
static bool has(const struct policy_attention *attention, const struct relay_object *surface)
{
	const struct policy_focus *const all[] = {
		&attention->pointer, &attention->keyboard, &attention->touch, &attention->pen};

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		const struct relay_object *object = focused(all[i]);
		if (object && (!surface || object == surface))
			return true;
	}
	return false;
}

void attention_surface_goes(
	struct policy_connection *connection, const struct relay_object *surface)
{
	struct policy_attention *attention = &connection->attention;

	if (surface && has(attention, surface))
		linger(attention);
}

bool attention_paid(const struct policy_connection *connection)
{
	const struct policy_attention *attention = &connection->attention;

	return has(attention, NULL) || monotonic_ns() < attention->until_ns;
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
static enum relay_verdict handle_pointer_button(struct relay_message *message)
{
	focus_acts(&attention_of(message)->pointer, message);
	return RELAY_FORWARD;
}

/* A pen's down and button. */
static enum relay_verdict handle_button(struct relay_message *message)
{
	attention_note(message, true);
	return RELAY_FORWARD;
}

/*
 * wl_touch.down(serial, time, surface, ...). Fingers are counted by one wl_touch, and on the
 * surface that one was put on last: nobody tells when they leave one that is destroyed.
 */
static enum relay_verdict handle_touch_down(struct relay_message *message)
{
	struct policy_attention *attention = attention_of(message);

	attention_note(message, true);
	linger(attention);
	if (!attention->touch.device.object) {
		relay_ref_set(&attention->touch.device, message->object);
		attention->n_fingers = 0;
	}
	if (attention->touch.device.object == message->object) {
		relay_ref_set(&attention->touch.surface, message->args[2].object);
		attention->n_fingers++;
	}
	return RELAY_FORWARD;
}

static void fingers_go(const struct relay_message *message, uint32_t n)
{
	struct policy_attention *attention = attention_of(message);

	linger(attention);
	if (attention->touch.device.object != message->object)
		return;
	attention->n_fingers -= (uint32_t)min_u64(attention->n_fingers, n);
	if (attention->n_fingers == 0)
		relay_ref_set(&attention->touch.surface, NULL);
}

/* wl_touch.up(serial, ...) */
static enum relay_verdict handle_touch_up(struct relay_message *message)
{
	attention_note(message, true);
	fingers_go(message, 1);
	return RELAY_FORWARD;
}

/* wl_touch.cancel() */
static enum relay_verdict handle_touch_cancel(struct relay_message *message)
{
	fingers_go(message, UINT32_MAX);
	return RELAY_FORWARD;
}

/* zwp_tablet_tool_v2.proximity_in(serial, tablet, surface), and of version 1 */
static enum relay_verdict handle_proximity_in(struct relay_message *message)
{
	struct policy_focus *pen = &attention_of(message)->pen;

	attention_note(message, false);
	relay_ref_set(&pen->surface, message->args[2].object);
	relay_ref_set(&pen->device, message->object);
	return RELAY_FORWARD;
}

/* zwp_tablet_tool_v2.proximity_out(), and of version 1 */
static enum relay_verdict handle_proximity_out(struct relay_message *message)
{
	struct policy_attention *attention = attention_of(message);

	if (attention->pen.device.object == message->object)
		relay_ref_set(&attention->pen.surface, NULL);
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
	{"wl_pointer", "button", handle_pointer_button, RELAY_UP},
	{"wl_pointer", "enter", handle_pointer_enter, RELAY_UP},
	{"wl_pointer", "leave", handle_pointer_leave, RELAY_UP},
	{"wl_shell_surface", "ping", handle_serial, RELAY_UP},
	{"wl_touch", "cancel", handle_touch_cancel, RELAY_UP},
	{"wl_touch", "down", handle_touch_down, RELAY_UP},
	{"wl_touch", "up", handle_touch_up, RELAY_UP},
	{"xdg_wm_base", "ping", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_hold_v1", "begin", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_hold_v1", "end", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "begin", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_pinch_v1", "end", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "begin", handle_serial, RELAY_UP},
	{"zwp_pointer_gesture_swipe_v1", "end", handle_serial, RELAY_UP},
	{"zwp_tablet_pad_v2", "enter", handle_serial, RELAY_UP},
	{"zwp_tablet_pad_v2", "leave", handle_serial, RELAY_UP},
	{"zwp_tablet_tool_v1", "button", handle_button, RELAY_UP},
	{"zwp_tablet_tool_v1", "down", handle_button, RELAY_UP},
	{"zwp_tablet_tool_v1", "proximity_in", handle_proximity_in, RELAY_UP},
	{"zwp_tablet_tool_v1", "proximity_out", handle_proximity_out, RELAY_UP},
	{"zwp_tablet_tool_v2", "button", handle_button, RELAY_UP},
	{"zwp_tablet_tool_v2", "down", handle_button, RELAY_UP},
	{"zwp_tablet_tool_v2", "proximity_in", handle_proximity_in, RELAY_UP},
	{"zwp_tablet_tool_v2", "proximity_out", handle_proximity_out, RELAY_UP},
	{"zxdg_shell_v6", "ping", handle_serial, RELAY_UP},
	{0},
};
