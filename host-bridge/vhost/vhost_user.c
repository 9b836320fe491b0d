/* The vhost-user backend: its frontend's connection, its rings, and when the device is called. */
#include "host-bridge/vhost/vhost_user_impl.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/confine/connector.h"
#include "host-bridge/vhost/frontend_listener.h"
#include "protocol/base/fd.h"

/* Served in one go before other events have their turn. */
#define MESSAGES_AT_ONCE 64

bool vhost_user_ring_ready(const struct vhost_user_ring *ring)
{
	bool needs_enable = ring->vu->features & (UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES);
	return ring->started && (ring->enabled || !needs_enable);
}

static void drop_kick(struct vhost_user_ring *ring)
{
	if (ring->kick_source)
		wl_event_source_remove(ring->kick_source);
	ring->kick_source = NULL;
	fd_close(&ring->kick_fd);
}

static int handle_kick(int fd, uint32_t mask, void *data)
{
	struct vhost_user_ring *ring = data;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	if (n > 0) {
		ring->pending = true;
		vhost_user_run(ring->vu);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		log_warn("queue %td will not be kicked any more", ring - ring->vu->rings);
		drop_kick(ring);
	}
	return 0;
}

int vhost_user_ring_start(struct vhost_user_ring *ring, int fd)
{
	struct vhost_user *vu = ring->vu;

	drop_kick(ring);
	if (fd >= 0) {
		ring->kick_source =
			wl_event_loop_add_fd(vu->loop, fd, WL_EVENT_READABLE, handle_kick, ring);
		if (!ring->kick_source) {
			close(fd);
			return -EINVAL;
		}
		ring->kick_fd = fd;
	} else {
		log_warn("queue %td has no kick: it is looked at when it is enabled, only",
			ring - vu->rings);
	}
	ring->started = true;
	if (vhost_user_ring_ready(ring)) {
		ring->pending = true;
		vu->start_pending |= !vu->running;
	}
	return 0;
}

void vhost_user_ring_stop(struct vhost_user_ring *ring)
{
	drop_kick(ring);
	virtqueue_pause(ring->queue);
	ring->started = false;
	ring->pending = false;
	ring->stopped = true;
	ring->stopped_at = virtqueue_base(ring->queue);
}

/*
 * A stop and a reset look alike until the restart: a driver that goes on does so at the old index,
 * a new one begins at 0. (A queue that stopped at index 0 after a multiple of 65536 requests is
 * taken for new, when all are at 0.)
 */
bool vhost_user_would_resume(const struct vhost_user *vu)
{
	bool resumed = false;
	if (!vu->dirty || vu->reset_pending)
		return false;
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		const struct vhost_user_ring *ring = &vu->rings[i];
		if (!ring->started || !ring->stopped)
			continue;
		if (ring->base != ring->stopped_at)
			return false;
		resumed |= ring->base != 0;
	}
	return resumed;
}

static void reset_device(struct vhost_user *vu)
{
	vu->reset_pending = false;
	vu->running = false;
	vu->broken = false;
	vu->dirty = false;
	vu->device->reset(vu->data);
}

static void start_device(struct vhost_user *vu)
{
	vu->start_pending = false;
	vu->resumed = vhost_user_would_resume(vu);
	if (vu->dirty && !vu->resumed)
		reset_device(vu);
	vu->running = true;
	vu->dirty = true;
	for (uint32_t i = 0; i < vu->device->n_queues; i++)
		vu->rings[i].pending = true;
	log_limited(&vu->log_limit, LOG_LEVEL_INFO, "the driver %s",
		vu->resumed ? "goes on" : "starts");
	vu->device->started(vu->data, vu->resumed);
}

static void process(struct vhost_user *vu, struct vhost_user_ring *ring)
{
	uint32_t index = (uint32_t)(ring - vu->rings);

	if (!vhost_user_running(vu) || !vhost_user_ring_ready(ring)) {
		ring->pending = false;
		return;
	}
	if (ring->stopped) {
		ring->stopped = false;
		virtqueue_resume(ring->queue, vu->resumed);
	}
	if (!ring->pending)
		return;
	ring->pending = false;
	if (!virtqueue_usable(ring->queue)) {
		vhost_user_stop(vu, "a ring is not in memory");
		return;
	}
	int result = vu->device->process(vu->data, index);
	if (result < 0)
		vhost_user_stop(vu, "a ring is broken");
	/* A ring that was stopped meanwhile has nothing more for us. */
	else if (result > 0)
		ring->pending = vhost_user_ring_ready(ring);
}

