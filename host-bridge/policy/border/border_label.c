/* Policy: the label of a border. */
#include "host-bridge/policy/border/border_label.h"

#include <string.h>

#include "host-bridge/policy/border/label_font.h"

#define OPAQUE UINT32_C(0xff000000)
#define WHITE UINT32_C(0xffffff)
#define BRIGHT 140 /* of 255: from here on black can be read better than white */

/* Pixels of the border for a dot of the font. */
static int32_t dot_of(const struct border_settings *settings)
{
	return settings->width_px >= 2 * BORDER_LABEL_WIDTH_PX ? 2 : 1;
}

int32_t border_label_width(const struct border_settings *settings)
{
	return (int32_t)strlen(settings->label) * LABEL_ADVANCE * dot_of(settings);
}

int32_t border_label_height(const struct border_settings *settings)
{
	return settings->label[0] ? LABEL_GLYPH_HEIGHT * dot_of(settings) : 0;
}

static uint32_t ink(uint32_t colour)
{
	const uint32_t brightness =
		(299 * (colour >> 16) + 587 * (colour >> 8 & 0xff) + 114 * (colour & 0xff)) / 1000;

	return OPAQUE | (brightness >= BRIGHT ? 0 : WHITE);
}

void border_label_row(const struct border_settings *settings, int32_t y, uint32_t *row)
{
	const int32_t n = border_label_width(settings) * LABEL_DETAIL,
		      dot = dot_of(settings) * LABEL_DETAIL;

	for (int32_t x = 0; x < n; x++) {
		const int32_t column = x / dot;
		const char letter = settings->label[column / LABEL_ADVANCE];
		row[x] = label_dot(letter, (unsigned)(column % LABEL_ADVANCE), (unsigned)(y / dot))
			? ink(settings->colour)
			: OPAQUE | settings->colour;
	}
}

struct rectangle border_label_place(
	const struct border_settings *settings, const struct rectangle *inner, int64_t top)
{
	const int64_t height = border_label_height(settings), width = border_label_width(settings),
		      letter = (int64_t)LABEL_ADVANCE * dot_of(settings);
	/* Half of an m looks like an n. */
	const int64_t shown = rectangle_min(width, inner->width / letter * letter);

	if (height == 0 || top < settings->width_px || shown <= 0)
		return (struct rectangle){0};
	return (struct rectangle){inner->x,
		inner->y - settings->width_px + (settings->width_px - height) / 2, shown, height};
}
