/* Textures of 3D contexts as the monitor is given them. */
#include "host-bridge/console/texture.h"

#include <drm_fourcc.h>

#include "protocol/base/bytes.h"

/* Gallium's formats, which are those of the guest's driver (virtio 1.3 names their numbers only for
 * 2D), as DRM calls them. */
static const struct {
	uint32_t format, fourcc;
} formats[] = {
	{1, DRM_FORMAT_ARGB8888},   /* B8G8R8A8 */
	{2, DRM_FORMAT_XRGB8888},   /* B8G8R8X8 */
	{67, DRM_FORMAT_ABGR8888},  /* R8G8B8A8 */
	{134, DRM_FORMAT_XBGR8888}, /* R8G8B8X8 */
};

static uint32_t fourcc_of(uint32_t format)
{
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		if (formats[i].format == format)
			return formats[i].fourcc;
	return 0;
}

bool texture_can_be_shown(const struct resource *resource)
{
	return resource->kind == RESOURCE_3D && resource_has_file(resource) && !resource->pending &&
		resource->stride > 0 && resource->fd_offset == 0 &&
		fourcc_of(resource->shape.format) != 0;
}

bool texture_describe(
	const struct resource *resource, bool modifiers, struct console_dmabuf_scanout *out)
{
	if (!modifiers && resource->modifier != DRM_FORMAT_MOD_LINEAR &&
		resource->modifier != DRM_FORMAT_MOD_INVALID)
		return false;
	*out = (struct console_dmabuf_scanout){
		.fd_width = resource->width,
		.fd_height = resource->height,
		.fd_stride = resource->stride,
		.fd_flags = resource->shape.flags,
		.fourcc = fourcc_of(resource->shape.format),
	};
	return true;
}