static bool work_is_pending(const struct vhost_user *vu)
{
	if (vu->lost || vu->reset_pending || vu->start_pending)
		return true;
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		if (vu->rings[i].pending)
			return true;
	}
	return false;
}

static void wake(struct vhost_user *vu)
{
	uint64_t one = 1;
	ssize_t n = write(vu->wake_fd, &one, sizeof(one));
	(void)n; /* an eventfd of ours: fails only when it is signalled already */
}

static void disconnect(struct vhost_user *vu);

/*
 * A frontend that cut its memory off under us is over, whatever its rings say: they are zeros.
 * False: so it is.
 */
static bool check_memory(struct vhost_user *vu)
{
	if (!vu->lost && guest_memory_truncated(vu->memory)) {
		log_err("the frontend has truncated its memory: its connection ends");
		vhost_user_lose(vu);
	}
	return !vu->lost;
}

void vhost_user_run(struct vhost_user *vu)
{
	if (!vu->busy && !vu->waiting) {
		vu->busy = true;
		check_memory(vu);
		if (vu->reset_pending && !vu->lost)
			reset_device(vu);
		if (vu->start_pending && !vu->lost)
			start_device(vu);
		for (uint32_t i = 0; i < vu->device->n_queues && !vu->lost; i++)
			process(vu, &vu->rings[i]);
		if (vu->lost)
			disconnect(vu);
		vu->busy = false;
	}
	if (work_is_pending(vu))
		wake(vu);
}

static int handle_wake(int fd, uint32_t mask, void *data)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
	vhost_user_run(data);
	return 0;
}

void vhost_user_lose(struct vhost_user *vu)
{
	vu->lost = true;
	vu->running = false;
}

static void say_why(struct vhost_user *vu, int error)
{
	const struct vhost_user_header *header = &vu->reader.message.header;

	if (error == -ECONNRESET && vu->reader.received == 0 && vu->reader.message.n_fds == 0)
		log_info("the frontend has left");
	else if (error == -ECONNRESET)
		log_warn("the frontend has left in the middle of a message");
	else if (error == -EPROTO)
		log_err("no message: request %u, flags %#x, %u bytes; or too many fds",
			header->request, header->flags, header->size);
	else
		log_err("frontend: %s", strerror(-error));
}

void vhost_user_serve(struct vhost_user *vu)
{
	for (int i = 0; i < MESSAGES_AT_ONCE && vu->socket >= 0 && check_memory(vu); i++) {
		struct vhost_user_message message;
		int result = vhost_user_receive(vu->socket, &vu->reader, &message);
		if (result == 0)
			return;
		if (result < 0) {
			say_why(vu, result);
			vhost_user_lose(vu);
		} else {
			vhost_user_handle(vu, &message);
			vhost_user_message_finish(&message);
		}
		vhost_user_run(vu);
	}
}

static int handle_socket(int fd, uint32_t mask, void *data)
{
	vhost_user_serve(data);
	return 0;
}

/* Everything that came from the frontend goes. */
static void disconnect(struct vhost_user *vu)
{
	wl_event_source_remove(vu->source);
	vu->source = NULL;
	vhost_user_reader_finish(&vu->reader);
	vhost_user_set_backend_socket(vu, -1);
	for (uint32_t i = 0; i < vu->device->n_queues; i++)
		vhost_user_ring_stop(&vu->rings[i]);
	reset_device(vu);
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		struct vhost_user_ring *ring = &vu->rings[i];
		virtqueue_reset(ring->queue);
		fd_close(&ring->error_fd);
		*ring = (struct vhost_user_ring){
			.vu = vu, .queue = ring->queue, .kick_fd = -1, .error_fd = -1};
	}
	guest_memory_clear(vu->memory);
	vu->device->memory_changed(vu->data);
	vu->features = 0;
	vu->protocol_features = 0;
	vu->start_pending = false;
	vu->lost = false;
	fd_close(&vu->socket);
}

/*
 * One that starts again at once may be here before the end of its old connection was read: it is
 * not to be told that the device is busy. False: somebody is there.
 */
static bool make_way(struct vhost_user *vu)
{
	struct pollfd pollfd = {.fd = vu->socket, .events = POLLRDHUP};

	if (vu->socket < 0)
		return true;
	if (vu->busy || vu->waiting)
		return false;
	if (!vu->lost && poll(&pollfd, 1, 0) <= 0)
		return false;
	if (!vu->lost)
		log_info("the frontend has left, the next one is here");
	disconnect(vu);
	return true;
}

