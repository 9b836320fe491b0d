/*
 * One client and its connection to the host.
 *
 * Callbacks (of its socket, the channel, a pipe) only move bytes and note what they saw. settle(),
 * a task of the turn (TURN_CLIENT), then sends what was queued, stops and resumes reading, and ends
 * the client where that is due.
 *
 *   SERVED --it hung up--> LINGERING (pipes that it filled are still read) --> GONE
 *   SERVED --error, or the host is gone--> CLOSING (the last events are still sent) --> GONE
 *
 * Nothing more is read from a client that is CLOSING: see refusal_stop_reading.
 */
#include "guest-proxy/clients/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/admission/fd_room.h"
#include "guest-proxy/admission/refusal.h"
#include "guest-proxy/connection/transfer.h"
#include "guest-proxy/dmabuf/dmabuf_state.h"
#include "guest-proxy/globals/registry.h"
#include "guest-proxy/windows/idle_trim.h"
#include "guest-proxy/windows/swapchain.h"
#include "protocol/base/bytes.h"
#include "protocol/base/event_source.h"
#include "protocol/base/fd.h"
#include "protocol/wire/wire_socket.h"

#define LOG_MODULE "client"
#include "protocol/base/log.h"

#define HOST_FDS 16                 /* are left for what comes from the host meanwhile */
#define EVENTS_BYTES (4 << 20)      /* queued for a client; more, and it is ended */
#define PIPES_PAUSE_BYTES (8 << 20) /* wait for pipes: the host is asked for no more */
#define COPY_WAIT_TURNS 16          /* of a millisecond each */
#define CLOSING_MS 1000
#define LINGER_MS 1000 /* looked after so often */
/* Of them nothing moves: then who waits is told of in the log; then a pipe is taken to be
 * forgotten. */
#define LINGER_ROUNDS_TOLD 5
#define LINGER_ROUNDS_IDLE 60

enum client_state {
	CLIENT_SERVED,
	CLIENT_LINGERING,
	CLIENT_CLOSING,
	CLIENT_GONE,
};

struct client {
	struct connection base; /* the relay's data */
	struct wl_list link;    /* client_shared::list */
	struct client_shared *shared;
	enum client_state state;
	char name[40]; /* "client 3, pid 77" */

	struct wire_socket socket;
	bool starved; /* what it says is not read: there are too few fds for what may come along */
	struct wl_event_source *retry; /* the end of that */
	const char *closed;            /* why the channel is over; NULL: it is not */
	bool error_sent;               /* the client has been told why it ends */
	bool paused;                   /* the host is asked for no more events */

	struct turn_task settle_task;
	struct wl_event_source *deadline;
	struct idle_trim trim;
	uint64_t lingered_bytes; /* how far it had come a round ago */
	unsigned idle_rounds;    /* nothing has moved since */
};

static void wake(struct connection *connection);

/* Ends all that is on the way to the host; what remains is the queue of events to the client. */
static void drop_host(struct client *client)
{
	struct connection *base = &client->base;

	base->ending = true;
	connection_finish(base);
	counters_add(&client->shared->past, base);
	counters_bury(&client->shared->past);
	base->frames = base->shared_frames = base->copied_bytes = base->copy_pauses = 0;
	base->dmabufs = base->dmabufs_refused = base->dmabuf_waits = 0;
	base->explicit_frames = base->explicit_waits = 0;
	transfers_destroy(base->transfers);
	base->transfers = NULL;
	relay_destroy(base->relay);
	base->relay = NULL;
	dmabuf_state_destroy(base->dmabuf);
	base->dmabuf = NULL;
	swapchain_finish_retired(base);
	channel_destroy(base->channel);
	base->channel = NULL;
}

void client_destroy(struct client *client)
{
	drop_host(client);
	wire_socket_finish(&client->socket);
	turn_task_finish(&client->settle_task);
	idle_trim_finish(&client->trim);
	event_source_remove(&client->deadline);
	event_source_remove(&client->retry);
	wl_list_remove(&client->link);
	client->shared->count--;
	free(client);
}

/* Whether @message, a whole one, is wl_display.error: the compositor's or ours. */
static bool is_display_error(const uint8_t *message)
{
	struct wire_header header;
	return wire_header_decode(message, &header) == 0 && header.id == WIRE_DISPLAY_ID &&
		header.opcode == WL_DISPLAY_ERROR;
}

static bool has_fd(const struct wire_handle *handles, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (handles[i].kind == WIRE_FD || handles[i].kind == WIRE_WRITE_PIPE)
			return true;
	return false;
}

