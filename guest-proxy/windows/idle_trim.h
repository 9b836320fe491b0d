/* A timer that frees buffers of surfaces which have no new frames. It runs only after there were
 * frames. */
#ifndef GUEST_PROXY_WINDOWS_IDLE_TRIM_H
#define GUEST_PROXY_WINDOWS_IDLE_TRIM_H

#include "guest-proxy/connection/connection.h"

struct idle_trim {
	struct connection *connection; /* borrowed */
	struct wl_event_source *timer; /* NULL: none yet */
	bool armed;
	uint64_t frames; /* connection->frames when it was armed */
};

void idle_trim_init(struct idle_trim *trim, struct connection *connection);
void idle_trim_finish(struct idle_trim *trim);

/* Arms the timer if there were frames since it was armed last. To be called in every turn. */
void idle_trim_update(struct idle_trim *trim);

#endif
