/* Which pixels of a window belong to it: one bit each. */
#include "guest-proxy/x11/display/mask.h"

#include <stdlib.h>
#include <string.h>

#define OPAQUE UINT32_C(0xff000000)

static uint8_t reversed(uint8_t byte)
{
	uint8_t result = 0;
	for (int bit = 0; bit < 8; bit++)
		result |= (byte >> bit & 1) << (7 - bit);
	return result;
}

struct mask *mask_create(int32_t width, int32_t height, const uint8_t *rows, bool high_first)
{
	size_t stride = mask_stride(width), bytes = stride * (size_t)height;
	struct mask *mask = malloc(sizeof(*mask) + bytes);
	if (!mask)
		return NULL;
	*mask = (struct mask){.width = width, .height = height, .stride = stride};
	memcpy(mask->bits, rows, bytes);
	for (size_t i = 0; high_first && i < bytes; i++)
		mask->bits[i] = reversed(mask->bits[i]);
	return mask;
}

static bool has(const struct mask *mask, int32_t x, int32_t y)
{
	return mask->bits[(size_t)y * mask->stride + (size_t)x / 8] >> (x % 8) & 1;
}

void mask_apply(const struct mask *mask, int32_t y, uint32_t *pixels, int32_t count, bool opaque)
{
	int32_t inside = y < 0 || y >= mask->height ? 0 : mask->width < count ? mask->width : count;
	uint32_t more = opaque ? OPAQUE : 0;
	const uint8_t *row = mask->bits + (inside > 0 ? (size_t)y * mask->stride : 0);
	for (int32_t x = 0; x < inside; x++) {
		/* All eight in one go where they are alike. */
		if (x % 8 == 0 && inside - x >= 8 && row[x / 8] == 0) {
			memset(pixels + x, 0, 8 * sizeof(*pixels));
			x += 7;
		} else {
			pixels[x] = row[x / 8] >> (x % 8) & 1 ? pixels[x] | more : 0;
		}
	}
	if (inside < count)
		memset(pixels + inside, 0, (size_t)(count - inside) * sizeof(*pixels));
}

/* Boxes */

struct list {
	struct box *boxes;
	size_t count, max;
	bool full;
	int32_t left, top, right, bottom; /* of all */
};

static void add(struct list *list, const struct box *box)
{
	list->left = box->x < list->left ? box->x : list->left;
	list->top = box->y < list->top ? box->y : list->top;
	list->right = box->x + box->width > list->right ? box->x + box->width : list->right;
	list->bottom = box->y + 1 > list->bottom ? box->y + 1 : list->bottom;
	if (list->count < list->max)
		list->boxes[list->count++] = *box;
	else
		list->full = true;
}

static void add_row(struct list *list, const struct mask *mask, int32_t y)
{
	for (int32_t x = 0; x < mask->width;) {
		int32_t from = x;
		bool inside = has(mask, x, y);
		while (x < mask->width && has(mask, x, y) == inside)
			x++;
		if (inside)
			add(list, &(struct box){from, y, x - from, 1});
	}
}

static bool same_row(const struct mask *mask, int32_t y)
{
	const uint8_t *row = mask->bits + (size_t)y * mask->stride;
	for (int32_t x = 0; x < mask->width; x++) {
		/* Bits behind the width may be anything. */
		if (x % 8 == 0 && mask->width - x >= 8 &&
			row[x / 8] == row[x / 8 - (int64_t)mask->stride]) {
			x += 7;
			continue;
		}
		if (has(mask, x, y) != has(mask, x, y - 1))
			return false;
	}
	return true;
}

size_t mask_boxes(const struct mask *mask, struct box *boxes, size_t max)
{
	struct list list = {.boxes = boxes, .max = max, .left = mask->width, .top = mask->height};
	size_t row = 0; /* where the last row's boxes begin */
	for (int32_t y = 0; y < mask->height; y++) {
		if (y > 0 && same_row(mask, y)) {
			for (size_t i = row; i < list.count; i++)
				boxes[i].height++;
			if (list.bottom == y)
				list.bottom = y + 1;
			continue;
		}
		row = list.count;
		add_row(&list, mask, y);
	}
	if (!list.full)
		return list.count;
	boxes[0] =
		(struct box){list.left, list.top, list.right - list.left, list.bottom - list.top};
	return 1;
}
