/* Our requests to the frontend, one after the other. */
#include "host-bridge/vhost/backend_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"

#define SLOW_MS 2000 /* after which the log says that the frontend is slow */

struct backend_request {
	struct wl_list link; /* backend_channel::requests */
	uint32_t type;       /* SHMEM_MAP or SHMEM_UNMAP */
	struct vhost_user_shmem_map map;
	int fd; /* of a map, our own, until it has been sent; -1: none */
	bool barrier;
	backend_done_fn done; /* NULL: nobody wants to know (any more) */
	void *data;
};

struct backend_channel {
	struct wl_event_loop *loop;
	int socket; /* -1: none */
	struct wl_event_source *source;
	struct wl_event_source *timer;
	struct vhost_user_reader reader;
	bool open;
	struct wl_list requests; /* backend_request::link, the oldest first */
	/* Of the first request, once it has been sent: the answers that are still to come. */
	uint32_t awaited[2];
	size_t n_awaited;
	int result;
	bool said_slow;
	int error; /* of sending: the channel is given up at the next turn */
};

static void request_free(struct backend_request *request)
{
	wl_list_remove(&request->link);
	fd_close(&request->fd);
	free(request);
}

static void request_done(struct backend_request *request, int result)
{
	backend_done_fn done = request->done;
	void *data = request->data;
	request->done = NULL;
	if (done)
		done(data, result);
}

static struct backend_request *first_request(struct backend_channel *channel)
{
	struct backend_request *first;
	return wl_list_empty(&channel->requests)
		? NULL
		: wl_container_of(channel->requests.next, first, link);
}

/* Those at the time of the call; callbacks may ask for more. The one that has been sent stays. */
static void drop_requests(struct backend_channel *channel)
{
	struct backend_request *sent = channel->n_awaited > 0 ? first_request(channel) : NULL;
	struct wl_list cancelled;

	wl_list_init(&cancelled);
	wl_list_insert_list(&cancelled, &channel->requests);
	wl_list_init(&channel->requests);
	if (sent) {
		wl_list_remove(&sent->link);
		wl_list_insert(&channel->requests, &sent->link);
		request_done(sent, -ECONNRESET);
	}
	while (!wl_list_empty(&cancelled)) {
		struct backend_request *request = wl_container_of(cancelled.next, request, link);
		request_done(request, -ECONNRESET);
		request_free(request);
	}
}

void backend_channel_cancel(struct backend_channel *channel, bool keep)
{
	struct backend_request *request;

	if (!keep) {
		drop_requests(channel);
		return;
	}
	wl_list_for_each(request, &channel->requests, link) request_done(request, -ECONNRESET);
}

static void drop_socket(struct backend_channel *channel)
{
	if (channel->source)
		wl_event_source_remove(channel->source);
	channel->source = NULL;
	fd_close(&channel->socket);
	vhost_user_reader_finish(&channel->reader);
	vhost_user_reader_init(&channel->reader);
	if (channel->n_awaited > 0) {
		channel->n_awaited = 0;
		wl_event_source_timer_update(channel->timer, 0);
	}
	channel->said_slow = false;
	channel->error = 0;
	drop_requests(channel);
}

static void give_up(struct backend_channel *channel, int error)
{
	log_err("requests to the frontend: %s; no more are made", strerror(-error));
	drop_socket(channel);
}

static int send_message(struct backend_channel *channel, struct vhost_user_message *message)
{
	message->header.flags |= VHOST_USER_FLAG_NEED_REPLY;
	channel->awaited[channel->n_awaited++] = message->header.request;
	return vhost_user_send(channel->socket, message, 0);
}

/*
 * The frontend answers SHMEM_MAP before the guest can see the mapping, and loses what the guest
 * writes in between. It has committed it when it reads the next request: this one removes an object
 * that does not exist.
 */
static int send_barrier(struct backend_channel *channel)
{
	struct vhost_user_message message;
	vhost_user_message_init(
		&message, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, sizeof(message.payload.uuid));
	if (getrandom(message.payload.uuid, sizeof(message.payload.uuid), GRND_NONBLOCK) < 0)
		return -errno;
	return send_message(channel, &message);
}

/* Sends the next request, if the last one has been answered. */
static void send_next(struct backend_channel *channel)
{
	struct backend_request *request = first_request(channel);
	struct vhost_user_message message;

	if (!request || !channel->open || channel->n_awaited > 0 || channel->socket < 0)
		return;
	vhost_user_message_init(&message, request->type, sizeof(message.payload.shmem_map));
	message.payload.shmem_map = request->map;
	if (request->fd >= 0)
		message.fds[message.n_fds++] = request->fd;
	int error = send_message(channel, &message);
	fd_close(&request->fd);
	if (error == 0 && request->barrier)
		error = send_barrier(channel);
	channel->error = error;
	wl_event_source_timer_update(channel->timer, error < 0 ? 1 : SLOW_MS);
}

