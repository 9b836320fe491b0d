/* What X clients say about their windows in properties, taken apart. */
#include "guest-proxy/x11/windows/hints.h"

#include <stdlib.h>
#include <string.h>

#include "guest-proxy/x11/base/latin1.h"
#include "protocol/base/bytes.h"

#define SIZE_MAX_PX 32767 /* X's coordinates have 16 bits */
#define REPLACEMENT '?'

/* ICCCM 4.1.2.3 */
enum size_flag {
	P_MIN_SIZE = 1 << 4,
	P_MAX_SIZE = 1 << 5,
	P_RESIZE_INC = 1 << 6,
	P_BASE_SIZE = 1 << 8,
};

enum {
	WM_HINTS_INPUT = 1 << 0,
	WM_HINTS_URGENCY = 1 << 8,
	MOTIF_DECORATIONS = 1 << 1,
	MOTIF_DECORATE_ALL = 1 << 0,
	MOTIF_DECORATE_TITLE = 1 << 3,
};

void hints_finish(struct hints *hints)
{
	free(hints->title);
	free(hints->app_id);
	*hints = (struct hints){0};
}

/* Texts */

/* The length of the well-formed sequence at the start of @bytes, or 0. */
static size_t utf8_sequence(const unsigned char *bytes, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = bytes[0];
	size_t length = first < 0x80 ? 1
		: first >> 5 == 6    ? 2
		: first >> 4 == 14   ? 3
		: first >> 3 == 30   ? 4
				     : 0;
	if (length == 0 || length > n)
		return 0;
	uint32_t code = length == 1 ? first : first & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] >> 6 != 2)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	bool surrogate = code >= 0xd800 && code <= 0xdfff;
	return code < least[length] || code > 0x10ffff || surrogate ? 0 : length;
}

static bool is_control(unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f;
}

char *text_from_utf8(const char *bytes, size_t n)
{
	char *text = malloc(HINTS_TEXT_BYTES);
	size_t used = 0;
	for (size_t i = 0; text && i < n && bytes[i];) {
		const unsigned char *at = (const unsigned char *)bytes + i;
		size_t length = utf8_sequence(at, n - i);
		size_t room = HINTS_TEXT_BYTES - 1 - used;
		if (room < (length > 0 ? length : 1))
			break;
		if (length == 0 || is_control(*at)) {
			text[used++] = REPLACEMENT;
			i++;
			continue;
		}
		memcpy(text + used, at, length);
		used += length;
		i += length;
	}
	if (text)
		text[used] = '\0';
	return text;
}

char *text_from_latin1(const char *bytes, size_t n)
{
	char *text = malloc(HINTS_TEXT_BYTES);
	size_t used = 0;
	for (size_t i = 0; text && i < n && bytes[i] && used < HINTS_TEXT_BYTES - 2; i++) {
		uint8_t byte = (uint8_t)bytes[i];
		if (is_control(byte))
			byte = REPLACEMENT;
		used += latin1_to_utf8(&byte, 1, (uint8_t *)text + used);
	}
	if (text)
		text[used] = '\0';
	return text;
}

static bool is_text(const struct property *property)
{
	return property->type != 0 && property->format == 8 && property->bytes > 0;
}

void hints_read_net_title(struct hints *hints, const struct property *property)
{
	bool there = is_text(property);
	if (!there && !hints->net_title)
		return;
	free(hints->title);
	hints->title = there ? text_from_utf8(property->data, property->bytes) : NULL;
	hints->net_title = there;
}

void hints_read_title(struct hints *hints, const struct property *property, bool utf8)
{
	if (hints->net_title)
		return;
	free(hints->title);
	hints->title = NULL;
	if (is_text(property))
		hints->title = utf8 ? text_from_utf8(property->data, property->bytes)
				    : text_from_latin1(property->data, property->bytes);
}

void hints_read_class(struct hints *hints, const struct property *property)
{
	free(hints->app_id);
	hints->app_id = NULL;
	if (!is_text(property))
		return;
	const char *text = property->data;
	size_t instance = strnlen(text, property->bytes);
	/* "instance NUL class NUL"; some have the first only. */
	if (property->bytes - instance > 1 && text[instance + 1])
		hints->app_id = text_from_utf8(text + instance + 1, property->bytes - instance - 1);
	else if (instance > 0)
		hints->app_id = text_from_utf8(text, instance);
}

/* Numbers */

/* Word @index of a property of words, or 0. */
static uint32_t word(const struct property *property, size_t index)
{
	if (index >= property_words(property))
		return 0;
	return load_u32((const uint8_t *)property->data + index * 4);
}

static int32_t bounded(uint32_t value)
{
	int32_t number = (int32_t)value;
	return number < 0 ? 0 : number > SIZE_MAX_PX ? SIZE_MAX_PX : number;
}

