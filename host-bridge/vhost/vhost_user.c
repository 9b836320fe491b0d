/* The vhost-user backend: its frontend's connection, its rings, and when the device is called. */
#include "host-bridge/vhost/vhost_user.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host-bridge/display/connector.h"
#include "host-bridge/vhost/frontend_listener.h"
#include "host-bridge/vhost/vhost_user_messages.h"
#include "protocol/base/fd.h"
#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"

#define BIT(n) (UINT64_C(1) << (n))
/* Not BACKEND_SEND_FD: SHMEM_MAP itself says that it brings an fd, and some frontends do without.
 */
#define SHMEM_FEATURES                                                                             \
	(BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |           \
		BIT(VHOST_USER_PROTOCOL_F_SHMEM))

/* Messages that are handled before other events get their turn. */
#define MESSAGES_AT_ONCE 64

static void reset_device(struct vhost_user *vu)
{
	vu->reset_pending = false;
	vhost_user_set_running(vu, false);
	vu->broken = false;
	vu->dirty = false;
	/* Of maps that stay, those that we know of have to be those that there are. */
	backend_channel_cancel(vu->backend, vhost_user_keeps_maps(vu));
	vu->device->reset(vu->data);
}

static void start_device(struct vhost_user *vu)
{
	vu->start_pending = false;
	vu->resumed = vhost_user_would_resume(vu);
	if (vu->dirty && !vu->resumed)
		reset_device(vu);
	vhost_user_set_running(vu, true);
	vu->dirty = true;
	for (uint32_t i = 0; i < vu->device->n_queues; i++)
		vu->rings[i].pending = true;
	log_limited(LOG_LEVEL_INFO, "the driver %s", vu->resumed ? "goes on" : "starts");
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
	/* It may have been stopped meanwhile. */
	else if (result > 0)
		ring->pending = vhost_user_ring_ready(ring);
}

static bool work_is_pending(const struct vhost_user *vu)
{
	if (vu->failed || vu->reset_pending || vu->start_pending)
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
	(void)n; /* fails only when it is signalled already */
}

static void disconnect(struct vhost_user *vu);

/* The connection is over, for a reason that has been logged: run takes it down. */
static void fail(struct vhost_user *vu)
{
	vu->failed = true;
	vhost_user_set_running(vu, false);
}

/*
 * A frontend that has truncated its memory is disconnected: what we read there is zeros. False: it
 * is, or was already.
 */
static bool check_memory(struct vhost_user *vu)
{
	if (!vu->failed && guest_memory_truncated(vu->memory)) {
		log_err("the frontend has truncated its memory: its connection ends");
		fail(vu);
	}
	return !vu->failed;
}

/* Does what messages and kicks have left to be done. */
static void run(struct vhost_user *vu)
{
	check_memory(vu);
	if (vu->reset_pending && !vu->failed)
		reset_device(vu);
	if (vu->start_pending && !vu->failed)
		start_device(vu);
	for (uint32_t i = 0; i < vu->device->n_queues && !vu->failed; i++)
		process(vu, &vu->rings[i]);
	if (vu->failed)
		disconnect(vu);
	if (work_is_pending(vu))
		wake(vu);
}

static int handle_wake(int fd, uint32_t mask, void *data)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
	run(data);
	return 0;
}

static void say_why(struct vhost_user *vu, int error)
{
	const struct vhost_user_header *header = &vu->reader.message.header;

	if (error == -ECONNRESET && vu->reader.received == 0 && vu->reader.message.n_fds == 0)
		log_limited(LOG_LEVEL_INFO, "the frontend has left");
	else if (error == -ECONNRESET)
		log_warn("the frontend has left in the middle of a message");
	else if (error == -EPROTO)
		log_err("no message: request %u, flags %#x, %u bytes; or too many fds",
			header->request, header->flags, header->size);
	else
		log_err("frontend: %s", strerror(-error));
}

/* Serves the messages that have come. */
static int handle_socket(int fd, uint32_t mask, void *data)
{
	struct vhost_user *vu = data;

	for (int i = 0; i < MESSAGES_AT_ONCE && vu->socket >= 0 && check_memory(vu); i++) {
		struct vhost_user_message message;
		int result = vhost_user_receive(vu->socket, &vu->reader, &message);
		if (result == 0)
			break;
		if (result < 0) {
			say_why(vu, result);
			fail(vu);
		} else {
			if (vhost_user_handle(vu, &message) < 0)
				fail(vu);
			vhost_user_message_finish(&message);
		}
		run(vu);
	}
	return 0;
}

/* Drops the frontend and everything that came from it. */
static void disconnect(struct vhost_user *vu)
{
	wl_event_source_remove(vu->source);
	vu->source = NULL;
	vhost_user_reader_finish(&vu->reader);
	for (uint32_t i = 0; i < vu->device->n_queues; i++)
		vhost_user_ring_stop(&vu->rings[i]);
	backend_channel_set_socket(vu->backend, -1);
	reset_device(vu);
	vu->device->left(vu->data);
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
	vu->failed = false;
	fd_close(&vu->socket);
}

