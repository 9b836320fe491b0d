/*
 * What X clients write into properties, and what is made of it. The input is a list of properties:
 * a byte that says which, a byte for type and format, two for the length, and the bytes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/x11/base/latin1.h"
#include "guest-proxy/x11/display/mask.h"
#include "guest-proxy/x11/windows/hints.h"
#include "guest-proxy/x11/transfers/mime.h"
#include "guest-proxy/x11/display/xsettings.h"
#include "protocol/base/bytes.h"

#define HEADER_BYTES 4
#define SIZES 7 /* that a window is proposed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_title(struct hints *hints, const struct property *property)
{
	hints_read_title(hints, property, property->type & 1);
}

static void read_states(struct hints *hints, const struct property *property)
{
	hints_read_atoms(&hints->states, property);
	assert(hints->states.count <= HINTS_ATOMS_MAX);
}

static void read_mime(struct hints *hints, const struct property *property)
{
	struct mime_list *list = calloc(1, sizeof(*list));
	assert(list);
	for (size_t i = 0; i + 8 <= property->bytes; i += 8) {
		mime_list_add_target(list, (const char *)property->data + i, 8);
		mime_list_add(list, (const char *)property->data + i,
			min_u64(i % 200, property->bytes - i));
	}
	assert(list->count <= MIME_MAX);
	for (size_t i = 0; i < list->count; i++)
		assert(strlen(list->names[i]) < MIME_BYTES && mime_target(list, list->names[i]));
	mime_for_target(list, "UTF8_STRING");
	free(list);
}

/* In two pieces; and there is a way back from what came out. */
static void read_latin1(struct hints *hints, const struct property *property)
{
	struct latin1_reader reader = {0}, back = {0};
	size_t n = property->bytes, cut = n / 2;
	uint8_t *bytes = malloc(n + 1), *utf8 = malloc(2 * n + 1);
	assert(bytes && utf8);
	memcpy(bytes, n > 0 ? property->data : "", n);
	size_t used = latin1_from_utf8(&reader, bytes, cut);
	memmove(bytes + used, bytes + cut, n - cut);
	used += latin1_from_utf8(&reader, bytes + used, n - cut);
	assert(used <= n);
	size_t longer = latin1_to_utf8(bytes, used, utf8);
	assert(longer <= 2 * used && latin1_from_utf8(&back, utf8, longer) == used);
	assert(memcmp(bytes, utf8, used) == 0);
	free(bytes);
	free(utf8);
}

static void read_resources(struct hints *hints, const struct property *property)
{
	char *merged = xsettings_merge(property->data, property->bytes, 180, 96);
	assert(merged && strstr(merged, "Xft.dpi:\t144\n"));
	free(merged);
}

static void read_icon(struct hints *hints, const struct property *property)
{
	struct icon_picture picture;
	if (!hints_find_icon(&picture, property))
		return;
	assert(picture.size >= 1 && picture.size <= ICON_SIZE_MAX);
	for (size_t i = 0; i < (size_t)picture.size * (size_t)picture.size; i++)
		icon_picture_pixel(&picture, i);
}

/* A shape: all of its boxes are what it has, and lie within it. */
static void read_mask(struct hints *hints, const struct property *property)
{
	const uint8_t *bytes = property->data;
	struct box boxes[8];
	uint32_t pixels[256], inside = 0, covered = 0;
	int32_t width = property->bytes > 1 ? bytes[0] + 1 : 1;
	size_t stride = mask_stride(width);
	int32_t height = property->bytes > 1 ? (int32_t)((property->bytes - 1) / stride) : 0;
	struct mask *mask = mask_create(width, height, bytes + 1, property->format == 16);
	assert(mask);
	size_t count = mask_boxes(mask, boxes, ARRAY_LENGTH(boxes));
	for (size_t i = 0; i < count; i++) {
		assert(boxes[i].x >= 0 && boxes[i].width > 0 &&
			boxes[i].x + boxes[i].width <= width);
		assert(boxes[i].y >= 0 && boxes[i].height > 0 &&
			boxes[i].y + boxes[i].height <= height);
		covered += (uint32_t)boxes[i].width * (uint32_t)boxes[i].height;
	}
	for (int32_t y = 0; y < height; y++) {
		memset(pixels, 0xff, sizeof(pixels));
		mask_apply(mask, y, pixels, width, y & 1);
		for (int32_t x = 0; x < width; x++)
			inside += pixels[x] & 1;
	}
	assert(count == 1 ? covered >= inside : covered == inside);
	free(mask);
}

static void (*const readers[])(struct hints *hints, const struct property *property) = {
	hints_read_net_title,
	hints_read_class,
	hints_read_wm_hints,
	hints_read_size,
	hints_read_motif,
	hints_read_transient,
	hints_read_frame,
	read_title,
	read_states,
	read_mime,
	read_resources,
	read_icon,
	read_mask,
	read_latin1,
};

static void check(const struct hints *hints)
{
	static const int32_t sizes[SIZES] = {0, 1, 100, 639, 32767, 65535, -1};
	for (size_t i = 0; i < SIZES * 2; i++) {
		int32_t width = sizes[i / 2], height = sizes[SIZES - 1 - i / 2];
		size_hints_fit(&hints->size, i & 1, &width, &height);
		assert(width >= 1 && width >= hints->size.min_width);
		assert(height >= 1 && height >= hints->size.min_height);
	}
	assert(!hints->title || strlen(hints->title) < HINTS_TEXT_BYTES);
	assert(!hints->app_id || strlen(hints->app_id) < HINTS_TEXT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hints hints = {0};
	while (size >= HEADER_BYTES) {
		size_t bytes = (size_t)(data[2] | data[3] << 8);
		static const uint8_t formats[] = {8, 16, 32, 0};
		const struct property property = {
			.type = data[1] >> 2,
			.format = formats[data[1] & 3],
			.bytes = min_u64(bytes, size - HEADER_BYTES),
			/* Of its own, so that a read past its end is found. */
			.data = malloc(min_u64(bytes, size - HEADER_BYTES)),
		};
		if (property.bytes > 0)
			memcpy((void *)property.data, data + HEADER_BYTES, property.bytes);
		readers[data[0] % ARRAY_LENGTH(readers)](&hints, &property);
		check(&hints);
		free((void *)property.data);
		data += HEADER_BYTES + property.bytes;
		size -= HEADER_BYTES + property.bytes;
	}
	hints_finish(&hints);
	return 0;
}
