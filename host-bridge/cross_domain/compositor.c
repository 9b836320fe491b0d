/*
 * One guest client's connection to the host compositor.
 *
 * Towards the compositor there is an outbox (of its socket): above CONGESTED_BYTES what the guest
 * says waits in the relay, and our owner holds the guest back; a guest that ignores this ends its
 * connection when the relay's queue is full. Towards the guest there is no queue here: the
 * compositor is not read while the owner has no room.
 *
 * A compositor that is too busy to accept is asked again and again, however long it takes; what the
 * guest says meanwhile waits in the outbox.
 *
 * A connection always ends by end_connection(), which stops all traffic; closed() is then called
 * from the event loop, never from within a call of the owner's.
 */
#include "host-bridge/cross_domain/compositor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "host-bridge/attendant/attendant.h"
#include "host-bridge/display/compositor_place.h"
#include "host-bridge/policy/buffers/policy_layouts.h"
#include "host-bridge/policy/policy.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/wire/wire_socket.h"

#define LOG_MODULE "compositor"

#define CONGESTED_BYTES ((size_t)256 << 10)
#define CONGESTED_FDS 512 /* the queue takes BYTE_QUEUE_MAX_FDS */
#define OUTBOX_BYTES ((size_t)4 << 20)
#define NAME_BYTES 48
#define CONNECT_AGAIN_MS 10 /* twice as long each time */
#define CONNECT_AGAIN_MAX_MS 1000

struct compositor {
	struct policy_connection connection; /* relay_data() of the relay */
	char name[NAME_BYTES];
	const struct compositor_listener *listener;
	void *data;
	struct wl_event_loop *loop;
	struct wire_socket socket;     /* its fd is -1: not connected yet */
	struct wl_event_source *again; /* timer: the next attempt to connect; NULL: none is due */
	int again_ms, waited_ms;       /* before that attempt; before all that were made */
	bool wait_told;
	struct wl_event_source *idle; /* a call of handle_idle to come */
	struct relay *relay;
	struct relay_counters counted; /* what the policy's counters have of the relay's */
	uint64_t charged_objects, charged_bytes, charged_fds; /* to the machine's quota */
	bool was_congested; /* drained() is to be called when it is not any more */
	bool pushing;       /* what an end said is on its way through the relay */
	bool ended;
};

/* Whether the outbox is so full that the relay is to wait. */
static bool outbox_full(const struct compositor *compositor)
{
	return byte_queue_size(&compositor->socket.output) > CONGESTED_BYTES ||
		compositor->socket.output.n_fds > CONGESTED_FDS;
}

/* Whether what the guest says next would have to wait. */
static bool blocked(const struct compositor *compositor)
{
	return compositor->connection.held || compositor->connection.imports.waiting ||
		outbox_full(compositor);
}

static void push_waiting(struct compositor *compositor);

static void handle_idle(void *data)
{
	struct compositor *compositor = data;

	compositor->idle = NULL;
	if (compositor->ended) {
		compositor->listener->closed(compositor->data); /* may destroy us */
		return;
	}
	if (!compositor->was_congested || blocked(compositor))
		return;
	compositor->was_congested = false;
	push_waiting(compositor);
	if (!compositor->ended && (!compositor->was_congested || compositor->connection.held))
		compositor->listener->drained(compositor->data);
}

static void schedule_idle(struct compositor *compositor)
{
	if (!compositor->idle)
		compositor->idle =
			wl_event_loop_add_idle(compositor->loop, handle_idle, compositor);
}

static void end_connection(struct compositor *compositor)
{
	if (compositor->ended)
		return;
	compositor->ended = true;
	wire_socket_close(&compositor->socket);
	event_source_remove(&compositor->again);
	schedule_idle(compositor);
}

/* Has the loop watch for what is wanted now. */
static void update_source(struct compositor *compositor)
{
	if (compositor->ended)
		return;
	wire_socket_update(&compositor->socket, compositor->listener->has_room(compositor->data));
	if (compositor->socket.hung_up) {
		log_debug("%s: the compositor hung up", compositor->name);
		end_connection(compositor);
	}
}

