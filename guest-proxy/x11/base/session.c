/* What all of wayferry-x11 knows of one life of Xwayland. */
#include "guest-proxy/x11/base/session.h"

#define HOLD_MS 100

void session_send(struct session *session, struct relay_object *object, const char *request,
	const union wire_arg *args)
{
	if (object)
		relay_send_named(session->relay, RELAY_UP, object, request, args);
}

struct relay_object *session_make(struct session *session, const char *interface,
	struct relay_object *parent, const char *request, union wire_arg *args, size_t new_arg)
{
	const struct interface *type = interface_find(interface);
	struct relay_object *object =
		type && parent ? relay_object_create(session->relay, type, parent->version) : NULL;
	if (!object)
		return NULL;
	args[new_arg].object = object;
	session_send(session, parent, request, args);
	return object;
}

static void handle_alive(void *data, struct reply_subject subject, void *reply)
{
	session_hold_timeout(data);
}

int session_hold_timeout(void *data)
{
	struct session *session = data;
	session->released = true;
	return 0;
}

bool session_x_is_ready(struct session *session)
{
	if (!session->x)
		return true;
	if (!session->holding) {
		session->holding = true;
		session->released = false;
		replies_expect(&session->replies, xcb_get_input_focus(session->x).sequence,
			handle_alive, (struct reply_subject){0});
		wl_event_source_timer_update(session->hold_timer, HOLD_MS);
		return false;
	}
	if (!session->released)
		return false;
	session->holding = session->released = false;
	wl_event_source_timer_update(session->hold_timer, 0);
	return true;
}