/* relay_ops.send */
static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct client *client = container_of((struct connection *)data, struct client, base);
	int result = -EPROTO;

	if (to == RELAY_UP && !has_fd(handles, n_handles)) {
		result = channel_send(client->base.channel, bytes, size, handles, n_handles);
		client->base.lost |= result < 0;
		return result;
	}
	if (to == RELAY_DOWN) {
		client->error_sent |= is_display_error(bytes);
		result = wire_socket_send(&client->socket, bytes, size, handles, n_handles);
	} else {
		wire_handles_drop(handles, n_handles);
	}
	if (result == -EPROTO)
		relay_fail(client->base.relay, NULL, WL_DISPLAY_ERROR_IMPLEMENTATION,
			"a file descriptor that cannot leave the guest");
	else if (result == -ENOBUFS)
		log_limited(LOG_LEVEL_WARN, "%s does not read its events", client->name);
	return result;
}

static const struct relay_ops relay_ops = {
	.send = handle_send,
	.allow_global = registry_allows,
	.defers = true,
};

static bool reading(const struct client *client)
{
	return client->state == CLIENT_SERVED && !client->socket.hung_up && !client->base.lost &&
		!client->closed && !client->base.held && !client->starved &&
		!relay_failure(client->base.relay) && !relay_stopped(client->base.relay) &&
		channel_ready(client->base.channel) && !wire_socket_is_full(&client->socket);
}

static int handle_retry(void *data)
{
	struct client *client = data;
	client->starved = false;
	wake(&client->base);
	return 0;
}

/* It is read on a little later, when others may have closed some. */
static void wait_for_fds(struct client *client)
{
	if (!client->retry)
		client->retry = wl_event_loop_add_timer(client->shared->loop, handle_retry, client);
	client->starved =
		client->retry && wl_event_source_timer_update(client->retry, FD_ROOM_RETRY_MS) == 0;
}

/*
 * Whether a client that has ended is waited for once more: bytes have moved, or somebody is slow
 * with those that are left. That may take as long as it takes; but a pipe that nobody writes to and
 * nobody closes does not keep its client for ever. Nobody knows whether its writer has been
 * stopped, and what came of it is a part that looks like the whole: so it has plenty of time.
 */
static bool still_lingers(struct client *client)
{
	struct connection *base = &client->base;
	uint64_t owed = channel_owed_bytes(base->channel);
	uint64_t progress = transfers_moved_bytes(base->transfers) - owed;
	bool moved = progress != client->lingered_bytes;

	client->lingered_bytes = progress;
	if (moved || client->starved || owed > 0 || !channel_ready(base->channel) ||
		reading(client) || transfers_busy(base->transfers)) {
		client->idle_rounds = 0;
		return true;
	}
	if (transfers_count(base->transfers) == 0)
		return false;
	if (++client->idle_rounds == LINGER_ROUNDS_TOLD)
		log_limited(LOG_LEVEL_INFO,
			"%s has ended, but not the pipes it copies through: they are waited for",
			client->name);
	return client->idle_rounds < LINGER_ROUNDS_IDLE;
}

static int handle_deadline(void *data)
{
	struct client *client = data;
	if (client->state == CLIENT_SERVED && !client->socket.unread)
		return 0;
	if (client->state != CLIENT_CLOSING && client->base.transfers && still_lingers(client)) {
		wl_event_source_timer_update(client->deadline, LINGER_MS);
		return 0;
	}
	if (client->base.transfers && transfers_count(client->base.transfers) > 0)
		log_limited(LOG_LEVEL_WARN,
			"%s has ended, but not the pipes it copies through: they are closed",
			client->name);
	client->state = CLIENT_GONE;
	wake(&client->base);
	return 0;
}

static void set_state(struct client *client, enum client_state state, int deadline_ms)
{
	client->state = state;
	if (!client->deadline)
		client->deadline =
			wl_event_loop_add_timer(client->shared->loop, handle_deadline, client);
	if (client->deadline)
		wl_event_source_timer_update(client->deadline, deadline_ms);
	else
		client->state = CLIENT_GONE;
}

/* wire_socket_listener */

static bool handle_reading(void *data)
{
	struct client *client = data;
	if (!reading(client))
		return false;
	if (fd_room(client->socket.fd, FD_MESSAGE_MAX + HOST_FDS))
		return true;
	wait_for_fds(client);
	return false;
}

static void handle_requests(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct client *client = data;
	if (n_handles > 0)
		fd_room_note(handles[n_handles - 1].fd);
	relay_push(client->base.relay, RELAY_DOWN, bytes, size, handles, n_handles);
}