/* Charges the machine for what this connection has now. 0, or the relay has failed. */
static int update_quota(struct compositor *compositor)
{
	struct vm_quota *quota = compositor->connection.policy->quota;
	uint64_t bytes = byte_queue_size(&compositor->socket.output) +
		relay_waiting_bytes(compositor->relay, RELAY_DOWN);

	quota_adjust(quota, QUOTA_FDS, &compositor->charged_fds, compositor->socket.output.n_fds);
	if (!quota_adjust(quota, QUOTA_OBJECTS, &compositor->charged_objects,
		    relay_counters(compositor->relay)->objects))
		policy_refuse(compositor->relay, QUOTA_OBJECTS);
	else if (!quota_adjust(quota, QUOTA_QUEUED_BYTES, &compositor->charged_bytes, bytes))
		policy_refuse(compositor->relay, QUOTA_QUEUED_BYTES);
	return relay_failure(compositor->relay) ? -EDQUOT : 0;
}

/*
 * Sends what the socket takes. A compositor that hung up may have left a wl_display.error behind:
 * reading goes on to its end of file, only what was to be sent is dropped.
 */
static void flush_output(struct compositor *compositor)
{
	if (compositor->ended || compositor->socket.fd < 0)
		return;
	wire_socket_flush(&compositor->socket);
	if (compositor->was_congested && !blocked(compositor))
		schedule_idle(compositor);
	update_source(compositor);
	if (compositor->relay)
		update_quota(compositor);
}

/* @n more fds are to wait for the compositor. 0, or the relay has failed. */
static int charge_fds(struct compositor *compositor, size_t n)
{
	if (quota_adjust(compositor->connection.policy->quota, QUOTA_FDS, &compositor->charged_fds,
		    compositor->socket.output.n_fds + n))
		return 0;
	policy_refuse(compositor->relay, QUOTA_FDS);
	return -EDQUOT;
}

static int send_up(struct compositor *compositor, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	int status = charge_fds(compositor, n_handles);

	if (status == 0)
		status = wire_socket_send(&compositor->socket, bytes, size, handles, n_handles);
	else
		wire_handles_drop(handles, n_handles);
	if (status == -ENOBUFS)
		relay_fail(compositor->relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"the host compositor does not read");
	if (blocked(compositor))
		compositor->was_congested = true;
	if (!compositor->pushing) /* on behalf of another connection: nobody flushes */
		update_source(compositor);
	return status;
}

static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct compositor *compositor = data;

	if (to == RELAY_DOWN)
		return compositor->listener->to_guest(
			compositor->data, bytes, size, handles, n_handles);
	return send_up(compositor, bytes, size, handles, n_handles);
}

static bool handle_allow_global(void *data, const struct interface *interface, uint32_t *version)
{
	struct compositor *compositor = data;

	return policy_allow_global(compositor->connection.policy, interface, version);
}

static bool handle_ready(void *data, enum relay_end to)
{
	const struct compositor *compositor = data;
	return to == RELAY_DOWN ||
		(!compositor->connection.imports.waiting && !outbox_full(compositor));
}

static const struct relay_ops relay_ops = {
	.send = handle_send,
	.ready = handle_ready,
	.allow_global = handle_allow_global,
};

/* Adds what the relay did since the last time to the policy's counters. */
static void update_counters(struct compositor *compositor)
{
	struct policy_counters *sum = compositor->connection.policy->counters;
	const struct relay_counters *now = relay_counters(compositor->relay);

	for (size_t end = 0; end < ARRAY_LENGTH(now->messages); end++) {
		sum->messages[end] += now->messages[end] - compositor->counted.messages[end];
		sum->bytes[end] += now->bytes[end] - compositor->counted.bytes[end];
	}
	sum->objects += now->objects - compositor->counted.objects;
	compositor->counted = *now;
}