/*
 * A frontend that restarts may connect before we have read the end of its old connection; it must
 * not be told that the device is busy. False: another frontend is connected.
 */
static bool make_way(struct vhost_user *vu)
{
	struct pollfd pollfd = {.fd = vu->socket, .events = POLLRDHUP};

	if (vu->socket < 0)
		return true;
	if (!vu->failed && poll(&pollfd, 1, 0) <= 0)
		return false;
	if (!vu->failed)
		log_limited(LOG_LEVEL_INFO, "the frontend has left, the next one is here");
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
	log_limited(LOG_LEVEL_INFO, "frontend with pid %d", (int)peer.pid);
	return 0;
}

static void handle_accepted(void *data, int socket)
{
	struct vhost_user *vu = data;
	int error = vhost_user_adopt(vu, socket);
	if (error == -EBUSY)
		log_limited(LOG_LEVEL_WARN, "a second frontend is refused: there is one already");
	else if (error == -EPERM)
		log_limited(LOG_LEVEL_WARN, "a frontend of another user is refused");
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
	vu->backend = backend_channel_create(vu->loop);
	if (!vu->wake_source || !vu->memory || !vu->backend)
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
		.run = run,
		.wake_fd = -1,
		.socket = -1,
	};
	for (uint32_t i = 0; i < ARRAY_LENGTH(vu->rings); i++)
		vu->rings[i] = (struct vhost_user_ring){.vu = vu, .kick_fd = -1, .error_fd = -1};
	vhost_user_reader_init(&vu->reader);
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
	backend_channel_destroy(vu->backend);
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

bool vhost_user_running(const struct vhost_user *vu)
{
	return vu->running && !vu->broken;
}

bool vhost_user_keeps_maps(const struct vhost_user *vu)
{
	return !(vu->protocol_features & BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD));
}

void vhost_user_stop(struct vhost_user *vu, const char *why)
{
	uint64_t one = 1;
	if (vu->broken || !check_memory(vu))
		return;
	vu->broken = true;
	log_limited(LOG_LEVEL_ERROR, "the device is stopped until the driver resets it: %s", why);
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		if (vu->rings[i].error_fd >= 0 &&
			write(vu->rings[i].error_fd, &one, sizeof(one)) < 0)
			log_debug("error event: %s", strerror(errno));
	}
}

/* --- maps of our memory in the guest --- */

/* Whether a request may be made now, for this segment of region @map->shmid. */
static int check_map(const struct vhost_user *vu, const struct vhost_user_shmem_map *map)
{
	if ((vu->protocol_features & SHMEM_FEATURES) != SHMEM_FEATURES ||
		!backend_channel_is_there(vu->backend))
		return -ENOTSUP;
	if (!vu->running)
		return -EBUSY;
	if (map->shmid >= ARRAY_LENGTH(vu->device->shmem_sizes) || map->length == 0 ||
		!range_fits(map->shm_offset, map->length, vu->device->shmem_sizes[map->shmid]) ||
		map->shm_offset % PAGE_BYTES != 0 || map->length % PAGE_BYTES != 0 ||
		map->fd_offset % PAGE_BYTES != 0)
		return -EINVAL;
	return 0;
}

/* Whether the frontend, too, could map that: not a file that is open for reading, say. */
static int try_to_map(int fd, uint64_t offset, uint64_t length)
{
	void *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		(off_t)offset);
	int error = bytes == MAP_FAILED ? -errno : 0;

	if (error == 0)
		munmap(bytes, length);
	return error;
}

int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, void (*done)(void *data, int result), void *data)
{
	const struct vhost_user_shmem_map map = {
		.shmid = shmid,
		.fd_offset = fd_offset,
		.shm_offset = shm_offset,
		.length = length,
		.flags = VHOST_USER_SHMEM_WRITABLE,
	};
	int error = check_map(vu, &map);
	/* Where a map that fails ends the machine it must not be asked for. */
	if (error == 0 && vhost_user_keeps_maps(vu))
		error = try_to_map(fd, fd_offset, length);
	if (error < 0)
		return error;
	bool barrier = vu->protocol_features & BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
	return backend_channel_map(vu->backend, &map, fd, barrier, done, data);
}

int vhost_user_shmem_unmap(struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset,
	uint64_t length, void (*done)(void *data, int result), void *data)
{
	const struct vhost_user_shmem_map map = {
		.shmid = shmid,
		.shm_offset = shm_offset,
		.length = length,
	};
	int error = check_map(vu, &map);
	return error < 0 ? error : backend_channel_unmap(vu->backend, &map, done, data);
}
