/* Pixel formats by their DRM codes. */
#include "protocol/pixels/pixel_format.h"

#include <drm_fourcc.h>
#include <stddef.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"

/* clang-format off */
#define PACKED(code, bytes) {DRM_FORMAT_##code, 1, {{bytes, 1, 1}}}
/* Two pixels of a row share some of their bytes. */
#define PAIRS(code, bytes) {DRM_FORMAT_##code, 1, {{bytes, 2, 1}}}
/* A plane of luma and one of both chromas. */
#define TWO_PLANES(code, bytes, x, y) {DRM_FORMAT_##code, 2, {{bytes, 1, 1}, {2 * (bytes), x, y}}}
/* A plane for each. */
#define THREE_PLANES(code, x, y) {DRM_FORMAT_##code, 3, {{1, 1, 1}, {1, x, y}, {1, x, y}}}

static const struct pixel_format formats[] = {
	PACKED(ARGB8888, 4), PACKED(XRGB8888, 4), PACKED(ABGR8888, 4), PACKED(XBGR8888, 4),
	PACKED(RGBA8888, 4), PACKED(RGBX8888, 4), PACKED(BGRA8888, 4), PACKED(BGRX8888, 4),
	PACKED(ARGB2101010, 4), PACKED(XRGB2101010, 4), PACKED(ABGR2101010, 4), PACKED(XBGR2101010, 4),
	PACKED(RGBA1010102, 4), PACKED(RGBX1010102, 4), PACKED(BGRA1010102, 4), PACKED(BGRX1010102, 4),
	PACKED(ARGB16161616F, 8), PACKED(XRGB16161616F, 8), PACKED(ABGR16161616F, 8), PACKED(XBGR16161616F, 8),
	PACKED(ARGB16161616, 8), PACKED(XRGB16161616, 8), PACKED(ABGR16161616, 8), PACKED(XBGR16161616, 8),
	PACKED(AXBXGXRX106106106106, 8),
	PACKED(RGB888, 3), PACKED(BGR888, 3),
	PACKED(RGB565, 2), PACKED(BGR565, 2),
	PACKED(ARGB1555, 2), PACKED(XRGB1555, 2), PACKED(ABGR1555, 2), PACKED(XBGR1555, 2),
	PACKED(RGBA5551, 2), PACKED(RGBX5551, 2), PACKED(BGRA5551, 2), PACKED(BGRX5551, 2),
	PACKED(ARGB4444, 2), PACKED(XRGB4444, 2), PACKED(ABGR4444, 2), PACKED(XBGR4444, 2),
	PACKED(RGBA4444, 2), PACKED(RGBX4444, 2), PACKED(BGRA4444, 2), PACKED(BGRX4444, 2),
	PACKED(R8, 1), PACKED(C8, 1), PACKED(RGB332, 1), PACKED(BGR233, 1),
	PACKED(R16, 2), PACKED(RG88, 2), PACKED(GR88, 2), PACKED(RG1616, 4), PACKED(GR1616, 4),
	PACKED(AYUV, 4), PACKED(XYUV8888, 4), PACKED(VUY888, 3), PACKED(Y410, 4), PACKED(Y412, 8),
	PACKED(Y416, 8), PACKED(XVYU2101010, 4), PACKED(XVYU12_16161616, 8), PACKED(XVYU16161616, 8),
	PAIRS(YUYV, 4), PAIRS(YVYU, 4), PAIRS(UYVY, 4), PAIRS(VYUY, 4),
	PAIRS(Y210, 8), PAIRS(Y212, 8), PAIRS(Y216, 8),
	TWO_PLANES(NV12, 1, 2, 2), TWO_PLANES(NV21, 1, 2, 2), TWO_PLANES(NV16, 1, 2, 1),
	TWO_PLANES(NV61, 1, 2, 1), TWO_PLANES(NV24, 1, 1, 1), TWO_PLANES(NV42, 1, 1, 1),
	TWO_PLANES(P010, 2, 2, 2), TWO_PLANES(P012, 2, 2, 2), TWO_PLANES(P016, 2, 2, 2),
	THREE_PLANES(YUV420, 2, 2), THREE_PLANES(YVU420, 2, 2), THREE_PLANES(YUV422, 2, 1),
	THREE_PLANES(YVU422, 2, 1), THREE_PLANES(YUV444, 1, 1), THREE_PLANES(YVU444, 1, 1),
	THREE_PLANES(YUV410, 4, 4), THREE_PLANES(YVU410, 4, 4), THREE_PLANES(YUV411, 4, 1),
	THREE_PLANES(YVU411, 4, 1),
};
/* clang-format on */

const struct pixel_format *pixel_format_find(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
		if (formats[i].code == code)
			return &formats[i];
	}
	return NULL;
}

uint32_t pixel_format_pixel_bytes(uint32_t shm_format, bool *pairs)
{
	const struct pixel_format *format = pixel_format_find(pixel_format_from_shm(shm_format));
	if (!format || format->n_planes > 1)
		return 0;
	if (pairs)
		*pairs = format->planes[0].x > 1;
	return format->planes[0].bytes / format->planes[0].x;
}

uint64_t pixel_format_row_bytes(const struct pixel_format *format, unsigned plane, uint32_t width)
{
	const uint64_t x = format->planes[plane].x;
	return (width + x - 1) / x * format->planes[plane].bytes;
}

uint64_t pixel_format_rows(const struct pixel_format *format, unsigned plane, uint32_t height)
{
	const uint64_t y = format->planes[plane].y;
	return (height + y - 1) / y;
}

bool pixel_format_plane_fits(const struct pixel_format *format, unsigned plane, uint64_t offset,
	uint64_t stride, int32_t width, int32_t height, uint64_t size)
{
	/* The sums and products of 32-bit numbers below cannot overflow. */
	const uint64_t row = pixel_format_row_bytes(format, plane, (uint32_t)width);
	const uint64_t rows = pixel_format_rows(format, plane, (uint32_t)height);

	return stride <= UINT32_MAX && stride >= row &&
		range_fits(offset, stride * (rows - 1) + row, size);
}

uint64_t pixel_format_shm_bytes(uint32_t shm_format, int32_t width, int32_t height, int32_t stride)
{
	const struct pixel_format *format = pixel_format_find(pixel_format_from_shm(shm_format));
	uint64_t bytes = 0;

	if (!format || pixel_format_row_bytes(format, 0, (uint32_t)width) > (uint64_t)stride)
		return 0;
	for (unsigned plane = 0; plane < format->n_planes; plane++) {
		/* Of the first plane's samples, so many are as wide as one of this. */
		const uint64_t share = (uint64_t)format->planes[0].bytes * format->planes[plane].x;
		const uint64_t row =
			(uint64_t)stride * format->planes[plane].bytes * format->planes[0].x;
		bytes += (row + share - 1) / share *
			pixel_format_rows(format, plane, (uint32_t)height);
	}
	return bytes;
}

uint32_t pixel_format_to_shm(uint32_t code)
{
	return code == DRM_FORMAT_ARGB8888    ? WL_SHM_FORMAT_ARGB8888
		: code == DRM_FORMAT_XRGB8888 ? WL_SHM_FORMAT_XRGB8888
					      : code;
}

uint32_t pixel_format_from_shm(uint32_t shm_format)
{
	return shm_format == WL_SHM_FORMAT_ARGB8888    ? DRM_FORMAT_ARGB8888
		: shm_format == WL_SHM_FORMAT_XRGB8888 ? DRM_FORMAT_XRGB8888
						       : shm_format;
}