static void handle_fds_lost(void *data)
{
	struct client *client = data;
	relay_fail(client->base.relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
		"more file descriptors at once than there is room for");
}

static void handle_left(void *data)
{
	struct client *client = data;
	if (client->state == CLIENT_SERVED)
		set_state(client, CLIENT_SERVED, LINGER_MS);
}

static void handle_changed(void *data)
{
	struct client *client = data;
	wake(&client->base);
}

static const struct wire_socket_listener socket_listener = {
	.reading = handle_reading,
	.received = handle_requests,
	.fds_lost = handle_fds_lost,
	.left = handle_left,
	.changed = handle_changed,
};

/* Makes an fd of the guest's from @handle, which stands for one of the host's. -errno. */
static int adapt_handle(struct client *client, struct wire_handle *handle)
{
	int fd;
	if (handle->kind == WIRE_BLOB) {
		struct channel_blob *blob = handle->blob;
		fd = fd_memfd_constant("wayferry", blob->map, blob->size);
	} else if (handle->kind == WIRE_WRITE_PIPE) {
		fd = transfers_open_write_pipe(client->base.transfers, handle->id);
	} else {
		return -EPROTO;
	}
	wire_handle_finish(handle);
	if (fd < 0)
		return fd;
	*handle = wire_handle_fd(fd);
	return 0;
}

/* channel_listener */

static void handle_receive(void *data, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct client *client = data;
	int result =
		client->state == CLIENT_SERVED && !relay_failure(client->base.relay) ? 0 : -EPIPE;

	for (size_t i = 0; i < n_handles && result == 0; i++)
		result = adapt_handle(client, &handles[i]);
	if (result == 0)
		result = relay_push(client->base.relay, RELAY_UP, bytes, size, handles, n_handles);
	else
		wire_handles_drop(handles, n_handles);
	if (result < 0 && client->state == CLIENT_SERVED && !relay_failure(client->base.relay))
		relay_fail(client->base.relay, NULL, WL_DISPLAY_ERROR_NO_MEMORY,
			"the host's events cannot be delivered: %s", strerror(-result));
	wake(&client->base);
}

static void handle_pipe_data(
	void *data, uint32_t pipe_id, const void *bytes, size_t size, bool hang_up)
{
	struct client *client = data;
	if (client->base.transfers)
		transfers_pipe_data(client->base.transfers, pipe_id, bytes, size, hang_up);
	wake(&client->base);
}

static void handle_blobs(void *data)
{
	struct client *client = data;
	struct connection *base = &client->base;
	if (base->memory_due) {
		base->memory_due = base->held = false;
		base->resume = true;
	}
	wake(base);
}

static void handle_closed(void *data, const char *why)
{
	struct client *client = data;
	client->closed = why ? why : "the host's compositor closed the connection";
	wake(&client->base);
}

static void handle_clock(void *data, uint32_t clock_id, uint64_t host_ns, uint64_t asked_ns)
{
	struct client *client = data;
	host_clocks_answered(client->base.clocks, clock_id, host_ns, asked_ns);
}

static const struct channel_listener channel_listener = {
	.receive = handle_receive,
	.pipe_data = handle_pipe_data,
	.blobs = handle_blobs,
	.ready = handle_changed,
	.clock = handle_clock,
	.closed = handle_closed,
};

/* The task of the turn */

/* Tells a client why it ends where nobody else has: it would see the end of a file alone. */
static void send_error(struct client *client, const char *text)
{
	uint8_t message[WIRE_DISPLAY_ERROR_BYTES];
	size_t size = wire_encode_display_error(message, WL_DISPLAY_ERROR_IMPLEMENTATION, text);

	/* What is queued is no more than half a message at its start: this comes behind the rest.
	 */
	wire_socket_send(&client->socket, message, size, NULL, 0);
}

/* Whether the client leaves CLIENT_SERVED, and how. */
static void decide(struct client *client)
{
	struct connection *base = &client->base;
	const char *failure = relay_failure(base->relay);

	if (failure || base->lost || client->closed) {
		if (!failure)
			failure = client->closed ? client->closed : "the host is gone";
		log_limited(LOG_LEVEL_WARN, "%s: %s", client->name, failure);
		if (!client->error_sent)
			send_error(client, failure);
		drop_host(client);
		refusal_stop_reading(client->socket.fd);
		set_state(client, CLIENT_CLOSING, CLOSING_MS);
	} else if (client->socket.hung_up) {
		log_debug("%s hung up", client->name);
		wire_socket_close(&client->socket);
		set_state(client, CLIENT_LINGERING, LINGER_MS);
	}
}

