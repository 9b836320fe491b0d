/* Pixel formats by their DRM codes: what their planes look like in linear memory. */
#ifndef PROTOCOL_PIXELS_PIXEL_FORMAT_H
#define PROTOCOL_PIXELS_PIXEL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define PIXEL_FORMAT_MAX_PLANES 4

struct pixel_format {
	uint32_t code; /* DRM_FORMAT_* */
	uint8_t n_planes;
	struct {
		uint8_t bytes; /* of a sample */
		uint8_t x, y;  /* pixels that share a sample, across and down */
	} planes[3];
};

/* NULL: not one of those whose layout is known. */
const struct pixel_format *pixel_format_find(uint32_t code);

/*
 * Whether plane @plane of a picture of @width x @height (both > 0) lies in @size bytes when it
 * starts at @offset and its rows are @stride apart. The last row needs no more than its pixels.
 */
bool pixel_format_plane_fits(const struct pixel_format *format, unsigned plane, uint64_t offset,
	uint64_t stride, int32_t width, int32_t height, uint64_t size);

/* wl_shm names the formats as DRM does, but for two. */
uint32_t pixel_format_to_shm(uint32_t code);
uint32_t pixel_format_from_shm(uint32_t shm_format);

#endif