int vhost_user_adopt(struct vhost_user *vu, int socket)
{
	struct ucred peer = {.uid = (uid_t)-1};
	int error = make_way(vu) ? connector_peer(socket, &peer) : -EBUSY;

	if (error == 0 && peer.uid != geteuid() && peer.uid != 0)
		error = -EPERM;
	if (error == 0) {
		vu->source = wl_event_loop_add_fd(
			vu->loop, socket, WL_EVENT_READABLE, handle_socket, vu);
		if (!vu->source)
			error = -ENOMEM;
	}
	if (error < 0) {
		close(socket);
		return error;
	}
	vu->socket = socket;
	log_info("frontend with pid %d", (int)peer.pid);
	return 0;
}

static void handle_accepted(void *data, int socket)
{
	struct vhost_user *vu = data;
	int error = vhost_user_adopt(vu, socket);
	if (error == -EBUSY)
		log_limited(&vu->log_limit, LOG_LEVEL_WARN,
			"a second frontend is refused: there is one already");
	else if (error == -EPERM)
		log_limited(
			&vu->log_limit, LOG_LEVEL_WARN, "a frontend of another user is refused");
	else if (error < 0)
		log_err("frontend: %s", strerror(-error));
}

static bool create_parts(struct vhost_user *vu)
{
	vu->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vu->wake_fd < 0)
		return false;
	vu->wake_source =
		wl_event_loop_add_fd(vu->loop, vu->wake_fd, WL_EVENT_READABLE, handle_wake, vu);
	vu->memory = guest_memory_create();
	if (!vu->wake_source || !vu->memory)
		return false;
	guest_memory_watch(vu->memory, vu->wake_fd);
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		vu->rings[i].queue = virtqueue_create(vu->memory);
		if (!vu->rings[i].queue)
			return false;
	}
	return true;
}

struct vhost_user *vhost_user_create(struct wl_event_loop *loop, const char *path, int fd,
	const struct vhost_user_device *device, void *data)
{
	assert(device->n_queues <= VHOST_USER_MAX_QUEUES);
	struct vhost_user *vu = calloc(1, sizeof(*vu));
	if (!vu) {
		fd_close(&fd);
		return NULL;
	}
	*vu = (struct vhost_user){
		.loop = loop,
		.device = device,
		.data = data,
		.wake_fd = -1,
		.socket = -1,
		.backend_socket = -1,
	};
	for (uint32_t i = 0; i < ARRAY_LENGTH(vu->rings); i++)
		vu->rings[i] = (struct vhost_user_ring){.vu = vu, .kick_fd = -1, .error_fd = -1};
	vhost_user_reader_init(&vu->reader);
	vhost_user_reader_init(&vu->backend_reader);
	signal(SIGPIPE, SIG_IGN);
	if (path || fd >= 0)
		vu->listener = frontend_listener_create(loop, path, fd, handle_accepted, vu);
	if ((path || fd >= 0) && !vu->listener) {
		vhost_user_destroy(vu);
		return NULL;
	}
	if (!create_parts(vu)) {
		log_err("start: %s", strerror(errno));
		vhost_user_destroy(vu);
		return NULL;
	}
	return vu;
}

void vhost_user_destroy(struct vhost_user *vu)
{
	if (!vu)
		return;
	if (vu->socket >= 0)
		disconnect(vu);
	if (vu->wake_source)
		wl_event_source_remove(vu->wake_source);
	frontend_listener_destroy(vu->listener);
	fd_close(&vu->wake_fd);
	for (uint32_t i = 0; i < ARRAY_LENGTH(vu->rings); i++)
		virtqueue_destroy(vu->rings[i].queue);
	guest_memory_destroy(vu->memory);
	free(vu);
}

struct virtqueue *vhost_user_queue(struct vhost_user *vu, uint32_t index)
{
	assert(index < vu->device->n_queues);
	return vu->rings[index].queue;
}

struct guest_memory *vhost_user_memory(struct vhost_user *vu)
{
	return vu->memory;
}

uint64_t vhost_user_features(const struct vhost_user *vu)
{
	return vu->features;
}

bool vhost_user_running(const struct vhost_user *vu)
{
	return vu->running && !vu->broken;
}

bool vhost_user_connected(const struct vhost_user *vu)
{
	return vu->socket >= 0;
}

void vhost_user_stop(struct vhost_user *vu, const char *why)
{
	uint64_t one = 1;
	if (vu->broken || !check_memory(vu))
		return;
	vu->broken = true;
	log_limited(&vu->log_limit, LOG_LEVEL_ERROR,
		"the device is stopped until the driver resets it: %s", why);
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		if (vu->rings[i].error_fd >= 0 &&
			write(vu->rings[i].error_fd, &one, sizeof(one)) < 0)
			log_debug("error event: %s", strerror(errno));
	}
}
