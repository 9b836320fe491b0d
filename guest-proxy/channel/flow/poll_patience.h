/*
 * When a channel asks for the next event after the host had no place in its queue to wait for one,
 * and answered a POLL with nothing (CROSS_DOMAIN_CMD_PATIENT): along with what is said next, or
 * alone, when the bell rings for it. Where nobody listens to that, it asks after a rest, which is
 * twice as long each time as long as nothing comes.
 */
#ifndef GUEST_PROXY_CHANNEL_FLOW_POLL_PATIENCE_H
#define GUEST_PROXY_CHANNEL_FLOW_POLL_PATIENCE_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "guest-proxy/gpu/bell.h"

struct poll_patience {
	bool agreed;  /* the host has been told that it may do so */
	bool resting; /* no POLL goes alone now */
	int rest_ms;  /* of the last rest; 0: something came, or was said, since */
	bool spoke;   /* something went to the host behind the last POLL */
	struct bell_member member;
	struct wl_event_loop *loop;
	struct wl_event_source *timer; /* NULL: none was needed */
	void (*rested)(void *data);
	void *data;
};

/* @rested: a rest is over, and a POLL may go alone. Borrows @loop. */
void poll_patience_init(struct poll_patience *patience, struct wl_event_loop *loop,
	void (*rested)(void *data), void *data);
void poll_patience_finish(struct poll_patience *patience);

/* It gets a name of @bell's, as @member.id; where that cannot be had it goes on without. */
void poll_patience_join(struct poll_patience *patience, struct bell *bell, struct turn *turn);

/* A POLL was sent alone. */
void poll_patience_asked(struct poll_patience *patience);
/* Something was said, @with_poll behind it or not. */
void poll_patience_spoke(struct poll_patience *patience, bool with_poll);
/* The last POLL that was outstanding was answered. */
void poll_patience_answered(struct poll_patience *patience);
/* An event came. */
void poll_patience_heard(struct poll_patience *patience);
/* Nothing came, and no other POLL is outstanding: rests, unless the host has heard something since,
 * and may have a place now, and an answer soon. */
void poll_patience_refused(struct poll_patience *patience);

#endif
