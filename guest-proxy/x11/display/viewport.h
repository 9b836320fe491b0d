/* The size at which a surface is shown: an X pixel is a physical one, whatever the scale. */
#ifndef GUEST_PROXY_X11_DISPLAY_VIEWPORT_H
#define GUEST_PROXY_X11_DISPLAY_VIEWPORT_H

#include "guest-proxy/x11/base/session.h"

/* Of one surface; zero-initialised but for session and surface. Sizes: 0 for none. */
struct viewport {
	struct session *session;
	struct relay_object *surface;      /* the wl_surface */
	struct relay_ref up;               /* ours; none was needed yet where it is empty */
	struct relay_object *down;         /* Xwayland's own; NULL: none */
	int32_t down_width, down_height;   /* the destination that Xwayland set, in X pixels */
	int32_t shown_width, shown_height; /* the one that UP has, logical */
};

extern const struct relay_hook viewport_hooks[];

/* Xwayland makes a wp_viewport, @down, for the surface. False: it has one. */
bool viewport_add_down(struct viewport *viewport, struct relay_object *down);

/* Before a commit: the destination follows the buffer's size and the scale. */
void viewport_update(struct viewport *viewport, int32_t buffer_width, int32_t buffer_height);

/* Before the surface goes. */
void viewport_finish(struct viewport *viewport);

#endif
