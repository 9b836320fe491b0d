/*
 * Icons of X windows that are windows of the desktop: one of the pictures in _NET_WM_ICON becomes
 * an xdg_toplevel_icon_v1. They are large, so none is kept, and one is under way at a time: the
 * next is asked for when the compositor has taken it, however often an X client changes its own.
 */
#ifndef GUEST_PROXY_X11_SHELL_ICON_H
#define GUEST_PROXY_X11_SHELL_ICON_H

#include "guest-proxy/x11/windows/surface.h"

/* @surface, a toplevel, gets the icon that its window has: as soon as X has said what that is. */
void icon_load(struct surface *surface);

#endif
