/* Surfaces of guests: how many, how deep they are nested, and what the compositor keeps of them. */
#ifndef HOST_BRIDGE_POLICY_POLICY_SURFACE_H
#define HOST_BRIDGE_POLICY_POLICY_SURFACE_H

#include "host-bridge/policy/policy_shadows.h"

struct policy_surface { /* relay_object.data of a wl_surface */
	struct relay_object *object;
	struct vm_quota *quota;
	struct surface_shadow shadow;
	struct wl_list links;              /* surface_link::link */
	struct policy_surface *parent;     /* of a subsurface */
	struct wl_list children, siblings; /* policy_surface::siblings, in the parent's children */
	uint64_t charged_rectangles[2];    /* of its opaque and its input region */
	uint64_t charged_icon_bytes;       /* of the window's icon */
};

/* relay_object.data of what extends a surface: wl_subsurface, for example. */
struct surface_link {
	struct policy_surface *surface; /* NULL once it is gone */
	struct wl_list link;            /* policy_surface::links */
};

/* Makes @object, a new one, an extension of @surface. False: no memory, and the relay has failed.
 */
bool surface_extend(
	struct relay *relay, struct policy_surface *surface, struct relay_object *object);

/* The surface that @object (a wl_surface's extension) belongs to; NULL: it is gone. */
struct policy_surface *surface_of(const struct relay_object *object);

#endif
