/* Chords of keys. */
#include "host-bridge/keys/chords.h"

#include <string.h>
#include <strings.h>
#include <xkbcommon/xkbcommon.h>

#include "protocol/base/bytes.h"

#define WORD_BYTES 64

static const struct {
	const char *name;
	uint32_t modifier;
} modifier_names[] = {
	{"shift", CHORD_SHIFT},
	{"ctrl", CHORD_CTRL},
	{"control", CHORD_CTRL},
	{"alt", CHORD_ALT},
	{"super", CHORD_SUPER},
	{"logo", CHORD_SUPER},
	{"win", CHORD_SUPER},
};

/* 0: it is none. */
static uint32_t find_modifier(const char *word)
{
	for (size_t i = 0; i < ARRAY_LENGTH(modifier_names); i++) {
		if (strcasecmp(modifier_names[i].name, word) == 0)
			return modifier_names[i].modifier;
	}
	return 0;
}

/* 0: it is none. */
static uint32_t find_symbol(const char *word)
{
	if (word[0] > ' ' && word[0] < 0x7f && word[1] == 0)
		return xkb_keysym_to_lower(xkb_utf32_to_keysym((uint32_t)word[0]));
	uint32_t symbol = xkb_keysym_from_name(word, XKB_KEYSYM_NO_FLAGS);
	if (symbol == XKB_KEY_NoSymbol)
		symbol = xkb_keysym_from_name(word, XKB_KEYSYM_CASE_INSENSITIVE);
	return xkb_keysym_to_lower(symbol);
}

/* One word of a chord, of @length bytes; @last: it may be a key. */
static const char *add_word(struct chord *chord, const char *text, size_t length, bool last)
{
	char word[WORD_BYTES];

	if (length == 0 || length >= sizeof(word))
		return "is no chord: they are written as <Super>, <Alt>Tab or Ctrl+Shift+C";
	memcpy(word, text, length);
	word[length] = 0;
	uint32_t modifier = find_modifier(word);
	chord->modifiers |= modifier;
	if (modifier)
		return NULL;
	if (!last)
		return "has a modifier that is none of Shift, Ctrl, Alt and Super";
	chord->symbol = find_symbol(word);
	return chord->symbol ? NULL : "has a key that XKB has no such name for";
}

/* A chord of @length bytes. */
static const char *parse_chord(struct chord *chord, const char *text, size_t length)
{
	const char *end = text + length, *why = NULL;

	while (!why && text < end && *text == '<') {
		const char *close = memchr(text, '>', (size_t)(end - text));
		if (!close)
			return "has a < without a >";
		why = add_word(chord, text + 1, (size_t)(close - text - 1), false);
		text = close + 1;
	}
	for (const char *plus;
		!why && end - text > 1 && (plus = memchr(text, '+', (size_t)(end - text - 1)));
		text = plus + 1)
		why = add_word(chord, text, (size_t)(plus - text), false);
	if (!why && (text < end || chord->modifiers == 0))
		why = add_word(chord, text, (size_t)(end - text), true);
	return why;
}

const char *chords_parse(struct chords *chords, const char *text)
{
	while (*text) {
		text += strspn(text, " \t");
		size_t length = strcspn(text, ","), used = length;
		while (used > 0 && strchr(" \t", text[used - 1]))
			used--;
		struct chord chord = {0};
		const char *why = parse_chord(&chord, text, used);
		if (why)
			return why;
		if (chords->n == CHORDS_MAX)
			return "has too many chords";
		chords->list[chords->n++] = chord;
		text += length + (text[length] == ',');
	}
	return NULL;
}

static bool matches(const struct chord *chord, const struct key_press *press)
{
	if (chord->symbol == 0)
		return ((press->held | press->own) & chord->modifiers) == chord->modifiers;
	if (press->base == chord->symbol || press->latin == chord->symbol)
		return press->held == chord->modifiers;
	/* A symbol that needs Shift, as plus does on many keyboards: "Ctrl+plus". */
	return press->shifted == chord->symbol && (press->held & CHORD_SHIFT) &&
		(press->held & ~(uint32_t)CHORD_SHIFT) == chord->modifiers;
}

bool chords_match(const struct chords *chords, const struct key_press *press)
{
	for (size_t i = 0; i < chords->n; i++) {
		if (matches(&chords->list[i], press))
			return true;
	}
	return false;
}
