/* Menus, tooltips and whatever else X clients put on the screen by themselves. */
#ifndef GUEST_PROXY_X11_SHELL_POPUP_H
#define GUEST_PROXY_X11_SHELL_POPUP_H

#include "guest-proxy/x11/windows/surface.h"

extern const struct relay_hook popup_hooks[];

/* surface->xdg is there. False: it is not for a popup, or there is no window it could belong to. */
bool popup_create(struct surface *surface);

/* X moved or resized it. */
void popup_moved(struct surface *surface);

#endif
