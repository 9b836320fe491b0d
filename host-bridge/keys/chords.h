/*
 * Chords of keys, as users write them: "Ctrl+Shift+C", "<Alt>Tab", "<Super>". One of modifiers
 * alone stands for these modifiers' keys, and for every key that is pressed while they are held.
 */
#ifndef HOST_BRIDGE_KEYS_CHORDS_H
#define HOST_BRIDGE_KEYS_CHORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHORDS_MAX 64

enum chord_modifier { /* bits */
	CHORD_SHIFT = 1,
	CHORD_CTRL = 2,
	CHORD_ALT = 4,
	CHORD_SUPER = 8,
};

struct chord {
	uint32_t modifiers; /* enum chord_modifier; all others are not looked at */
	uint32_t symbol;    /* an XKB keysym, of the lower case; 0: of modifiers alone */
};

struct chords {
	struct chord list[CHORDS_MAX];
	size_t n;
};

/* A key that is pressed, as far as chords look at it. Symbols are XKB keysyms; 0: none. */
struct key_press {
	uint32_t held; /* modifiers, before it */
	uint32_t own;  /* those that the key itself is */
	uint32_t base; /* what it stands for without modifiers, in the layout that is in use */
	/* Likewise in a Latin layout, where the one in use has no Latin letters. */
	uint32_t latin;
	uint32_t
		shifted; /* what it stands for with Shift, if that is held and makes a difference */
};

/* Adds those of @text, with commas between them. NULL, or what is wrong. */
const char *chords_parse(struct chords *chords, const char *text);

/* Whether any of them is what @press is. */
bool chords_match(const struct chords *chords, const struct key_press *press);

#endif
