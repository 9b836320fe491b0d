/* One life of Xwayland: its Wayland connection, relayed to the compositor, and its window manager.
 */
#include "guest-proxy/x11/life.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-proxy/x11/display/buffer.h"
#include "guest-proxy/x11/display/masked.h"
#include "guest-proxy/x11/display/output.h"
#include "guest-proxy/x11/display/region.h"
#include "guest-proxy/x11/display/viewport.h"
#include "guest-proxy/x11/drags/dnd.h"
#include "guest-proxy/x11/drags/drag_source.h"
#include "guest-proxy/x11/selections/selection.h"
#include "guest-proxy/x11/selections/selection_offer.h"
#include "guest-proxy/x11/selections/selection_source.h"
#include "guest-proxy/x11/shell/popup.h"
#include "guest-proxy/x11/shell/role.h"
#include "guest-proxy/x11/shell/toplevel.h"
#include "guest-proxy/x11/transfers/incoming.h"
#include "guest-proxy/x11/transfers/outgoing.h"
#include "guest-proxy/x11/windows/focus.h"
#include "guest-proxy/x11/windows/pointer.h"
#include "guest-proxy/x11/windows/surface.h"
#include "guest-proxy/x11/wm.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/wire/wire_socket.h"

#define SHELL_GLOBAL UINT32_C(0xfffffff0) /* our own global, xwayland_shell_v1 */
#define SOCKET_BYTES (16 << 20)           /* may wait for an end */

/* An end of the relay. */
struct end {
	struct life *life;
	enum relay_end side;
	struct wire_socket socket;
	bool over;
};

struct life {
	struct session session;
	struct end ends[2];            /* by enum relay_end */
	struct relay_object *registry; /* Xwayland's */
	bool shell_announced;
};

static struct life *life_of(struct session *session)
{
	return container_of(session, struct life, session);
}

/* Globals: some we bind for ourselves, one is ours. */

static const struct {
	const char *interface;
	uint32_t version;
	size_t ref; /* in struct session */
} own_globals[] = {
	{"xdg_wm_base", 5, offsetof(struct session, wm_base)},
	{"zxdg_decoration_manager_v1", 1, offsetof(struct session, decorations)},
	{"wp_viewporter", 1, offsetof(struct session, viewporter)},
	{"xdg_activation_v1", 1, offsetof(struct session, activation)},
	{"wl_compositor", 1, offsetof(struct session, compositor)},
	{"wl_shm", 1, offsetof(struct session, shm)},
	{"xdg_toplevel_icon_manager_v1", 1, offsetof(struct session, icons)},
	{"xdg_wm_dialog_v1", 1, offsetof(struct session, dialogs)},
	{"wl_data_device_manager", 3, offsetof(struct session, data_manager)},
	{"zwp_primary_selection_device_manager_v1", 1, offsetof(struct session, primary_manager)},
};

static void bind_own(struct session *session, const struct relay_message *message)
{
	const char *name = message->args[1].s;
	for (size_t i = 0; i < ARRAY_LENGTH(own_globals); i++) {
		struct relay_ref *ref =
			(struct relay_ref *)(void *)((char *)session + own_globals[i].ref);
		if (ref->object || strcmp(name, own_globals[i].interface) != 0)
			continue;
		uint32_t version = (uint32_t)min_u64(own_globals[i].version, message->args[2].u);
		relay_ref_set(
			ref, relay_object_create(session->relay, interface_find(name), version));
		if (ref->object)
			session_send(session, message->object, "bind",
				(union wire_arg[]){message->args[0], {.s = name}, {.u = version},
					{.object = ref->object}});
	}
}

static enum relay_verdict handle_get_registry(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct life *life = life_of(session);
	if (!life->registry)
		life->registry = message->args[0].object;
	return RELAY_FORWARD;
}

