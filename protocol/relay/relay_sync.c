/* Questions of ours to UP: wl_display.sync with callbacks that DOWN does not know. */
#include <errno.h>

#include "protocol/relay/relay_private.h"

static void end_without_answer(struct relay_object *callback)
{
	struct relay_sync *sync = callback->data;

	callback->data = NULL;
	if (sync)
		sync->done(sync, NULL);
}

int relay_sync_ask(struct relay *relay, struct relay_sync *sync, relay_sync_fn done)
{
	struct relay_object *callback =
		relay_object_create(relay, interface_find("wl_callback"), 1);

	if (!callback)
		return -ENOMEM;
	callback->data = sync;
	callback->data_destroy = end_without_answer;
	sync->done = done;
	relay_ref_set(&sync->callback, callback);
	return relay_send_named(
		relay, RELAY_UP, relay->display, "sync", (union wire_arg[]){{.object = callback}});
}

void relay_sync_forget(struct relay_sync *sync)
{
	if (sync->callback.object)
		sync->callback.object->data = NULL;
	relay_ref_set(&sync->callback, NULL);
}

enum relay_verdict relay_handle_done(struct relay_message *message)
{
	struct relay_object *callback = message->object;
	struct relay_sync *sync = callback->data;

	if (callback->data_destroy != end_without_answer)
		return RELAY_FORWARD;
	if (sync) {
		relay_sync_forget(sync);
		sync->done(sync, message->relay);
	}
	relay_event_destructor_passed(message->relay, callback, false);
	return RELAY_SWALLOW;
}
