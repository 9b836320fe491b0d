/* Layouts of pictures, as DRM's modifiers name them, that the compositor's linux-dmabuf lists. */
#ifndef HOST_BRIDGE_POLICY_POLICY_LAYOUTS_H
#define HOST_BRIDGE_POLICY_POLICY_LAYOUTS_H

#include "host-bridge/policy/base/policy_connection.h"

/*
 * The compositor takes @format in the layout @modifier. Rows are not kept, and neither are formats
 * of several planes, nor what goes beyond POLICY_LAYOUTS and POLICY_IMPORT_FORMATS.
 */
void policy_layouts_add(struct policy_layouts *layouts, uint32_t format, uint64_t modifier);

/* Those of @format: how many, at most POLICY_LAYOUTS. */
uint32_t policy_layouts_get(
	const struct policy_layouts *layouts, uint32_t format, uint64_t out[POLICY_LAYOUTS]);

#endif
