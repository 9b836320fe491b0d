/*
 * Policy: keyboards. Chords that the user keeps to the host never reach a guest: the press of a
 * chord's key is withheld, and with it whatever follows of that key until it is released, whatever
 * is held, focused or in use as a layout by then. Modifiers stay as the compositor tells them.
 *
 * What a key stands for is the business of the compositor's keymap (host-bridge/keys); without
 * chords nobody looks at that.
 */
#include <stdlib.h>
#include <string.h>
#include <wayland-server-protocol.h>

#include "host-bridge/keys/keymaps.h"
#include "host-bridge/policy/base/policy_files.h"
#include "host-bridge/policy/keys/hooks.h"
#include "host-bridge/policy/surfaces/policy_attention.h"
#include "host-bridge/policy/transfers/policy_selections.h"
#include "protocol/base/bytes.h"

#define LOG_MODULE "policy"

#define N_KEYS 768 /* evdev's codes are below that; others belong to no chord */

struct key_set {
	uint8_t bits[N_KEYS / 8];
};

struct policy_keyboards {
	struct keymaps *keymaps;
	struct key_set withheld;       /* of all keyboards, for windows that the focus comes to */
	const struct relay *acted_for; /* the last chord; only compared */
	uint32_t acted_serial;
	uint32_t entered[N_KEYS]; /* keys of an enter event, until its message is encoded */
};

struct keyboard {              /* relay_object.data of a wl_keyboard that has a keymap */
	struct keymap *keymap; /* NULL: chords are not recognised */
	struct key_modifiers modifiers;
	struct key_set withheld; /* their presses; their releases follow */
};

static bool key_set_has(const struct key_set *set, uint32_t key)
{
	return key < N_KEYS && (set->bits[key / 8] >> key % 8 & 1);
}

static void key_set_put(struct key_set *set, uint32_t key, bool in)
{
	uint8_t bit = (uint8_t)(1u << key % 8);

	if (key < N_KEYS)
		set->bits[key / 8] = (uint8_t)((set->bits[key / 8] & ~bit) | (in ? bit : 0));
}

struct policy_keyboards *policy_keyboards_create(void)
{
	struct policy_keyboards *keyboards = calloc(1, sizeof(*keyboards));

	if (keyboards)
		keyboards->keymaps = keymaps_create();
	if (keyboards && keyboards->keymaps)
		return keyboards;
	free(keyboards);
	return NULL;
}

void policy_keyboards_destroy(struct policy_keyboards *keyboards)
{
	if (keyboards)
		keymaps_destroy(keyboards->keymaps);
	free(keyboards);
}

static const struct policy *policy_of(const struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	return connection->policy;
}

/* --- keymaps and modifiers --- */

static void destroy_keyboard(struct relay_object *object)
{
	struct keyboard *keyboard = object->data;

	object->data = NULL;
	keymap_unref(keyboard->keymap);
	free(keyboard);
}

/* NULL: memory is short. */
static struct keyboard *keyboard_for(struct relay_object *object)
{
	if (!object->data)
		object->data = calloc(1, sizeof(struct keyboard));
	if (object->data)
		object->data_destroy = destroy_keyboard;
	return object->data;
}

/* wl_keyboard.keymap(format, fd, size) */
static enum relay_verdict handle_keymap(struct relay_message *message)
{
	const struct policy_connection *connection = relay_data(message->relay);
	const struct policy *policy = connection->policy;

	if (policy->accelerators.n > 0 || policy->copy_chord.n > 0) {
		struct keyboard *keyboard = keyboard_for(message->object);
		if (!keyboard)
			return relay_fail_memory(message->relay, "a keymap");
		keymap_unref(keyboard->keymap);
		keyboard->keymap = message->args[0].u == WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1
			? keymaps_get(policy->keyboards->keymaps, message->args[1].handle.fd,
				  message->args[2].u)
			: NULL;
		if (!keyboard->keymap)
			log_limited(LOG_LEVEL_WARN,
				"%s: a keyboard has no keymap of XKB's: chords of it are not "
				"known, "
				"and reach the guest",
				connection->name);
	}
	return policy_file_event(message);
}

/* wl_keyboard.modifiers(serial, depressed, latched, locked, group) */
static enum relay_verdict handle_modifiers(struct relay_message *message)
{
	struct keyboard *keyboard = message->object->data;

	attention_note(message, false);
	if (keyboard)
		keyboard->modifiers = (struct key_modifiers){message->args[1].u, message->args[2].u,
			message->args[3].u, message->args[4].u};
	return RELAY_FORWARD;
}

/* --- keys --- */

static void withhold(const struct policy *policy, struct keyboard *keyboard, uint32_t key, bool yes)
{
	key_set_put(&keyboard->withheld, key, yes);
	key_set_put(&policy->keyboards->withheld, key, yes);
}

