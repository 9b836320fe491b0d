/*
 * Pointers, touch and pens: places in X pixels, on the window that is on top in X, too.
 *
 * A drag takes the pointer from all clients, so also from the X client that drags. X goes on
 * without it: the pointer is borrowed, and what X is told of it comes from the functions here,
 * until it is given back.
 */
#ifndef GUEST_PROXY_X11_WINDOWS_POINTER_H
#define GUEST_PROXY_X11_WINDOWS_POINTER_H

#include "guest-proxy/x11/windows/surface.h"

extern const struct relay_hook pointer_hooks[];

/* For a hook: @surface is on top in X, so that X finds its window; false for RELAY_HOLD. */
bool pointer_prepare(struct session *session, struct surface *surface);

void pointer_borrow(struct session *session);
/* It is at @x, @y of @surface, in Wayland's units. */
void pointer_place(
	struct session *session, const struct surface *surface, wl_fixed_t x, wl_fixed_t y);
/* As if it had moved a little: X looks again what is below it. */
void pointer_nudge(struct session *session);
/* The button is released and the pointer has left, as far as it is borrowed. */
void pointer_give_back(struct session *session);

#endif
