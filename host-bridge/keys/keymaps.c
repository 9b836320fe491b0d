/* Keymaps of the compositor's. */
#include "host-bridge/keys/keymaps.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xkbcommon/xkbcommon.h>

#include "protocol/base/bytes.h"
#include "protocol/base/log.h"

#define LOG_MODULE "keys"

#define N_KEPT 4
#define XKB_CODE 8              /* an XKB keycode is an evdev code and this */
#define LATIN_LETTERS 13        /* at least so many of a to z make a layout Latin */
#define FIRST_FUNCTION 0xfd00   /* keysyms from here on are keys like Tab and Return */
#define FIRST_UNICODE 0x1000100 /* and these are characters that have no other keysym */
#define END_OF_UNICODE 0x1110000

struct keymap {
	uint32_t refs;
	char *text; /* of bytes; what it was made from */
	size_t bytes;
	struct xkb_keymap *xkb;
	struct xkb_state *state; /* of nobody: set before each use */
	uint32_t modifiers[4];   /* masks of XKB's, by the number of the bit of chord_modifier */
	uint32_t latin_layouts;  /* bits */
};

struct keymaps {
	struct xkb_context *context;
	struct keymap *kept[N_KEPT]; /* the last one used first; NULL at the end */
};

/* Errors of keymaps are the compositor's, and ours to tell in a line of our own. */
static void log_xkb(
	struct xkb_context *context, enum xkb_log_level level, const char *format, va_list args)
{
}

struct keymaps *keymaps_create(void)
{
	struct keymaps *keymaps = calloc(1, sizeof(*keymaps));

	if (!keymaps)
		return NULL;
	keymaps->context =
		xkb_context_new(XKB_CONTEXT_NO_DEFAULT_INCLUDES | XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
	if (!keymaps->context) {
		free(keymaps);
		return NULL;
	}
	xkb_context_set_log_fn(keymaps->context, log_xkb);
	return keymaps;
}

void keymaps_destroy(struct keymaps *keymaps)
{
	if (!keymaps)
		return;
	for (size_t i = 0; i < N_KEPT; i++)
		keymap_unref(keymaps->kept[i]);
	xkb_context_unref(keymaps->context);
	free(keymaps);
}

void keymap_unref(struct keymap *keymap)
{
	if (!keymap || --keymap->refs > 0)
		return;
	xkb_state_unref(keymap->state);
	xkb_keymap_unref(keymap->xkb);
	free(keymap->text);
	free(keymap);
}

/* --- what it says --- */

static uint32_t symbol_at(struct xkb_keymap *xkb, xkb_keycode_t code, xkb_layout_index_t layout)
{
	const xkb_keysym_t *symbols;

	if (layout >= xkb_keymap_num_layouts_for_key(xkb, code) ||
		xkb_keymap_key_get_syms_by_level(xkb, code, layout, 0, &symbols) != 1)
		return 0;
	return xkb_keysym_to_lower(symbols[0]);
}

static bool is_latin(struct xkb_keymap *xkb, xkb_layout_index_t layout)
{
	uint32_t seen = 0;

	for (xkb_keycode_t code = xkb_keymap_min_keycode(xkb);
		code <= xkb_keymap_max_keycode(xkb) && code < XKB_CODE + KEY_CNT; code++) {
		uint32_t symbol = symbol_at(xkb, code, layout);
		if (symbol >= XKB_KEY_a && symbol <= XKB_KEY_z)
			seen |= 1u << (symbol - XKB_KEY_a);
	}
	return __builtin_popcount(seen) >= LATIN_LETTERS;
}

static void learn(struct keymap *keymap)
{
	static const char *const names[] = {
		XKB_MOD_NAME_SHIFT, XKB_MOD_NAME_CTRL, XKB_MOD_NAME_ALT, XKB_MOD_NAME_LOGO};

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		xkb_mod_index_t index = xkb_keymap_mod_get_index(keymap->xkb, names[i]);
		keymap->modifiers[i] = index < 32 ? 1u << index : 0;
	}
	for (xkb_layout_index_t i = 0; i < xkb_keymap_num_layouts(keymap->xkb) && i < 32; i++) {
		if (is_latin(keymap->xkb, i))
			keymap->latin_layouts |= 1u << i;
	}
}

/* Takes @text. NULL: it is no keymap, or memory is short. */
static struct keymap *compile(struct keymaps *keymaps, char *text, size_t bytes)
{
	struct keymap *keymap = calloc(1, sizeof(*keymap));

	if (!keymap) {
		free(text);
		return NULL;
	}
	*keymap = (struct keymap){.refs = 1, .text = text, .bytes = bytes};
	keymap->xkb = xkb_keymap_new_from_buffer(keymaps->context, text, strnlen(text, bytes),
		XKB_KEYMAP_FORMAT_TEXT_V1, XKB_KEYMAP_COMPILE_NO_FLAGS);
	if (keymap->xkb)
		keymap->state = xkb_state_new(keymap->xkb);
	if (!keymap->state) {
		keymap_unref(keymap);
		return NULL;
	}
	learn(keymap);
	return keymap;
}

