/* The formats of 2D resources. */
#include "host-bridge/console/pixel_layout.h"

#include <linux/virtio_gpu.h>
#include <string.h>

#include "protocol/base/bytes.h"

#define NO_ALPHA 4

struct layout { /* which byte of a pixel has what */
	uint32_t format;
	uint8_t r, g, b, a;
};

static const struct layout layouts[] = {
	{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 2, 1, 0, 3},
	{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2, 1, 0, NO_ALPHA},
	{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, 1, 2, 3, 0},
	{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 1, 2, 3, NO_ALPHA},
	{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 0, 1, 2, 3},
	{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, 3, 2, 1, NO_ALPHA},
	{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 3, 2, 1, 0},
	{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 0, 1, 2, NO_ALPHA},
};

static const struct layout *find_layout(uint32_t format)
{
	for (size_t i = 0; i < ARRAY_LENGTH(layouts); i++)
		if (layouts[i].format == format)
			return &layouts[i];
	return NULL;
}

bool pixel_layout_known(uint32_t format)
{
	return find_layout(format) != NULL;
}

void pixel_layout_convert(uint32_t format, const uint8_t *in, uint32_t *out, size_t n)
{
	const struct layout *layout = find_layout(format);
	if (!layout)
		layout = &layouts[0];
	/* What guests use. */
	if (layout->b == 0) {
		const uint32_t opaque = layout->a == NO_ALPHA ? 0xff000000 : 0;
		memcpy(out, in, n * 4);
		for (size_t i = 0; opaque && i < n; i++)
			out[i] |= opaque;
		return;
	}
	for (size_t i = 0; i < n; i++, in += 4) {
		uint32_t alpha = layout->a == NO_ALPHA ? 0xff : in[layout->a];
		out[i] = alpha << 24 | (uint32_t)in[layout->r] << 16 |
			(uint32_t)in[layout->g] << 8 | in[layout->b];
	}
}
