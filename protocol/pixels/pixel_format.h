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
		uint8_t bytes; /* of a sample, or of several that share their bytes */
		uint8_t x, y;  /* pixels that these are for, across and down */
	} planes[3];
};

/* NULL: not one of those whose layout is known. */
const struct pixel_format *pixel_format_find(uint32_t code);

/* Why a format has no such layout: the rest of a sentence about it. */
const char *pixel_format_why_not(uint32_t code);

/*
 * How many bytes a pixel of a wl_shm format has; 0 for formats that are unknown, have several
 * planes or pixels of no whole number of bytes. *@pairs (may be NULL): pixels share bytes with
 * their neighbours in the row, so only whole rows can be copied.
 */
uint32_t pixel_format_pixel_bytes(uint32_t shm_format, bool *pairs);

/* Bytes of a row, and the number of rows, of a plane of a picture of @width x @height. */
uint64_t pixel_format_row_bytes(const struct pixel_format *format, unsigned plane, uint32_t width);
uint64_t pixel_format_rows(const struct pixel_format *format, unsigned plane, uint32_t height);

/*
 * Whether plane @plane of a picture of @width x @height (both > 0) lies in @size bytes when it
 * starts at @offset and its rows are @stride apart. The last row needs no more than its pixels.
 */
bool pixel_format_plane_fits(const struct pixel_format *format, unsigned plane, uint64_t offset,
	uint64_t stride, int32_t width, int32_t height, uint64_t size);

/*
 * The bytes from its first that a wl_shm buffer consists of, whose rows are @stride apart; all
 * numbers > 0. wl_shm has one offset and one stride: compositors look for a plane behind the one
 * before it, with rows as much shorter as its samples are fewer. (libwayland checks the first plane
 * alone.) What rounding leaves open counts as needed. 0: the format is unknown, or its rows are
 * longer than @stride.
 */
uint64_t pixel_format_shm_bytes(uint32_t shm_format, int32_t width, int32_t height, int32_t stride);

/* wl_shm names the formats as DRM does, but for two. */
uint32_t pixel_format_to_shm(uint32_t code);
uint32_t pixel_format_from_shm(uint32_t shm_format);

#endif
