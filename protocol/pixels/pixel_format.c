/* Pixel formats by their DRM codes. */
#include "protocol/pixels/pixel_format.h"

#include <drm_fourcc.h>
#include <stddef.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"

/* clang-format off */
/* A plane of which a sample, or several that share their bytes, takes @bytes for @x x @y pixels. */
#define ONE(code, bytes, x) {code, 1, {{bytes, x, 1}}}
#define TWO(code, luma_bytes, luma_x, bytes, x, y) {code, 2, {{luma_bytes, luma_x, 1}, {bytes, x, y}}}
#define THREE(code, bytes, x, y) {code, 3, {{bytes, 1, 1}, {bytes, x, y}, {bytes, x, y}}}

#define PACKED(name, bytes) ONE(DRM_FORMAT_##name, bytes, 1)
/* Two pixels of a row share some of their bytes. */
#define PAIRS(name, bytes) ONE(DRM_FORMAT_##name, bytes, 2)
/* A plane of luma and one of both chromas. */
#define TWO_PLANES(name, bytes, x, y) TWO(DRM_FORMAT_##name, bytes, 1, 2 * (bytes), x, y)
/* A plane of colours and one of alpha. */
#define WITH_ALPHA(name, bytes) TWO(DRM_FORMAT_##name##_A8, bytes, 1, 1, 1, 1)
/* A plane for each. */
#define THREE_PLANES(name, x, y) THREE(DRM_FORMAT_##name, 1, x, y)
/* Formats that Debian 12's libdrm has no names for. */
#define LATER fourcc_code

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
	PACKED(R10, 2), PACKED(R12, 2), PACKED(R16, 2), PACKED(RG88, 2), PACKED(GR88, 2),
	PACKED(RG1616, 4), PACKED(GR1616, 4),
	PACKED(AYUV, 4), PACKED(XYUV8888, 4), PACKED(VUY888, 3), PACKED(Y410, 4), PACKED(Y412, 8),
	PACKED(Y416, 8), PACKED(XVYU2101010, 4), PACKED(XVYU12_16161616, 8), PACKED(XVYU16161616, 8),
	PAIRS(YUYV, 4), PAIRS(YVYU, 4), PAIRS(UYVY, 4), PAIRS(VYUY, 4),
	PAIRS(Y210, 8), PAIRS(Y212, 8), PAIRS(Y216, 8),
	TWO_PLANES(NV12, 1, 2, 2), TWO_PLANES(NV21, 1, 2, 2), TWO_PLANES(NV16, 1, 2, 1),
	TWO_PLANES(NV61, 1, 2, 1), TWO_PLANES(NV24, 1, 1, 1), TWO_PLANES(NV42, 1, 1, 1),
	TWO_PLANES(P010, 2, 2, 2), TWO_PLANES(P012, 2, 2, 2), TWO_PLANES(P016, 2, 2, 2),
	TWO_PLANES(P210, 2, 2, 1),
	WITH_ALPHA(XRGB8888, 4), WITH_ALPHA(XBGR8888, 4), WITH_ALPHA(RGBX8888, 4), WITH_ALPHA(BGRX8888, 4),
	WITH_ALPHA(RGB888, 3), WITH_ALPHA(BGR888, 3), WITH_ALPHA(RGB565, 2), WITH_ALPHA(BGR565, 2),
	THREE_PLANES(YUV420, 2, 2), THREE_PLANES(YVU420, 2, 2), THREE_PLANES(YUV422, 2, 1),
	THREE_PLANES(YVU422, 2, 1), THREE_PLANES(YUV444, 1, 1), THREE_PLANES(YVU444, 1, 1),
	THREE_PLANES(YUV410, 4, 4), THREE_PLANES(YVU410, 4, 4), THREE_PLANES(YUV411, 4, 1),
	THREE_PLANES(YVU411, 4, 1),
	THREE(DRM_FORMAT_Q410, 2, 1, 1), THREE(DRM_FORMAT_Q401, 2, 1, 1),
	/* 10 bits each without padding: four samples in five bytes. */
	TWO(DRM_FORMAT_NV15, 5, 4, 5, 4, 2), TWO(LATER('N', 'V', '2', '0'), 5, 4, 5, 4, 1), TWO(LATER('N', 'V', '3', '0'), 5, 4, 5, 2, 1),
	/* Three samples in four bytes. */
	TWO(DRM_FORMAT_P030, 4, 3, 8, 6, 2), TWO(LATER('P', '2', '3', '0'), 4, 3, 8, 6, 1),
	{LATER('T', '4', '3', '0'), 3, {{4, 3, 1}, {4, 3, 1}, {4, 3, 1}}},
	ONE(LATER('Y', 'P', 'A', '4'), 4, 3),
	/* 16 bits each, of which 10, 12 or 16 are used. */
	THREE(LATER('S', '0', '1', '0'), 2, 2, 2), THREE(LATER('S', '2', '1', '0'), 2, 2, 1), THREE(LATER('S', '4', '1', '0'), 2, 1, 1),
	THREE(LATER('S', '0', '1', '2'), 2, 2, 2), THREE(LATER('S', '2', '1', '2'), 2, 2, 1), THREE(LATER('S', '4', '1', '2'), 2, 1, 1),
	THREE(LATER('S', '0', '1', '6'), 2, 2, 2), THREE(LATER('S', '2', '1', '6'), 2, 2, 1), THREE(LATER('S', '4', '1', '6'), 2, 1, 1),
	/* Floats of 16 and 32 bits; and 16 bits without alpha. */
	ONE(LATER('R', ' ', ' ', 'H'), 2, 1), ONE(LATER('G', 'R', ' ', 'H'), 4, 1), ONE(LATER('B', 'G', 'R', 'H'), 6, 1),
	ONE(LATER('R', ' ', ' ', 'F'), 4, 1), ONE(LATER('G', 'R', ' ', 'F'), 8, 1), ONE(LATER('B', 'G', 'R', 'F'), 12, 1),
	ONE(LATER('A', 'B', '8', 'F'), 16, 1), ONE(LATER('R', 'G', '4', '8'), 6, 1), ONE(LATER('B', 'G', '4', '8'), 6, 1),
	/* Luma and chroma of a pixel in four bytes; luma alone; darkness. */
	ONE(LATER('A', 'V', 'U', 'Y'), 4, 1), ONE(LATER('X', 'V', 'U', 'Y'), 4, 1), ONE(LATER('X', 'Y', '3', '0'), 4, 1),
	ONE(LATER('G', 'R', 'E', 'Y'), 1, 1), ONE(LATER('D', '8', ' ', ' '), 1, 1),
	/* Several pixels in a byte. */
	ONE(LATER('C', '1', ' ', ' '), 1, 8), ONE(LATER('C', '2', ' ', ' '), 1, 4), ONE(LATER('C', '4', ' ', ' '), 1, 2),
	ONE(LATER('D', '1', ' ', ' '), 1, 8), ONE(LATER('D', '2', ' ', ' '), 1, 4), ONE(LATER('D', '4', ' ', ' '), 1, 2),
	ONE(LATER('R', '1', ' ', ' '), 1, 8), ONE(LATER('R', '2', ' ', ' '), 1, 4), ONE(LATER('R', '4', ' ', ' '), 1, 2),
};

