/* Sources of an event loop: their end. */
#ifndef PROTOCOL_BASE_EVENT_SOURCE_H
#define PROTOCOL_BASE_EVENT_SOURCE_H

#include <wayland-server-core.h>

/* Removes *@source, if there is one, and sets it to NULL. */
static inline void event_source_remove(struct wl_event_source **source)
{
	if (*source)
		wl_event_source_remove(*source);
	*source = NULL;
}

#endif
