/* Callbacks that a client has asked for, until it is decided who answers them. */
#include "protocol/relay/asked_callbacks.h"

#include <stdlib.h>

struct asked {
	struct wl_list link;
	struct relay_ref callback;
};

void asked_callbacks_init(struct asked_callbacks *asked)
{
	wl_list_init(&asked->list);
}

static struct relay_object *take_first(struct asked_callbacks *asked)
{
	struct asked *first = wl_container_of(asked->list.next, first, link);
	struct relay_object *callback = first->callback.object;

	relay_ref_set(&first->callback, NULL);
	wl_list_remove(&first->link);
	free(first);
	return callback;
}

void asked_callbacks_finish(struct asked_callbacks *asked)
{
	while (!wl_list_empty(&asked->list))
		take_first(asked);
}

enum relay_verdict asked_callbacks_add(struct asked_callbacks *asked, struct relay_message *message)
{
	struct asked *new = calloc(1, sizeof(*new));

	if (!new)
		return relay_fail_memory(message->relay, "a callback");
	relay_ref_set(&new->callback, message->args[0].object);
	wl_list_insert(asked->list.prev, &new->link);
	return RELAY_SWALLOW;
}

int asked_callbacks_forward(struct asked_callbacks *asked, struct relay *relay,
	struct relay_object *object, const char *request)
{
	int error = 0;

	while (!wl_list_empty(&asked->list) && error == 0) {
		struct relay_object *callback = take_first(asked);
		if (callback)
			error = relay_send_named(relay, RELAY_UP, object, request,
				(union wire_arg[]){{.object = callback}});
	}
	return error;
}

int asked_callbacks_answer(struct asked_callbacks *asked, struct relay *relay)
{
	int error = 0;

	while (!wl_list_empty(&asked->list) && error == 0) {
		struct relay_object *callback = take_first(asked);
		if (callback)
			error = relay_send_named(
				relay, RELAY_DOWN, callback, "done", (union wire_arg[]){{.u = 0}});
	}
	return error;
}