static enum relay_verdict handle_global(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	const char *name = message->args[1].s;
	if (message->object != life_of(session)->registry)
		return RELAY_FORWARD;
	struct life *life = life_of(session);
	if (!life->shell_announced && interface_find("xwayland_shell_v1")) {
		life->shell_announced = true;
		relay_send_named(session->relay, RELAY_DOWN, message->object, "global",
			(union wire_arg[]){
				{.u = SHELL_GLOBAL}, {.s = "xwayland_shell_v1"}, {.u = 1}});
	}
	bind_own(session, message);
	return strcmp(name, "xwayland_shell_v1") == 0 ? RELAY_SWALLOW : RELAY_FORWARD;
}

static enum relay_verdict handle_global_remove(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	if (message->object == life_of(session)->registry)
		output_removed(session, message->args[0].u);
	return RELAY_FORWARD;
}

static enum relay_verdict handle_bind(struct relay_message *message)
{
	struct session *session = relay_data(message->relay);
	struct relay_object *object = message->args[3].object;
	if (message->args[0].u == SHELL_GLOBAL)
		return RELAY_SWALLOW;
	if (strcmp(message->args[1].s, "wl_output") == 0)
		output_bound(session, object, message->args[0].u);
	else if (strcmp(message->args[1].s, "wl_seat") == 0 && !session->focus.seat.object)
		relay_ref_set(&session->focus.seat, object);
	return RELAY_FORWARD;
}

static const struct relay_hook session_hooks[] = {
	{"wl_display", "get_registry", handle_get_registry, RELAY_DOWN},
	{"wl_registry", "global", handle_global, RELAY_UP},
	{"wl_registry", "global_remove", handle_global_remove, RELAY_UP},
	{"wl_registry", "bind", handle_bind, RELAY_DOWN},
	{0},
};

static struct relay_hooks *all_hooks(void)
{
	static struct relay_hooks *hooks; /* of the process; never change */
	static const struct relay_hook *const tables[] = {session_hooks, buffer_hooks, masked_hooks,
		region_hooks, dnd_hooks, drag_source_hooks, focus_hooks, output_hooks,
		pointer_hooks, popup_hooks, role_hooks, selection_hooks, selection_offer_hooks,
		selection_source_hooks, surface_hooks, toplevel_hooks, viewport_hooks, NULL};
	if (!hooks)
		hooks = relay_hooks_create(tables);
	return hooks;
}

/* relay_ops.send */
static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct life *life = life_of(data);
	return wire_socket_send(&life->ends[to].socket, bytes, size, handles, n_handles);
}

static void handle_leaves(struct surface *surface)
{
	role_drop(surface);
	focus_forget(surface);
}

static const struct session_listener listener = {
	.scale_changed = wm_scale_changed,
	.window_known = wm_window_known,
	.hint_changed = wm_hint_changed,
	.surface_paired = wm_surface_paired,
	.surface_leaves = handle_leaves,
	.surface_commits = role_will_commit,
	.surface_moved = role_output_changed,
	.buttons_up = drag_source_buttons_up,
	.drag_named = drag_source_named,
	.drag_cancelled = drag_source_cancelled,
};

/* Its life */

static int handle_ack_timeout(void *data)
{
	role_acknowledge_late(data);
	return 0;
}

static bool handle_reading(void *data)
{
	const struct end *end = data;
	bool held = end->side == RELAY_UP && end->life->session.holding;
	return !held && !wire_socket_is_full(&end->life->ends[!end->side].socket);
}

static void handle_received(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct end *end = data;
	end->over |= relay_push(end->life->session.relay, end->side, bytes, size, handles,
			     n_handles) < 0;
}

static void handle_over(void *data)
{
	struct end *end = data;
	end->over = true;
}

static void handle_changed(void *data)
{
	/* life_settle comes in each round */
}

static const struct wire_socket_listener socket_listener = {
	.reading = handle_reading,
	.received = handle_received,
	.fds_lost = handle_over,
	.left = handle_over,
	.changed = handle_changed,
};

static bool start_end(struct life *life, enum relay_end side, int fd)
{
	if (wire_socket_start(&life->ends[side].socket, fd))
		return true;
	fd_close(&fd);
	return false;
}

