/* Regions of guests: compositors do work for each of their rectangles, and keep them. */
#ifndef HOST_BRIDGE_POLICY_POLICY_REGIONS_H
#define HOST_BRIDGE_POLICY_POLICY_REGIONS_H

#include "host-bridge/policy/surfaces/hooks.h"

/* Of how many rectangles @object, a wl_region or NULL, consists. */
uint64_t region_rectangles(const struct relay_object *object);

#endif
