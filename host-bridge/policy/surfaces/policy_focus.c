/*
 * Policy: text input. Requests that have the compositor send text to a surface, or show a keyboard
 * on the screen for it, count only for the surface that the compositor has given the keyboard to,
 * or (text input 3, which names none) while the compositor has told of such a surface.
 */
#include <stdlib.h>

#include "host-bridge/policy/surfaces/hooks.h"
#include "host-bridge/policy/surfaces/policy_attention.h"

static const struct relay_object *focus_of(const struct relay_message *message)
{
	return policy_keyboard_focus(relay_data(message->relay));
}

static enum relay_verdict only_if(bool focused)
{
	return focused ? RELAY_FORWARD : RELAY_SWALLOW;
}

/* zwp_text_input_v1.activate(seat, surface) */
static enum relay_verdict handle_activate(struct relay_message *message)
{
	return only_if(message->args[1].object == focus_of(message));
}

/* zwp_text_input_v2.enable(surface) */
static enum relay_verdict handle_enable(struct relay_message *message)
{
	return only_if(message->args[0].object == focus_of(message));
}

/* zwp_text_input_v1.show_input_panel() and zwp_text_input_v2.show_input_panel() */
static enum relay_verdict handle_show_panel(struct relay_message *message)
{
	return only_if(focus_of(message));
}

/* --- text input 3 --- */

struct text_input {               /* relay_object.data of a zwp_text_input_v3 */
	struct relay_ref entered; /* the surface whose text it is for */
};

static void text_input_destroy(struct relay_object *object)
{
	struct text_input *input = object->data;

	object->data = NULL;
	relay_ref_set(&input->entered, NULL);
	free(input);
}

/* zwp_text_input_manager_v3.get_text_input(id, seat) */
static enum relay_verdict handle_get_text_input(struct relay_message *message)
{
	struct relay_object *object = message->args[0].object;

	object->data = calloc(1, sizeof(struct text_input));
	if (!object->data)
		return relay_fail_memory(message->relay, "a text input");
	object->data_destroy = text_input_destroy;
	return RELAY_FORWARD;
}

/* zwp_text_input_v3.enter(surface) */
static enum relay_verdict handle_text_enter(struct relay_message *message)
{
	struct text_input *input = message->object->data;

	if (input)
		relay_ref_set(&input->entered, message->args[0].object);
	return RELAY_FORWARD;
}

/* zwp_text_input_v3.leave(surface) */
static enum relay_verdict handle_text_leave(struct relay_message *message)
{
	struct text_input *input = message->object->data;

	if (input)
		relay_ref_set(&input->entered, NULL);
	return RELAY_FORWARD;
}

/* zwp_text_input_v3.enable() and show_input_panel() */
static enum relay_verdict handle_text_enable(struct relay_message *message)
{
	const struct text_input *input = message->object->data;

	return only_if((input && input->entered.object) || focus_of(message));
}

const struct relay_hook policy_focus_hooks[] = {
	{"zwp_text_input_manager_v3", "get_text_input", handle_get_text_input, RELAY_DOWN},
	{"zwp_text_input_v1", "activate", handle_activate, RELAY_DOWN},
	{"zwp_text_input_v1", "show_input_panel", handle_show_panel, RELAY_DOWN},
	{"zwp_text_input_v2", "enable", handle_enable, RELAY_DOWN},
	{"zwp_text_input_v2", "show_input_panel", handle_show_panel, RELAY_DOWN},
	{"zwp_text_input_v3", "enable", handle_text_enable, RELAY_DOWN},
	{"zwp_text_input_v3", "enter", handle_text_enter, RELAY_UP},
	{"zwp_text_input_v3", "leave", handle_text_leave, RELAY_UP},
	{"zwp_text_input_v3", "show_input_panel", handle_text_enable, RELAY_DOWN},
	{0},
};
