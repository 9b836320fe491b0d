/* Whether a command that was started shows a window by way of our display; says so if it does not.
 */
#ifndef GUEST_PROXY_CLIENTS_WINDOW_WATCH_H
#define GUEST_PROXY_CLIENTS_WINDOW_WATCH_H

#include "guest-proxy/clients/clients.h"

struct window_watch {
	const struct clients *clients;
	const char *command;
	int delay_ms;
	struct wl_event_source *timer; /* NULL: it is over */
};

/*
 * After @delay_ms, once, a line of the log says so if @command (borrowed, like @loop and @clients)
 * has shown nothing until then. Nothing else comes of it: there are commands without windows, and
 * slow ones.
 */
void window_watch_start(struct window_watch *watch, struct wl_event_loop *loop,
	const struct clients *clients, const char *command, int delay_ms);
/* Ends it without a word. One that was never started, or is over, is fine. */
void window_watch_stop(struct window_watch *watch);

#endif