/* What came from @from goes through the relay, which takes the handles. 0 or -errno. */
static int push(struct compositor *compositor, enum relay_end from, const uint8_t *bytes,
	size_t size, struct wire_handle *handles, size_t n_handles)
{
	if (from == RELAY_DOWN)
		compositor->connection.held = false;
	compositor->connection.n_pieces = 0;
	compositor->pushing = true;
	int status = relay_push(compositor->relay, from, bytes, size, handles, n_handles);
	compositor->pushing = false;
	update_counters(compositor);
	compositor->was_congested |=
		compositor->connection.held || compositor->connection.imports.waiting;
	if (from == RELAY_UP && compositor->was_congested && !blocked(compositor))
		schedule_idle(compositor); /* what waited for that may go on */
	return status < 0 ? status : update_quota(compositor);
}

/* The relay or an end of it failed: says why, and ends. */
static void fail_connection(struct compositor *compositor, int status)
{
	const char *why = relay_failure(compositor->relay);

	log_limited(LOG_LEVEL_WARN, "%s: connection ended: %s", compositor->name,
		why ? why : strerror(-status));
	end_connection(compositor);
}

/* Goes on with what the guest has said and the compositor did not take yet. */
static void push_waiting(struct compositor *compositor)
{
	int status = push(compositor, RELAY_DOWN, NULL, 0, NULL, 0);
	if (status < 0)
		fail_connection(compositor, status);
	flush_output(compositor);
}

/* wire_socket_listener */

static bool handle_reading(void *data)
{
	const struct compositor *compositor = data;

	return !compositor->ended && compositor->listener->has_room(compositor->data);
}

static void handle_received(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct compositor *compositor = data;
	int status = push(compositor, RELAY_UP, bytes, size, handles, n_handles);

	if (status < 0)
		fail_connection(compositor, status);
}

static void handle_fds_lost(void *data)
{
	fail_connection(data, -EMSGSIZE);
}

static void handle_left(void *data)
{
	/* What it has said is read when the guest has room. */
}

static void handle_changed(void *data)
{
	flush_output(data);
}

static const struct wire_socket_listener socket_listener = {
	.reading = handle_reading,
	.received = handle_received,
	.fds_lost = handle_fds_lost,
	.left = handle_left,
	.changed = handle_changed,
};

static int handle_again(void *data);

/* Sets the timer for the next attempt. False: memory is short. */
static bool connect_later(struct compositor *compositor)
{
	if (!compositor->again)
		compositor->again =
			wl_event_loop_add_timer(compositor->loop, handle_again, compositor);
	compositor->again_ms = compositor->again_ms == 0
		? CONNECT_AGAIN_MS
		: (int)min_u64((uint64_t)2 * compositor->again_ms, CONNECT_AGAIN_MAX_MS);
	if (!compositor->wait_told)
		compositor->waited_ms += compositor->again_ms;
	return compositor->again &&
		wl_event_source_timer_update(compositor->again, compositor->again_ms) == 0;
}

static const char *why_not(int error)
{
	if (error == -EAGAIN)
		return "it is too busy to accept";
	if (error == -EPROTONOSUPPORT)
		return "it has no security contexts, and security-context = require asks for one";
	return strerror(-error);
}

static const char *place_of(const char *path)
{
	return path[0] ? path : "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY";
}

/* Says once that the compositor is waited for. */
static void note_waiting(struct compositor *compositor, const char *path, int error)
{
	if (compositor->wait_told ||
		compositor->waited_ms < compositor->connection.policy->connect_told_ms)
		return;
	compositor->wait_told = true;
	log_limited(LOG_LEVEL_INFO,
		"%s: no connection to the compositor at %s yet: %s; it is tried again",
		compositor->name, place_of(path), why_not(error));
}

/*
 * One attempt. 0: connected, or there will be another one, since so many wait to be accepted that
 * there is no room for us (no event tells when there is); or -errno.
 */
