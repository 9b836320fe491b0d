/*
 * Outputs as X sees them: in physical pixels, at the scale of the largest, beginning at 0,0.
 *
 * Wayland's layout is logical and may be negative. X has one screen whose coordinates are not, so
 * that what zxdg_output_v1 says is kept back and told anew whenever the layout has changed.
 */
#ifndef GUEST_PROXY_X11_DISPLAY_OUTPUT_H
#define GUEST_PROXY_X11_DISPLAY_OUTPUT_H

#include "guest-proxy/x11/base/session.h"

struct output {
	struct wl_list link; /* session::outputs */
	struct session *session;
	uint32_t name; /* of the global */
	struct relay_object *object, *xdg;
	int32_t mode_width, mode_height, transform;
	int32_t integer_scale;
	struct box logical; /* as the compositor says; width 0: not yet */
	struct box told;    /* as X was told */
};

extern const struct relay_hook output_hooks[];

void outputs_finish(struct session *session);

/* Xwayland binds the wl_output @object, the global @name. */
void output_bound(struct session *session, struct relay_object *object, uint32_t name);
/* The global @name is gone. */
void output_removed(struct session *session, uint32_t name);

/* The output that a wl_output is, or NULL. */
struct output *output_of(struct relay_object *object);

/* Whether any of @box, a place in X, is on an output; true as long as none is known. */
bool outputs_show(const struct session *session, const struct box *box);

#endif