static bool is_kept(const struct policy *policy, const struct key_press *press)
{
	return chords_match(&policy->accelerators, press) ||
		chords_match(&policy->copy_chord, press) ||
		chords_match(&policy->paste_chord, press);
}

/* A client with several keyboards hears of a press as often, which has one serial. */
static bool is_new(struct policy_keyboards *keyboards, const struct relay *relay, uint32_t serial)
{
	bool new = keyboards->acted_for != relay || keyboards->acted_serial != serial;

	keyboards->acted_for = relay;
	keyboards->acted_serial = serial;
	return new;
}

/* What a chord is for, besides not reaching the guest. */
static void act(
	const struct policy *policy, struct relay_message *message, const struct key_press *press)
{
	bool copies = chords_match(&policy->copy_chord, press);

	if ((!copies && !chords_match(&policy->paste_chord, press)) ||
		!is_new(policy->keyboards, message->relay, message->args[0].u))
		return;
	if (copies)
		selections_copy(message->relay, message->args[0].u);
	else
		selections_paste(message->relay);
}

/* Whether the key's event is withheld. */
static bool key_is_withheld(struct relay_message *message)
{
	const struct policy *policy = policy_of(message);
	struct keyboard *keyboard = message->object->data;
	uint32_t key = message->args[2].u, state = message->args[3].u;

	if (!keyboard || !keyboard->keymap)
		return false;
	bool withheld = key_set_has(&keyboard->withheld, key);
	if (state == WL_KEYBOARD_KEY_STATE_PRESSED) {
		struct key_press press = keymap_press(keyboard->keymap, &keyboard->modifiers, key);
		withheld = key < N_KEYS && is_kept(policy, &press);
		withhold(policy, keyboard, key, withheld);
		policy->counters->chords_withheld += withheld;
		if (withheld)
			act(policy, message, &press);
	} else if (state == WL_KEYBOARD_KEY_STATE_RELEASED && withheld) {
		withhold(policy, keyboard, key, false);
	}
	return withheld;
}

/* wl_keyboard.key(serial, time, key, state) */
static enum relay_verdict handle_key(struct relay_message *message)
{
	if (key_is_withheld(message))
		return RELAY_SWALLOW;
	attention_key(message);
	return RELAY_FORWARD;
}

/* The modifiers that the @n keys are which are held; those of the event come after it. */
static uint32_t held_modifiers(struct keymap *keymap, const uint32_t *keys, size_t n)
{
	const struct key_modifiers none = {0};
	uint32_t held = 0;

	for (size_t i = 0; i < n; i++)
		held |= keymap_press(keymap, &none, keys[i]).own;
	return held;
}

/*
 * Takes out of the @n keys that are held as a window gets the focus those that were withheld from
 * another window of the machine's, and those that make up a chord now. How many are left.
 */
static size_t leave_out(
	const struct policy *policy, struct keyboard *keyboard, uint32_t *keys, size_t n)
{
	uint32_t held = held_modifiers(keyboard->keymap, keys, n);
	struct key_set withheld = {0};
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		const struct key_modifiers layout = {.group = keyboard->modifiers.group};
		struct key_press press = keymap_press(keyboard->keymap, &layout, keys[i]);
		press.held = held & ~press.own;
		if (key_set_has(&policy->keyboards->withheld, keys[i]) || is_kept(policy, &press))
			key_set_put(&withheld, keys[i], true);
		else
			keys[left++] = keys[i];
	}
	keyboard->withheld = policy->keyboards->withheld = withheld;
	return left;
}

/* wl_keyboard.enter(serial, surface, keys) */
static enum relay_verdict handle_enter(struct relay_message *message)
{
	const struct policy *policy = policy_of(message);
	struct keyboard *keyboard = message->object->data;

	attention_keyboard_enter(message);
	if (!keyboard || !keyboard->keymap)
		return RELAY_FORWARD;
	uint32_t *keys = policy->keyboards->entered;
	size_t n = min_u64(message->args[2].array.size / sizeof(*keys), N_KEYS);
	memcpy(keys, message->args[2].array.data, n * sizeof(*keys));
	message->args[2].array.data = keys;
	message->args[2].array.size =
		(uint32_t)(leave_out(policy, keyboard, keys, n) * sizeof(*keys));
	return RELAY_FORWARD;
}

const struct relay_hook policy_keyboard_hooks[] = {
	{"wl_keyboard", "enter", handle_enter, RELAY_UP},
	{"wl_keyboard", "key", handle_key, RELAY_UP},
	{"wl_keyboard", "keymap", handle_keymap, RELAY_UP},
	{"wl_keyboard", "modifiers", handle_modifiers, RELAY_UP},
	{0},
};
