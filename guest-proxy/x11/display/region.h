/* Regions of surfaces: in X pixels DOWN, in Wayland's units UP, and of so many boxes at most. */
#ifndef GUEST_PROXY_X11_DISPLAY_REGION_H
#define GUEST_PROXY_X11_DISPLAY_REGION_H

#include "guest-proxy/x11/base/session.h"
#include "guest-proxy/x11/display/mask.h"

/* What an X client cuts finer is not exact: compositors do work for each box, and set limits. */
#define REGION_BOXES 512

extern const struct relay_hook region_hooks[];

/* @surface, a wl_surface, takes input where @mask is set; NULL: everywhere. A commit has to follow.
 */
void region_set_input(
	struct session *session, struct relay_object *surface, const struct mask *mask);

#endif