#define NO_ROWS "it has no layout in rows"
#define STRIDE_OPEN "its samples are of two rows, and it is not said whether a stride is of one of them or of both"

/* Formats that linux-dmabuf may name, and that have no bounds that could be checked. */
static const struct {
	uint32_t code;
	const char *because;
} left_out[] = {
	{DRM_FORMAT_YUV420_8BIT, NO_ROWS}, {DRM_FORMAT_YUV420_10BIT, NO_ROWS}, {DRM_FORMAT_VUY101010, NO_ROWS},
	{DRM_FORMAT_Y0L0, STRIDE_OPEN}, {DRM_FORMAT_X0L0, STRIDE_OPEN},
	{DRM_FORMAT_Y0L2, STRIDE_OPEN}, {DRM_FORMAT_X0L2, STRIDE_OPEN},
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

const char *pixel_format_why_not(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(left_out); i++) {
		if (left_out[i].code == code)
			return left_out[i].because;
	}
	return "its layout is not known";
}

uint32_t pixel_format_pixel_bytes(uint32_t shm_format, bool *pairs)
{
	const struct pixel_format *format = pixel_format_find(pixel_format_from_shm(shm_format));
	if (!format || format->n_planes > 1 || format->planes[0].bytes % format->planes[0].x != 0)
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