/* --- those that are kept --- */

static void keep_first(struct keymaps *keymaps, struct keymap *keymap, size_t from)
{
	for (size_t i = from; i > 0; i--)
		keymaps->kept[i] = keymaps->kept[i - 1];
	keymaps->kept[0] = keymap;
}

static struct keymap *find_kept(struct keymaps *keymaps, const char *text, size_t bytes)
{
	for (size_t i = 0; i < N_KEPT && keymaps->kept[i]; i++) {
		struct keymap *keymap = keymaps->kept[i];
		if (keymap->bytes == bytes && memcmp(keymap->text, text, bytes) == 0) {
			keep_first(keymaps, keymap, i);
			return keymap;
		}
	}
	return NULL;
}

/* NULL: there are fewer, or memory is short. */
static char *read_all(int fd, size_t bytes)
{
	char *text = malloc(bytes);
	size_t done = 0;

	while (text && done < bytes) {
		ssize_t n = pread(fd, text + done, bytes - done, (off_t)done);
		if (n <= 0) {
			free(text);
			return NULL;
		}
		done += (size_t)n;
	}
	return text;
}

struct keymap *keymaps_get(struct keymaps *keymaps, int fd, uint32_t bytes)
{
	char *text = bytes > 0 && bytes <= KEYMAP_MAX_BYTES ? read_all(fd, bytes) : NULL;
	if (!text)
		return NULL;
	struct keymap *keymap = find_kept(keymaps, text, bytes);
	if (keymap) {
		free(text);
	} else {
		keymap = compile(keymaps, text, bytes);
		if (!keymap)
			return NULL;
		keymap_unref(keymaps->kept[N_KEPT - 1]);
		keep_first(keymaps, keymap, N_KEPT - 1);
	}
	keymap->refs++;
	return keymap;
}

/* --- a key --- */

/* What stands on a key of a keyboard of the United States: for keymaps without any Latin layout. */
static uint32_t symbol_by_place(uint32_t key)
{
	static const char rows[] = "  1234567890-=  qwertyuiop[]  asdfghjkl;'` \\zxcvbnm,./";

	return key < sizeof(rows) && rows[key] > ' ' ? (uint32_t)rows[key] : 0;
}

/* Whether the keysym is none of ASCII's, nor that of a key like Tab. */
static bool is_foreign(uint32_t symbol)
{
	return (symbol > 0x7f && symbol < FIRST_FUNCTION) ||
		(symbol >= FIRST_UNICODE && symbol < END_OF_UNICODE);
}

static uint32_t latin_symbol(
	const struct keymap *keymap, xkb_keycode_t code, xkb_layout_index_t layout, uint32_t base)
{
	bool latin = layout < 32 && (keymap->latin_layouts >> layout & 1);

	if (latin || !is_foreign(base))
		return 0;
	if (keymap->latin_layouts == 0)
		return symbol_by_place(code - XKB_CODE);
	return symbol_at(keymap->xkb, code, (uint32_t)__builtin_ctz(keymap->latin_layouts));
}

static uint32_t own_modifiers(uint32_t symbol)
{
	switch (symbol) {
	case XKB_KEY_Shift_L:
	case XKB_KEY_Shift_R:
		return CHORD_SHIFT;
	case XKB_KEY_Control_L:
	case XKB_KEY_Control_R:
		return CHORD_CTRL;
	case XKB_KEY_Alt_L:
	case XKB_KEY_Alt_R:
	case XKB_KEY_Meta_L:
	case XKB_KEY_Meta_R:
		return CHORD_ALT;
	case XKB_KEY_Super_L:
	case XKB_KEY_Super_R:
		return CHORD_SUPER;
	default:
		return 0;
	}
}

struct key_press keymap_press(
	struct keymap *keymap, const struct key_modifiers *modifiers, uint32_t key)
{
	struct key_press press = {0};
	uint32_t mask = modifiers->depressed | modifiers->latched | modifiers->locked;

	for (size_t i = 0; i < ARRAY_LENGTH(keymap->modifiers); i++)
		press.held |= mask & keymap->modifiers[i] ? 1u << i : 0;
	if (key >= KEY_CNT)
		return press;
	xkb_keycode_t code = key + XKB_CODE;
	xkb_state_update_mask(keymap->state, modifiers->depressed, modifiers->latched,
		modifiers->locked, 0, 0, modifiers->group);
	xkb_layout_index_t layout = xkb_state_key_get_layout(keymap->state, code);
	press.base = symbol_at(keymap->xkb, code, layout);
	press.own = own_modifiers(press.base);
	press.latin = latin_symbol(keymap, code, layout, press.base);
	press.shifted = xkb_state_key_get_one_sym(keymap->state, code);
	return press;
}
