/* Sources of an event loop: their end, and eventfds without a system call to read each of them. */
#ifndef PROTOCOL_BASE_EVENT_SOURCE_H
#define PROTOCOL_BASE_EVENT_SOURCE_H

#include <stdbool.h>
#include <wayland-server-core.h>

/* Removes *@source, if there is one, and sets it to NULL. */
static inline void event_source_remove(struct wl_event_source **source)
{
	if (*source)
		wl_event_source_remove(*source);
	*source = NULL;
}

/*
 * Watches @fd (borrowed; it outlives the source) for reading. *@edge true: it is an eventfd, @func
 * is called after each write, or once for several, and must not read it. False: it is something
 * else, or the system's libwayland is not as this was made for; then @func has to read it, as ever.
 * NULL: no memory, or @fd cannot be watched.
 */
struct wl_event_source *eventfd_source_add(
	struct wl_event_loop *loop, int fd, wl_event_loop_fd_func_t func, void *data, bool *edge);

#endif