void hints_read_wm_hints(struct hints *hints, const struct property *property)
{
	uint32_t flags = word(property, 0);
	hints->no_input = flags & WM_HINTS_INPUT && word(property, 1) == 0;
	hints->urgent = flags & WM_HINTS_URGENCY;
}

void hints_read_size(struct hints *hints, const struct property *property)
{
	struct size_hints *size = &hints->size;
	uint32_t flags = word(property, 0);
	*size = (struct size_hints){0};
	if (flags & P_MIN_SIZE) {
		size->min_width = bounded(word(property, 5));
		size->min_height = bounded(word(property, 6));
	}
	if (flags & P_MAX_SIZE) {
		size->max_width = bounded(word(property, 7));
		size->max_height = bounded(word(property, 8));
	}
	if (size->max_width < size->min_width || size->max_height < size->min_height)
		size->max_width = size->max_height = 0;
	if (flags & P_RESIZE_INC) {
		size->width_step = bounded(word(property, 9));
		size->height_step = bounded(word(property, 10));
	}
	if (flags & P_BASE_SIZE) {
		size->base_width = bounded(word(property, 15));
		size->base_height = bounded(word(property, 16));
	} else {
		size->base_width = size->min_width;
		size->base_height = size->min_height;
	}
}

void hints_read_motif(struct hints *hints, const struct property *property)
{
	uint32_t decorations = word(property, 2);
	/* With "all" the others are those that it does not want. */
	if (decorations & MOTIF_DECORATE_ALL)
		decorations = ~decorations;
	hints->undecorated =
		word(property, 0) & MOTIF_DECORATIONS && !(decorations & MOTIF_DECORATE_TITLE);
}

void hints_read_transient(struct hints *hints, const struct property *property)
{
	hints->transient_for = word(property, 0);
}

void hints_read_frame(struct hints *hints, const struct property *property)
{
	hints->frame = (struct edges){
		.left = bounded(word(property, 0)),
		.right = bounded(word(property, 1)),
		.top = bounded(word(property, 2)),
		.bottom = bounded(word(property, 3)),
	};
}

void hints_read_atoms(struct atom_list *list, const struct property *property)
{
	list->count = min_u64(property_words(property), HINTS_ATOMS_MAX);
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = word(property, i);
}

void atom_list_set(struct atom_list *list, uint32_t atom, bool there)
{
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] != atom)
			list->items[count++] = list->items[i];
	}
	if (there && count < HINTS_ATOMS_MAX)
		list->items[count++] = atom;
	list->count = count;
}

bool atom_list_has(const struct atom_list *list, uint32_t atom)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] == atom)
			return true;
	}
	return false;
}

static void fit(int32_t *value, int32_t least, int32_t most, int32_t base, int32_t step)
{
	if (most > 0 && *value > most)
		*value = most;
	if (step > 1 && *value > base)
		*value = base + (*value - base) / step * step;
	if (*value < least)
		*value = least;
	if (*value < 1)
		*value = 1;
}

void size_hints_fit(const struct size_hints *hints, bool steps, int32_t *width, int32_t *height)
{
	fit(width, hints->min_width, hints->max_width, hints->base_width,
		steps ? hints->width_step : 0);
	fit(height, hints->min_height, hints->max_height, hints->base_height,
		steps ? hints->height_step : 0);
}

/* Icons */

static bool is_better(uint32_t size, int32_t than)
{
	uint32_t other = (uint32_t)than;
	if (size > ICON_SIZE_MAX || other == 0)
		return size <= ICON_SIZE_MAX;
	return size <= ICON_SIZE_BEST ? other > ICON_SIZE_BEST || size > other : size < other;
}

bool hints_find_icon(struct icon_picture *picture, const struct property *property)
{
	const uint8_t *words = property->data;
	size_t left = property_words(property);
	*picture = (struct icon_picture){0};
	while (left > 2) {
		uint32_t width = load_u32(words), height = load_u32(words + 4);
		uint64_t pixels = (uint64_t)width * height;
		words += 8;
		left -= 2;
		if (pixels > left)
			break;
		if (width > 0 && width == height && is_better(width, picture->size))
			*picture = (struct icon_picture){(int32_t)width, words};
		words += pixels * 4;
		left -= pixels;
	}
	return picture->size > 0;
}

uint32_t icon_picture_pixel(const struct icon_picture *picture, size_t i)
{
	uint32_t pixel = load_u32(picture->pixels + i * 4), alpha = pixel >> 24;
	uint32_t result = alpha << 24;
	for (unsigned shift = 0; shift < 24; shift += 8)
		result |= ((pixel >> shift & 0xff) * alpha + 127) / 255 << shift;
	return result;
}
