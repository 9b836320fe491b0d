/* Formats of one plane, by the bytes of a pixel. Those with several planes have no rows to copy. */
#include "guest-proxy/windows/shm_format.h"

#include <stddef.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"

/* clang-format off */
static const uint32_t pixels_1[] = {
	WL_SHM_FORMAT_C8, WL_SHM_FORMAT_RGB332, WL_SHM_FORMAT_BGR233, WL_SHM_FORMAT_R8,
};
static const uint32_t pixels_2[] = {
	WL_SHM_FORMAT_XRGB4444, WL_SHM_FORMAT_XBGR4444, WL_SHM_FORMAT_RGBX4444,
	WL_SHM_FORMAT_BGRX4444, WL_SHM_FORMAT_ARGB4444, WL_SHM_FORMAT_ABGR4444,
	WL_SHM_FORMAT_RGBA4444, WL_SHM_FORMAT_BGRA4444, WL_SHM_FORMAT_XRGB1555,
	WL_SHM_FORMAT_XBGR1555, WL_SHM_FORMAT_RGBX5551, WL_SHM_FORMAT_BGRX5551,
	WL_SHM_FORMAT_ARGB1555, WL_SHM_FORMAT_ABGR1555, WL_SHM_FORMAT_RGBA5551,
	WL_SHM_FORMAT_BGRA5551, WL_SHM_FORMAT_RGB565, WL_SHM_FORMAT_BGR565, WL_SHM_FORMAT_R16,
	WL_SHM_FORMAT_RG88, WL_SHM_FORMAT_GR88,
};
static const uint32_t pixels_3[] = {
	WL_SHM_FORMAT_RGB888, WL_SHM_FORMAT_BGR888, WL_SHM_FORMAT_VUY888,
};
static const uint32_t pixels_4[] = {
	WL_SHM_FORMAT_ARGB8888, WL_SHM_FORMAT_XRGB8888, WL_SHM_FORMAT_XBGR8888,
	WL_SHM_FORMAT_RGBX8888, WL_SHM_FORMAT_BGRX8888, WL_SHM_FORMAT_ABGR8888,
	WL_SHM_FORMAT_RGBA8888, WL_SHM_FORMAT_BGRA8888, WL_SHM_FORMAT_XRGB2101010,
	WL_SHM_FORMAT_XBGR2101010, WL_SHM_FORMAT_RGBX1010102, WL_SHM_FORMAT_BGRX1010102,
	WL_SHM_FORMAT_ARGB2101010, WL_SHM_FORMAT_ABGR2101010, WL_SHM_FORMAT_RGBA1010102,
	WL_SHM_FORMAT_BGRA1010102, WL_SHM_FORMAT_RG1616, WL_SHM_FORMAT_GR1616, WL_SHM_FORMAT_AYUV,
	WL_SHM_FORMAT_XYUV8888, WL_SHM_FORMAT_Y410, WL_SHM_FORMAT_XVYU2101010,
};
static const uint32_t pixels_8[] = {
	WL_SHM_FORMAT_XRGB16161616F, WL_SHM_FORMAT_XBGR16161616F, WL_SHM_FORMAT_ARGB16161616F,
	WL_SHM_FORMAT_ABGR16161616F, WL_SHM_FORMAT_XRGB16161616, WL_SHM_FORMAT_XBGR16161616,
	WL_SHM_FORMAT_ARGB16161616, WL_SHM_FORMAT_ABGR16161616,
	WL_SHM_FORMAT_AXBXGXRX106106106106, WL_SHM_FORMAT_Y412, WL_SHM_FORMAT_Y416,
	WL_SHM_FORMAT_XVYU12_16161616, WL_SHM_FORMAT_XVYU16161616,
};
static const uint32_t pairs_2[] = {
	WL_SHM_FORMAT_YUYV, WL_SHM_FORMAT_YVYU, WL_SHM_FORMAT_UYVY, WL_SHM_FORMAT_VYUY,
};
static const uint32_t pairs_4[] = {
	WL_SHM_FORMAT_Y210, WL_SHM_FORMAT_Y212, WL_SHM_FORMAT_Y216,
};
/* clang-format on */

static const struct format_group {
	const uint32_t *formats;
	size_t n;
	uint8_t pixel_bytes;
	bool pair;
} format_groups[] = {
	{pixels_1, ARRAY_LENGTH(pixels_1), 1, false},
	{pixels_2, ARRAY_LENGTH(pixels_2), 2, false},
	{pixels_3, ARRAY_LENGTH(pixels_3), 3, false},
	{pixels_4, ARRAY_LENGTH(pixels_4), 4, false},
	{pixels_8, ARRAY_LENGTH(pixels_8), 8, false},
	{pairs_2, ARRAY_LENGTH(pairs_2), 2, true},
	{pairs_4, ARRAY_LENGTH(pairs_4), 4, true},
};

uint32_t shm_format_pixel_bytes(uint32_t format, bool *pair)
{
	for (const struct format_group *group = format_groups;
		group < format_groups + ARRAY_LENGTH(format_groups); group++) {
		for (size_t i = 0; i < group->n; i++) {
			if (group->formats[i] != format)
				continue;
			if (pair)
				*pair = group->pair;
			return group->pixel_bytes;
		}
	}
	return 0;
}
