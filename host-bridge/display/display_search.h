/* Where the compositor listens: at a place that is known, or at one that appears later. */
#ifndef HOST_BRIDGE_DISPLAY_DISPLAY_SEARCH_H
#define HOST_BRIDGE_DISPLAY_DISPLAY_SEARCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

struct display_search {
	struct sockaddr_un first; /* AF_UNIX with a path; AF_UNSPEC: there is no such place */
	/* When nobody listens at the first place: wayland-0, wayland-1, ... in here. "": nowhere
	 * else. */
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/*
 * A non-blocking connection to the compositor, which is never waited for: an fd; -EAGAIN: it is
 * there, but its queue is full; or why there is none at the first place, -errno. @taken (AF_UNSPEC
 * at first) is where the last one was found, and asked before all others but the first; it becomes
 * where this one was found. What was not named, but found, must be a socket of the user @uid, and
 * its process none of @not_pid (0: none is excluded), nor one that a wayferry-guest has marked
 * as a guest (guest.PID in search.directory/wayferry): the display of a guest is no compositor.
 */
int display_search_connect(
	const struct display_search *search, struct sockaddr_un *taken, uid_t uid, pid_t not_pid);

/*
 * Where the compositor was found elsewhere: a connection to the first place, if somebody listens
 * there by now, which @taken becomes. -errno otherwise.
 */
int display_search_named(const struct display_search *search, struct sockaddr_un *taken);

#endif
