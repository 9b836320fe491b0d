/* A line for commands whose windows go elsewhere. */
#include "guest-proxy/clients/window_watch.h"
#include "protocol/base/event_source.h"

#define LOG_MODULE "guest"
#include "protocol/base/log.h"

static int handle_timer(void *data)
{
	struct window_watch *watch = data;
	enum clients_progress progress = clients_progress(watch->clients);

	window_watch_stop(watch);
	if (progress == CLIENTS_NONE)
		log_warn("%s has not connected to this display after %d seconds: an instance of it "
			 "that ran before may have opened the window, or it wants X11 (--x11)",
			watch->command, watch->delay_ms / 1000);
	else if (progress == CLIENTS_CONNECTED)
		log_warn("%s has connected to this display, but shown nothing after %d seconds",
			watch->command, watch->delay_ms / 1000);
	return 0;
}

void window_watch_start(struct window_watch *watch, struct wl_event_loop *loop,
	const struct clients *clients, const char *command, int delay_ms)
{
	*watch =
		(struct window_watch){.clients = clients, .command = command, .delay_ms = delay_ms};
	watch->timer = wl_event_loop_add_timer(loop, handle_timer, watch);
	if (watch->timer)
		wl_event_source_timer_update(watch->timer, delay_ms);
}

void window_watch_stop(struct window_watch *watch)
{
	event_source_remove(&watch->timer);
}