static int try_connect(struct compositor *compositor)
{
	char path[COMPOSITOR_PATH_BYTES];
	int fd = compositor_open_socket(compositor->connection.policy->wayland_display, path);

	bool later = fd == -EAGAIN || fd == -EMFILE || fd == -ENFILE;
	if (later) {
		note_waiting(compositor, path, fd);
		if (connect_later(compositor))
			return 0;
	}
	event_source_remove(&compositor->again);
	if (fd >= 0) {
		compositor_note(path);
		attendant_note_display(compositor->connection.policy->attendant, path);
		if (wire_socket_start(&compositor->socket, fd))
			return 0;
		fd_close(&fd);
		return -ENOMEM;
	}
	log_limited(LOG_LEVEL_ERROR, "%s: no compositor at %s: %s", compositor->name,
		place_of(path), why_not(fd));
	return fd;
}

static int handle_again(void *data)
{
	struct compositor *compositor = data;
	int status = try_connect(compositor);

	if (status < 0) {
		relay_fail(compositor->relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"there is no connection to the host compositor");
		fail_connection(compositor, status);
	}
	flush_output(compositor);
	return 0;
}

struct compositor *compositor_connect(struct wl_event_loop *loop, const struct policy *policy,
	const uint64_t *turn_ends_ns, const char *name, const struct compositor_listener *listener,
	void *data)
{
	struct compositor *compositor = calloc(1, sizeof(*compositor));

	if (!compositor)
		return NULL;
	snprintf(compositor->name, sizeof(compositor->name), "%s", name);
	compositor->connection.policy = policy_ref(policy);
	compositor->connection.name = compositor->name;
	compositor->connection.loop = loop;
	compositor->connection.turn_ends_ns = turn_ends_ns;
	compositor->listener = listener;
	compositor->data = data;
	compositor->loop = loop;
	wire_socket_init(&compositor->socket, loop, compositor->name, OUTBOX_BYTES,
		&socket_listener, compositor);
	if (try_connect(compositor) < 0)
		goto fail;
	compositor->relay = relay_create(
		policy->hooks, &relay_ops, compositor, compositor->name, policy->max_objects);
	if (!compositor->relay)
		goto fail;
	policy->counters->connections++;
	update_source(compositor);
	return compositor;

fail:
	compositor_destroy(compositor);
	return NULL;
}

void compositor_destroy(struct compositor *compositor)
{
	if (!compositor)
		return;
	/* A client's last requests before it exits count, as they do on a socket of its own. */
	wire_socket_flush(&compositor->socket);
	event_source_remove(&compositor->again);
	event_source_remove(&compositor->idle);
	const struct policy *policy = compositor->connection.policy;
	policy->counters->objects -= compositor->counted.objects;
	quota_release(policy->quota, QUOTA_OBJECTS, compositor->charged_objects);
	quota_release(policy->quota, QUOTA_QUEUED_BYTES, compositor->charged_bytes);
	quota_release(policy->quota, QUOTA_FDS, compositor->charged_fds);
	relay_destroy(compositor->relay);
	policy_unref(policy);
	wire_socket_finish(&compositor->socket);
	free(compositor);
}

int compositor_from_guest(struct compositor *compositor, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	if (compositor->ended) { /* the guest does not know yet */
		wire_handles_drop(handles, n_handles);
		return 0;
	}
	int status = push(compositor, RELAY_DOWN, bytes, size, handles, n_handles);
	if (status < 0)
		fail_connection(compositor, status);
	return status;
}

bool compositor_holds(const struct compositor *compositor)
{
	return compositor->connection.held && !compositor->ended;
}

void compositor_continue(struct compositor *compositor)
{
	push_waiting(compositor);
}

void compositor_flush(struct compositor *compositor)
{
	flush_output(compositor);
}

bool compositor_congested(const struct compositor *compositor)
{
	return compositor->was_congested || blocked(compositor);
}

void compositor_resume(struct compositor *compositor)
{
	update_source(compositor);
}

uint32_t compositor_layouts(const struct compositor *compositor, uint32_t format, uint64_t *out)
{
	return policy_layouts_get(&compositor->connection.imports.layouts, format, out);
}
