/* Texts of guests without characters that move or hide what stands around them. */
#include "host-bridge/policy/base/clean_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "protocol/base/bytes.h"

/* Code points that move or hide what stands around them: [first, last]. */
static const struct {
	uint32_t first, last;
} unwanted[] = {
	{0x00, 0x1f},                                                           /* C0 */
	{0x7f, 0x9f},                                                           /* DEL, C1 */
	{0x061c, 0x061c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}, /* bidirectional */
	{0x2028, 0x2029}, /* line and paragraph separators */
};

/*
 * The character (UTF-8) at @text, which ends with a NUL, and its length in bytes. An invalid byte
 * is a character of one byte, 0.
 */
static uint32_t next_character(const unsigned char *text, size_t *length)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t n = 0; n < ARRAY_LENGTH(forms); n++) {
		if ((text[0] & forms[n].mask) != forms[n].lead)
			continue;
		uint32_t character = text[0] & (unsigned char)~forms[n].mask;
		size_t i = 1;
		for (; i <= n && (text[i] & 0xc0) == 0x80; i++)
			character = character << 6 | (text[i] & 0x3f);
		bool surrogate = character >= 0xd800 && character <= 0xdfff;
		if (i <= n || character < forms[n].least || character > 0x10ffff || surrogate)
			break;
		*length = n + 1;
		return character;
	}
	*length = 1;
	return 0;
}

void text_clean(char *text)
{
	char *out = text;

	for (const char *in = text; *in;) {
		size_t length;
		uint32_t character = next_character((const unsigned char *)in, &length);
		bool wanted = true;
		for (size_t i = 0; i < ARRAY_LENGTH(unwanted); i++)
			wanted &= character < unwanted[i].first || character > unwanted[i].last;
		memmove(out, wanted ? in : " ", wanted ? length : 1);
		out += wanted ? length : 1;
		in += length;
	}
	*out = 0;
}

void text_drop_last_character(char *text, size_t length)
{
	while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0 && (unsigned char)text[length - 1] >= 0xc0)
		length--;
	text[length] = 0;
}

void text_copy_clean(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	memcpy(out, text, length < size ? length : size - 1);
	out[length < size ? length : size - 1] = 0;
	if (length == size)
		text_drop_last_character(out, size - 1);
	text_clean(out);
}
