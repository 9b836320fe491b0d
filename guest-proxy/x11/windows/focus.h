/* The keyboard: X's input focus is where the compositor says, and nobody else moves it. */
#ifndef GUEST_PROXY_X11_WINDOWS_FOCUS_H
#define GUEST_PROXY_X11_WINDOWS_FOCUS_H

#include "guest-proxy/x11/windows/surface.h"

extern const struct relay_hook focus_hooks[];

/* The surface goes, or is no window any more. */
void focus_forget(struct surface *surface);
void focus_forget_activated(struct surface *surface);

/* By xdg_toplevel.configure: counts where the seat has no keyboard. */
void focus_set_activated(struct surface *surface, bool activated);

/* A window of X got the focus: if nobody of ours gave it, it goes back. */
void focus_in(struct session *session, const xcb_focus_in_event_t *event);

/* The client wants to be noticed, by way of xdg_activation_v1: the compositor decides how. */
void focus_ask_attention(struct surface *surface);

#endif
