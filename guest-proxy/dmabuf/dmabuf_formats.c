/* Formats with their modifiers, as linux-dmabuf lists them. */
#include "guest-proxy/dmabuf/dmabuf_formats.h"

#include <drm_fourcc.h>
#include <errno.h>

#include "guest-proxy/gpu/gpu.h"
#include "protocol/base/bytes.h"
#include "protocol/pixels/pixel_format.h"

int dmabuf_pairs_add(struct wl_array *pairs, uint32_t format, uint64_t modifier)
{
	struct dmabuf_pair *pair;
	int place = 0;

	array_for_each(pair, pairs)
	{
		if (pair->format == format && pair->modifier == modifier)
			return place;
		place++;
	}
	if (place == DMABUF_MAX_PAIRS)
		return -ENOSPC;
	pair = wl_array_add(pairs, sizeof(*pair));
	if (!pair)
		return -ENOMEM;
	*pair = (struct dmabuf_pair){.format = format, .modifier = modifier};
	return place;
}

/*
 * Hosts share OpenGL's textures in these formats only. Programs choose the format with the most
 * bits unless they ask for less, and end when its buffers are refused.
 */
static bool opengl_shares(uint32_t format)
{
	return format == DRM_FORMAT_ARGB8888 || format == DRM_FORMAT_XRGB8888 ||
		format == DRM_FORMAT_ABGR8888 || format == DRM_FORMAT_XBGR8888;
}

bool dmabuf_usable(const struct gpu *gpu, uint32_t format, uint64_t modifier)
{
	return pixel_format_find(format) && (!gpu->opengl || opengl_shares(format)) &&
		(gpu->modifiers || modifier == DRM_FORMAT_MOD_LINEAR ||
			modifier == DRM_FORMAT_MOD_INVALID);
}
