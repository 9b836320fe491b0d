/*
 * Keymaps of the compositor's, to find out what a key stands for. Nothing here opens a file: a
 * keymap comes whole, and includes of others are not followed.
 */
#ifndef HOST_BRIDGE_KEYS_KEYMAPS_H
#define HOST_BRIDGE_KEYS_KEYMAPS_H

#include "host-bridge/keys/chords.h"

#define KEYMAP_MAX_BYTES (1u << 20)

struct keymaps;
struct keymap;

/* wl_keyboard.modifiers */
struct key_modifiers {
	uint32_t depressed, latched, locked, group;
};

/* NULL when memory is short. */
struct keymaps *keymaps_create(void);
void keymaps_destroy(struct keymaps *keymaps);

/*
 * The keymap (XKB's text, version 1) in the first @bytes of the file @fd, which stays the caller's
 * with its position. Compositors send the same one to every client, so the last ones are kept.
 * NULL: it cannot be read, or is none. The caller's reference.
 */
struct keymap *keymaps_get(struct keymaps *keymaps, int fd, uint32_t bytes);
/* NULL is fine. */
void keymap_unref(struct keymap *keymap);

/* What pressing @key (an evdev code) means while @modifiers are in effect. */
struct key_press keymap_press(
	struct keymap *keymap, const struct key_modifiers *modifiers, uint32_t key);

#endif