/*
 * What a client says before it commits a frame goes along with that commit, once it is copied: the
 * host does next to nothing about it before, and it is one submission. It does not wait for long,
 * nor where the host has commits to show, or would have to wait for it before it may speak.
 */
static bool waits_for_copy(const struct client *client)
{
	const struct connection *base = &client->base;
	return client->state == CLIENT_SERVED && !client->socket.hung_up && base->held_turns > 0 &&
		base->held_turns <= COPY_WAIT_TURNS && !base->committed &&
		channel_listens(base->channel);
}

/*
 * What the client has said goes to the host before its buffers come back; but what the host has
 * said does not wait for a submission that only asks for more.
 */
static void flush_host(struct client *client)
{
	struct connection *base = &client->base;
	if (base->channel && !channel_has_output(base->channel))
		wire_socket_flush(&client->socket);
	if (!base->channel || base->lost || client->closed || waits_for_copy(client))
		return;
	base->lost |= channel_flush(base->channel) < 0;
	base->committed = false;
}

/* Stops and resumes what the host sends and what is read from pipes, by what is queued now. */
static void update_flow(struct client *client)
{
	struct connection *base = &client->base;
	if (!base->channel || base->lost || client->closed)
		return;
	bool paused = wire_socket_is_full(&client->socket) ||
		transfers_queued_bytes(base->transfers) > PIPES_PAUSE_BYTES;
	if (paused != client->paused)
		channel_pause(base->channel, paused);
	client->paused = paused;
	transfers_set_reading(base->transfers, channel_ready(base->channel));
	idle_trim_update(&client->trim);
}

static void settle(void *data)
{
	struct client *client = data;

	if (client->base.resume && client->state == CLIENT_SERVED) {
		client->base.resume = false;
		relay_push(client->base.relay, RELAY_DOWN, NULL, 0, NULL, 0);
		if (!client->base.held)
			client->base.held_turns = 0;
	}
	flush_host(client);
	if (client->state == CLIENT_SERVED)
		decide(client);
	wire_socket_flush(&client->socket);
	if (client->state == CLIENT_CLOSING && wire_socket_is_empty(&client->socket))
		client->state = CLIENT_GONE;
	if (client->state == CLIENT_LINGERING &&
		(client->base.lost || client->closed ||
			(transfers_count(client->base.transfers) == 0 &&
				channel_owed_bytes(client->base.channel) == 0)))
		client->state = CLIENT_GONE;
	if (client->state == CLIENT_GONE) {
		client_destroy(client);
		return;
	}
	update_flow(client);
	wire_socket_update(&client->socket, reading(client));
}

static void wake(struct connection *connection)
{
	struct client *client = container_of(connection, struct client, base);
	turn_ask(&client->shared->gpu->turn, &client->settle_task);
}

/* Start and end */

static bool client_connect(struct client *client, int fd)
{
	struct connection *base = &client->base;
	struct client_shared *shared = client->shared;

	base->channel = channel_create(shared->gpu, &channel_listener, client);
	if (!base->channel)
		return false;
	base->transfers = transfers_create(base);
	base->dmabuf = dmabuf_state_create();
	base->relay = relay_create(shared->hooks, &relay_ops, base, client->name, 0);
	return base->transfers && base->dmabuf && base->relay &&
		wire_socket_start(&client->socket, fd);
}

struct client *client_create(struct client_shared *shared, int fd, uint64_t number)
{
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	snprintf(client->name, sizeof(client->name), "client %" PRIu64 ", pid %d", number,
		(int)peer.pid);
	client->shared = shared;
	connection_init(&client->base, &shared->gpu->turn);
	client->base.name = client->name;
	client->base.loop = shared->loop;
	client->base.gpu = shared->gpu;
	client->base.wake = wake;
	client->base.clocks = &shared->clocks;
	idle_trim_init(&client->trim, &client->base);
	wire_socket_init(&client->socket, shared->loop, client->name, EVENTS_BYTES,
		&socket_listener, client);
	turn_task_init(&client->settle_task, TURN_CLIENT, settle, client);
	wl_list_insert(&shared->list, &client->link);
	shared->count++;
	if (client_connect(client, fd)) {
		log_debug("%s connected", client->name);
		return client;
	}
	client_destroy(client);
	return NULL;
}

struct client *client_at(struct wl_list *link)
{
	struct client *client;
	return wl_container_of(link, client, link);
}

bool client_lingers(const struct client *client)
{
	return client->state == CLIENT_LINGERING || client->socket.hung_up || client->socket.unread;
}

const struct connection *client_connection(const struct client *client)
{
	return &client->base;
}
