/* One life of Xwayland: its Wayland connection, relayed to the compositor, and its window manager.
 */
#ifndef GUEST_PROXY_X11_LIFE_H
#define GUEST_PROXY_X11_LIFE_H

#include "guest-proxy/x11/base/session.h"

struct life;

/*
 * Takes @up_fd, a connection to the compositor, and @down_fd, Xwayland's; borrows @loop and
 * @settings. NULL when memory is short.
 */
struct life *life_create(struct wl_event_loop *loop, const struct session_settings *settings,
	int up_fd, int down_fd);
/* NULL is fine. */
void life_destroy(struct life *life);

/* Xwayland is ready: takes @wm_fd, its connection for a window manager. 0 or -errno. */
int life_manage(struct life *life, int wm_fd);

/*
 * After each round of events. *@more is set where something is left to do at once. NULL, or why it
 * is over.
 */
const char *life_settle(struct life *life, bool *more);

const struct session *life_session(const struct life *life);

#endif
