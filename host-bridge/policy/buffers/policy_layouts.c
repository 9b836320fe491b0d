/* Layouts of pictures, as DRM's modifiers name them, that the compositor's linux-dmabuf lists. */
#include "host-bridge/policy/buffers/policy_layouts.h"

#include <assert.h>
#include <drm_fourcc.h>

#include "protocol/pixels/pixel_format.h"

/* Its bit; 0: there are too many. */
static uint32_t modifier_bit(struct policy_layouts *layouts, uint64_t modifier)
{
	uint32_t i = 0;

	static_assert(POLICY_LAYOUTS <= 32, "a mask has that many bits");
	while (i < layouts->n_modifiers && layouts->modifiers[i] != modifier)
		i++;
	if (i == POLICY_LAYOUTS)
		return 0;
	if (i == layouts->n_modifiers)
		layouts->modifiers[layouts->n_modifiers++] = modifier;
	return UINT32_C(1) << i;
}

void policy_layouts_add(struct policy_layouts *layouts, uint32_t format, uint64_t modifier)
{
	const struct pixel_format *known = pixel_format_find(format);
	uint32_t i = 0;

	if (modifier == DRM_FORMAT_MOD_LINEAR || modifier == DRM_FORMAT_MOD_INVALID || !known ||
		known->n_planes != 1)
		return;
	while (i < layouts->n_formats && layouts->formats[i].code != format)
		i++;
	if (i == POLICY_IMPORT_FORMATS)
		return;
	if (i == layouts->n_formats) {
		layouts->formats[i].code = format;
		layouts->n_formats++;
	}
	layouts->formats[i].mask |= modifier_bit(layouts, modifier);
}

uint32_t policy_layouts_get(
	const struct policy_layouts *layouts, uint32_t format, uint64_t out[POLICY_LAYOUTS])
{
	uint32_t mask = 0, n = 0;

	for (uint32_t i = 0; i < layouts->n_formats; i++)
		if (layouts->formats[i].code == format)
			mask = layouts->formats[i].mask;
	for (uint32_t i = 0; i < layouts->n_modifiers; i++)
		if (mask & UINT32_C(1) << i)
			out[n++] = layouts->modifiers[i];
	return n;
}