static bool open_life(struct life *life, int up_fd, int down_fd)
{
	static const struct relay_ops ops = {.send = handle_send};
	struct session *session = &life->session;
	struct relay_hooks *hooks = all_hooks();
	if (hooks)
		session->relay = relay_create(hooks, &ops, session, "Xwayland", 0);
	bool up = start_end(life, RELAY_UP, up_fd), down = start_end(life, RELAY_DOWN, down_fd);
	session->hold_timer = wl_event_loop_add_timer(session->loop, session_hold_timeout, session);
	session->ack_timer = wl_event_loop_add_timer(session->loop, handle_ack_timeout, session);
	return up && down && session->relay && session->hold_timer && session->ack_timer;
}

struct life *life_create(
	struct wl_event_loop *loop, const struct session_settings *settings, int up_fd, int down_fd)
{
	struct life *life = calloc(1, sizeof(*life));
	if (!life) {
		fd_close(&up_fd);
		fd_close(&down_fd);
		return NULL;
	}
	struct session *session = &life->session;
	session->loop = loop;
	session->settings = settings;
	session->listener = &listener;
	session->scale = settings->scale ? settings->scale : SCALE_ONE;
	for (int i = 0; i < 2; i++) {
		struct end *end = &life->ends[i];
		*end = (struct end){.life = life, .side = i};
		wire_socket_init(&end->socket, loop, i == RELAY_UP ? "the compositor" : "Xwayland",
			SOCKET_BYTES, &socket_listener, end);
	}
	wl_list_init(&session->surfaces);
	wl_list_init(&session->outputs);
	wl_list_init(&session->readable);
	windows_init(&session->windows);
	replies_init(&session->replies, session);
	wl_list_init(&session->outgoing);
	wl_list_init(&session->incoming);
	wl_list_init(&session->requests);
	wl_list_init(&session->watches);
	if (selections_init(session) < 0 || dnd_init(session) < 0 ||
		drag_source_init(session) < 0 || !open_life(life, up_fd, down_fd)) {
		life_destroy(life);
		return NULL;
	}
	return life;
}

void life_destroy(struct life *life)
{
	if (!life)
		return;
	struct session *session = &life->session;
	outgoing_finish(session);
	incoming_finish(session);
	wm_disconnect(session);
	relay_destroy(session->relay);
	dnd_finish(session);
	drag_source_finish(session);
	selections_finish(session);
	outputs_finish(session);
	windows_finish(&session->windows);
	replies_finish(&session->replies);
	for (int i = 0; i < 2; i++)
		wire_socket_finish(&life->ends[i].socket);
	event_source_remove(&session->hold_timer);
	event_source_remove(&session->ack_timer);
	free(life);
}

int life_manage(struct life *life, int wm_fd)
{
	return wm_connect(&life->session, wm_fd);
}

const struct session *life_session(const struct life *life)
{
	return &life->session;
}

const char *life_settle(struct life *life, bool *more)
{
	static const char *const gone[] = {"Xwayland has ended", "the compositor has gone"};
	struct session *session = &life->session;
	if (session->x) {
		if (session->released)
			relay_push(session->relay, RELAY_UP, NULL, 0, NULL, 0);
		/* What it waited for may have gone, and the event with that. */
		if (session->released)
			session->holding = session->released = false;
		xcb_flush(session->x);
		/* Also where its socket was not reported: whatever reads, and that does a flush,
		 * too, may have queued events. The round that finds nothing is the last one. */
		*more |= wm_dispatch(session);
		if (xcb_connection_has_error(session->x))
			session->over = gone[RELAY_DOWN];
	}
	if (relay_failure(session->relay))
		session->over = relay_failure(session->relay);
	for (int i = 0; i < 2; i++) {
		struct end *end = &life->ends[i];
		wire_socket_flush(&end->socket);
		wire_socket_update(&end->socket, handle_reading(end));
		if ((end->over || end->socket.hung_up) && !session->over)
			session->over = gone[i];
	}
	return session->over;
}
