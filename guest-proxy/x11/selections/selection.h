/* Clipboard and primary selection: X's and Wayland's are the same ones. */
#ifndef GUEST_PROXY_X11_TRANSFERS_SELECTION_H
#define GUEST_PROXY_X11_TRANSFERS_SELECTION_H

#include "guest-proxy/x11/base/session.h"

extern const struct relay_hook selection_hooks[];

/* 0 or -errno. */
int selections_init(struct session *session);
void selections_finish(struct session *session);
/* The mime type that all our sources have. */
const char *selection_mark(const struct session *session);
/* The wl_data_device; NULL: there is none. */
struct relay_object *selection_device(const struct session *session);

/* The window that owns selections. */
xcb_window_t selection_window(const struct session *session);

/* X is there, the atoms are known. */
void selections_manage(struct session *session);

#endif
