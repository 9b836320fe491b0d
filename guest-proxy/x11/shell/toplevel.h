/* X windows that are windows of the desktop. */
#ifndef GUEST_PROXY_X11_SHELL_TOPLEVEL_H
#define GUEST_PROXY_X11_SHELL_TOPLEVEL_H

#include "guest-proxy/x11/windows/surface.h"

extern const struct relay_hook toplevel_hooks[];

/* surface->xdg is there. */
void toplevel_create(struct surface *surface);

/* A property of its window is another one. */
void toplevel_hint_changed(struct surface *surface, enum window_property property);

/*
 * The pending configure applies: X is told size and states. True: the client is to draw another
 * size, surface->expected_width and _height.
 */
bool toplevel_configure(struct surface *surface);

/*
 * The X client asks for @box: what it gets, which is no other size where the compositor decides.
 */
void toplevel_wish(struct surface *surface, struct box *box);

/* Moves @box into the output the window is on: X's pointer cannot leave X's screen. */
void toplevel_place(const struct surface *surface, struct box *box);

/* The scale was @before: the same logical size. */
void toplevel_rescale(struct surface *surface, uint32_t before);

/* Starts moving or resizing by the pointer; @edges: of xdg_toplevel.resize, 0: it moves. */
void toplevel_drag(struct surface *surface, uint32_t edges);

#endif
