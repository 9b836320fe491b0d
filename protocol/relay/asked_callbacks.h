/*
 * Callbacks that a client has asked for, while it is not known yet who will answer: the other end,
 * or this one. wl_surface.get_release is about the buffer of a commit that is still to come.
 */
#ifndef PROTOCOL_RELAY_ASKED_CALLBACKS_H
#define PROTOCOL_RELAY_ASKED_CALLBACKS_H

#include "protocol/relay/relay.h"

struct asked_callbacks {
	struct wl_list list;
};

void asked_callbacks_init(struct asked_callbacks *asked);
/* Forgets them; sends nothing. */
void asked_callbacks_finish(struct asked_callbacks *asked);

/*
 * Takes the wl_callback that @message, a request with nothing but it, makes. RELAY_SWALLOW, or
 * RELAY_FAILED: no memory.
 */
enum relay_verdict asked_callbacks_add(
	struct asked_callbacks *asked, struct relay_message *message);

/* Asks UP for them, by @request of @object, which takes nothing but them. 0 or -errno: the relay
 * has failed. */
int asked_callbacks_forward(struct asked_callbacks *asked, struct relay *relay,
	struct relay_object *object, const char *request);

/* Answers them here: done(0). 0 or -errno: the relay has failed. */
int asked_callbacks_answer(struct asked_callbacks *asked, struct relay *relay);

#endif
