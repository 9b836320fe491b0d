/* Freeing buffers of idle surfaces. */
#include "guest-proxy/windows/idle_trim.h"

#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/event_source.h"

#define TRIM_MS 5000

void idle_trim_init(struct idle_trim *trim, struct connection *connection)
{
	*trim = (struct idle_trim){.connection = connection};
}

void idle_trim_finish(struct idle_trim *trim)
{
	event_source_remove(&trim->timer);
}

static int handle_timer(void *data)
{
	struct idle_trim *trim = data;
	struct connection *connection = trim->connection;

	trim->armed = connection->relay && swapchain_trim_idle(connection);
	if (trim->armed)
		wl_event_source_timer_update(trim->timer, TRIM_MS);
	connection->wake(connection);
	return 0;
}

void idle_trim_update(struct idle_trim *trim)
{
	if (trim->armed || trim->frames == trim->connection->frames)
		return;
	if (!trim->timer)
		trim->timer = wl_event_loop_add_timer(trim->connection->loop, handle_timer, trim);
	if (!trim->timer)
		return;
	wl_event_source_timer_update(trim->timer, TRIM_MS);
	trim->armed = true;
	trim->frames = trim->connection->frames;
}