static int handle_timer(void *data)
{
	struct backend_channel *channel = data;
	if (channel->error < 0)
		give_up(channel, channel->error);
	else if (!channel->said_slow)
		log_warn("the frontend has not answered request %u for %d ms: what needs it waits",
			channel->awaited[0], SLOW_MS);
	channel->said_slow = channel->socket >= 0;
	return 0;
}

static void take_answer(struct backend_channel *channel, const struct vhost_user_message *message)
{
	struct backend_request *request = first_request(channel);

	if (channel->n_awaited == 0 || !(message->header.flags & VHOST_USER_FLAG_REPLY) ||
		message->header.request != channel->awaited[0] ||
		message->header.size < sizeof(message->payload.u64)) {
		give_up(channel, -EPROTO);
		return;
	}
	/* That of the barrier is always no: there is no such object. */
	if (message->header.request == request->type)
		channel->result = message->payload.u64 == 0 ? 0 : -EIO;
	channel->awaited[0] = channel->awaited[1];
	if (--channel->n_awaited > 0)
		return;
	wl_event_source_timer_update(channel->timer, 0);
	if (channel->said_slow)
		log_info("the frontend answers again");
	channel->said_slow = false;
	int result = channel->result;
	wl_list_remove(&request->link);
	wl_list_init(&request->link);
	request_done(request, result);
	request_free(request);
	send_next(channel);
}

static int handle_readable(int fd, uint32_t mask, void *data)
{
	struct backend_channel *channel = data;
	struct vhost_user_message message;
	int result;

	/* A callback may make requests, but changes the socket never. */
	while (channel->socket >= 0 &&
		(result = vhost_user_receive(channel->socket, &channel->reader, &message)) != 0) {
		if (result < 0) {
			give_up(channel, result);
			break;
		}
		vhost_user_message_finish(&message);
		take_answer(channel, &message);
	}
	return 0;
}

struct backend_channel *backend_channel_create(struct wl_event_loop *loop)
{
	struct backend_channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		return NULL;
	channel->loop = loop;
	channel->socket = -1;
	channel->timer = wl_event_loop_add_timer(loop, handle_timer, channel);
	vhost_user_reader_init(&channel->reader);
	wl_list_init(&channel->requests);
	if (!channel->timer) {
		free(channel);
		return NULL;
	}
	return channel;
}

void backend_channel_destroy(struct backend_channel *channel)
{
	if (!channel)
		return;
	drop_socket(channel);
	wl_event_source_remove(channel->timer);
	free(channel);
}

void backend_channel_set_socket(struct backend_channel *channel, int socket)
{
	drop_socket(channel);
	if (socket < 0)
		return;
	channel->source = wl_event_loop_add_fd(
		channel->loop, socket, WL_EVENT_READABLE, handle_readable, channel);
	if (!channel->source) {
		log_err("the frontend's socket for requests cannot be waited for");
		close(socket);
		return;
	}
	channel->socket = socket;
}

bool backend_channel_is_there(const struct backend_channel *channel)
{
	return channel->socket >= 0;
}

void backend_channel_set_open(struct backend_channel *channel, bool open)
{
	channel->open = open;
	send_next(channel);
}

static int add_request(struct backend_channel *channel, const struct backend_request *from, int fd)
{
	struct backend_request *request = malloc(sizeof(*request));
	if (!request)
		return -ENOMEM;
	*request = *from;
	request->fd = -1;
	if (fd >= 0) {
		request->fd = fd_dup(fd);
		if (request->fd < 0) {
			int error = request->fd;
			free(request);
			return error;
		}
	}
	wl_list_insert(channel->requests.prev, &request->link);
	return 0;
}

int backend_channel_map(struct backend_channel *channel, const struct vhost_user_shmem_map *map,
	int fd, bool barrier, backend_done_fn done, void *data)
{
	const struct backend_request request = {
		.type = VHOST_USER_BACKEND_SHMEM_MAP,
		.map = *map,
		.barrier = barrier,
		.done = done,
		.data = data,
	};
	int error = add_request(channel, &request, fd);
	if (error == 0)
		send_next(channel);
	return error;
}

int backend_channel_unmap(struct backend_channel *channel, const struct vhost_user_shmem_map *map,
	backend_done_fn done, void *data)
{
	const struct backend_request request = {
		.type = VHOST_USER_BACKEND_SHMEM_UNMAP,
		.map = *map,
		.done = done,
		.data = data,
	};
	int error = add_request(channel, &request, -1);
	if (error == 0)
		send_next(channel);
	return error;
}
