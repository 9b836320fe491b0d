/*
 * The shapes of X windows (the SHAPE extension) as masks: window::bounds, what of it is shown, and
 * window::input, where the pointer is on it.
 *
 * A shape may consist of any number of boxes, so it is not asked for as such: the X server draws it
 * into a picture of the window's size, and gives us that. One question for a window is under way at
 * a time, and only windows that have a shape are asked about.
 */
#ifndef GUEST_PROXY_X11_WINDOWS_SHAPE_H
#define GUEST_PROXY_X11_WINDOWS_SHAPE_H

#include "guest-proxy/x11/windows/window.h"

#define SHAPE_PIXELS (16 << 20)      /* a larger window is shown without its shape */
#define SHAPE_MASK_BYTES (16u << 20) /* of all windows; beyond, likewise */

/* Asks the server what it has; it answers at once or has ended. */
void shape_connect(struct session *session);
/* The window manager begins. */
void shape_manage(struct session *session);

/* From now on changes are told. */
void shape_watch(struct session *session, xcb_window_t id);
/* Asks for it: @window is known (window.h) only when it is there. */
void shape_load(struct session *session, struct window *window);
/* ShapeNotify. */
void shape_changed(struct session *session, const xcb_generic_event_t *event);
/* It has another size. */
void shape_resized(struct session *session, struct window *window, int32_t width, int32_t height);
/* It goes. */
void shape_forget(struct session *session, struct window *window);

#endif
