/* The roles of X windows' surfaces: xdg_toplevel or xdg_popup, objects that only UP knows. */
#ifndef GUEST_PROXY_X11_SHELL_ROLE_H
#define GUEST_PROXY_X11_SHELL_ROLE_H

#include "guest-proxy/x11/windows/surface.h"

extern const struct relay_hook role_hooks[];

/* Gives @surface its role if all that it takes is known by now. */
void role_try(struct surface *surface);

/* Takes role and window from it, those of its popups first. Fine if it has none. */
void role_drop(struct surface *surface);

/* Before a commit of Xwayland's: acknowledges a configure that it answers. */
void role_will_commit(struct surface *surface);

/* It entered surface->output_name. */
void role_output_changed(struct surface *surface);

/* Configures that X clients have not answered in time are acknowledged. */
void role_acknowledge_late(struct session *session);

#endif
