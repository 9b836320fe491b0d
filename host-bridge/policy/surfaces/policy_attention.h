/*
 * Policy: the user's attention, and what the user has done. Requests that take something of the
 * user's away from others (the pointer for a menu, a drag, a move) come with the serial of the
 * event that they answer. Not all compositors look at it, so it is looked at here.
 */
#ifndef HOST_BRIDGE_POLICY_SURFACES_POLICY_ATTENTION_H
#define HOST_BRIDGE_POLICY_SURFACES_POLICY_ATTENTION_H

#include "host-bridge/policy/base/policy_connection.h"

/*
 * The surface of @connection that has the keyboard, as told to a keyboard that the client has
 * still; NULL: none.
 */
const struct relay_object *policy_keyboard_focus(const struct policy_connection *connection);

/* wl_keyboard.enter(serial, surface, ...): to be called by the hook for it (policy_keyboard.c). */
void attention_keyboard_enter(struct relay_message *message);

/* wl_keyboard.key(serial, ...), likewise, if it is passed on. */
void attention_key(struct relay_message *message);

/* An event with a serial in front is passed on; @acted: it is of something that the user does. */
void attention_note(struct relay_message *message, bool acted);

/* @surface, a wl_surface, is about to be destroyed by its client. */
void attention_surface_goes(
	struct policy_connection *connection, const struct relay_object *surface);

/* Whether the client was given @serial, of late, in any event of a seat's. */
bool attention_gave(const struct policy_connection *connection, uint32_t serial);

/*
 * Whether the user pays attention to the client: a surface of it has the pointer or the keyboard,
 * or had it when it was destroyed, or was touched, at most seconds ago.
 */
bool attention_paid(const struct policy_connection *connection);

/* The same, and @serial is one that the client was given, of late, as the user did something. */
bool attention_acted(const struct policy_connection *connection, uint32_t serial);

/* @message, a request, is not passed on for want of the user's action: counts it, and says so. */
void attention_missing(const struct relay_message *message);

#endif
