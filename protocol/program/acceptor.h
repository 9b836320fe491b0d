/* Accepts what connects to a listening socket; where that fails, waits without spinning. */
#ifndef PROTOCOL_PROGRAM_ACCEPTOR_H
#define PROTOCOL_PROGRAM_ACCEPTOR_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct acceptor {
	bool (*ready)(void *data); /* false: not now, look again later. NULL: always */
	void (*accepted)(void *data, int socket); /* takes @socket, which does not block */
	void *data;
	/* acceptor.c's */
	struct wl_event_source *source, *pause;
	bool failing; /* the log says so */
};

/*
 * Accepts one connection of @fd (listening, not blocking; borrowed, and outlives the acceptor) in
 * each turn of @loop. What is set already says what becomes of it. False: no memory.
 */
bool acceptor_start(struct acceptor *acceptor, struct wl_event_loop *loop, int fd);
/* Accepts nothing for @ms. */
void acceptor_pause(struct acceptor *acceptor, int ms);
/* Also where it was not started, if it is zeroes. */
void acceptor_stop(struct acceptor *acceptor);

#endif
