/* The requests of a vhost-user frontend, each with its handler. */
#include "host-bridge/vhost/vhost_user_messages.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "protocol/base/fd.h"
#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"

#define BIT(n) (UINT64_C(1) << (n))

static_assert(VIRTQUEUE_MAX_SIZE == 1024, "said to users below");

static uint64_t offered_features(const struct vhost_user *vu)
{
	return vu->device->features | BIT(VHOST_USER_F_PROTOCOL_FEATURES) |
		BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) |
		BIT(VIRTIO_RING_F_INDIRECT_DESC);
}

static unsigned count_shmem_regions(const struct vhost_user *vu)
{
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(vu->device->shmem_sizes); i++)
		n += vu->device->shmem_sizes[i] != 0;
	return n;
}

/* Never CONFIGURE_MEM_SLOTS: with it a reboot of the guest with a map alive makes QEMU crash. */
static uint64_t offered_protocol_features(const struct vhost_user *vu)
{
	uint64_t features = BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE);
	if (count_shmem_regions(vu) > 0)
		features |= BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
			BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
			BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) | BIT(VHOST_USER_PROTOCOL_F_SHMEM);
	return features;
}

/* Logs @why the message is malformed. Returns -EPROTO. */
static int malformed(const struct vhost_user_message *message, const char *why);

/* The message becomes its own reply, with @size bytes of payload. */
static int reply(struct vhost_user *vu, struct vhost_user_message *message, uint32_t size)
{
	vhost_user_message_finish(message);
	message->header.flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY;
	message->header.size = size;
	int error = vhost_user_send(vu->socket, message, 0);
	if (error < 0) {
		log_err("the frontend does not take its replies: %s", strerror(-error));
		return -EPROTO;
	}
	return 0;
}

static int reply_u64(struct vhost_user *vu, struct vhost_user_message *message, uint64_t value)
{
	message->payload.u64 = value;
	return reply(vu, message, sizeof(uint64_t));
}

static int take_fd(struct vhost_user_message *message)
{
	if (message->n_fds == 0)
		return -1;
	int fd = message->fds[0];
	message->fds[0] = -1;
	return fd;
}

static struct vhost_user_ring *ring_of(struct vhost_user *vu, uint64_t index)
{
	return index < vu->device->n_queues ? &vu->rings[index] : NULL;
}

static int handle_get_features(struct vhost_user *vu, struct vhost_user_message *message)
{
	return reply_u64(vu, message, offered_features(vu));
}

static int handle_set_features(struct vhost_user *vu, struct vhost_user_message *message)
{
	uint64_t unknown = message->payload.u64 & ~offered_features(vu);
	if (unknown != 0)
		log_warn("features %#llx were not offered", (unsigned long long)unknown);
	vu->features = message->payload.u64 & ~unknown;
	for (uint32_t i = 0; i < vu->device->n_queues; i++)
		virtqueue_set_features(vu->rings[i].queue,
			vu->features & BIT(VIRTIO_RING_F_EVENT_IDX),
			vu->features & BIT(VIRTIO_RING_F_INDIRECT_DESC));
	return 0;
}

static int handle_get_protocol_features(struct vhost_user *vu, struct vhost_user_message *message)
{
	return reply_u64(vu, message, offered_protocol_features(vu));
}

static int handle_set_protocol_features(struct vhost_user *vu, struct vhost_user_message *message)
{
	vu->protocol_features = message->payload.u64 & offered_protocol_features(vu);
	return 0;
}

static int handle_get_queue_num(struct vhost_user *vu, struct vhost_user_message *message)
{
	return reply_u64(vu, message, vu->device->n_queues);
}

static int handle_set_owner(struct vhost_user *vu, struct vhost_user_message *message)
{
	return 0;
}

/* Deprecated, and understood in two ways by implementations: here rings stop, and no more. */
static int handle_reset_owner(struct vhost_user *vu, struct vhost_user_message *message)
{
	for (uint32_t i = 0; i < vu->device->n_queues; i++)
		vu->rings[i].enabled = false;
	return 0;
}

static int handle_reset_device(struct vhost_user *vu, struct vhost_user_message *message)
{
	for (uint32_t i = 0; i < vu->device->n_queues; i++) {
		vhost_user_ring_stop(&vu->rings[i]);
		vu->rings[i].enabled = false;
	}
	vhost_user_set_running(vu, false);
	vu->start_pending = false;
	vu->reset_pending = true;
	return 0;
}

static int handle_set_mem_table(struct vhost_user *vu, struct vhost_user_message *message)
{
	const struct vhost_user_memory *table = &message->payload.memory;
	if (table->n_regions > VHOST_USER_MAX_REGIONS || table->n_regions != message->n_fds ||
		message->header.size < offsetof(struct vhost_user_memory, regions) +
				table->n_regions * sizeof(table->regions[0]))
		return malformed(message, "regions and fds do not match");

	/*
	 * The region comes and goes in the table, in mid-flight: the queues find their rings again
	 * by themselves.
	 */
	int error = guest_memory_set(vu->memory, table, message->fds, message->n_fds);
	vu->device->memory_changed(vu->data);
	return error;
}

static int handle_set_vring_num(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_ring *ring = ring_of(vu, message->payload.state.index);
	if (!ring)
		return malformed(message, "no such queue");
	if (virtqueue_set_size(ring->queue, message->payload.state.num) < 0)
		return malformed(message,
			"queues have at most 1024 entries, a power of two: QEMU's vq_size=1024, "
			"crosvm's "
			"max-queue-size=1024");
	return 0;
}

static int handle_set_vring_addr(struct vhost_user *vu, struct vhost_user_message *message)
{
	const struct vhost_user_vring_addr *addr = &message->payload.addr;
	struct vhost_user_ring *ring = ring_of(vu, addr->index);
	if (!ring ||
		virtqueue_set_addresses(
			ring->queue, addr->descriptors, addr->available, addr->used) < 0)
		return malformed(message, "no such queue, or misaligned rings");
	return 0;
}

static int handle_set_vring_base(struct vhost_user *vu, struct vhost_user_message *message)
{
	const struct vhost_user_vring_state *state = &message->payload.state;
	struct vhost_user_ring *ring = ring_of(vu, state->index);
	if (!ring || state->num > UINT16_MAX)
		return malformed(message, "no such queue, or no index of one");
	ring->base = (uint16_t)state->num;
	virtqueue_set_base(ring->queue, ring->base);
	return 0;
}

static int handle_get_vring_base(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_ring *ring = ring_of(vu, message->payload.state.index);
	if (!ring)
		return malformed(message, "no such queue");
	vhost_user_ring_stop(ring);
	vhost_user_set_running(vu, false);
	vu->start_pending = false;
	message->payload.state.num = virtqueue_base(ring->queue);
	return reply(vu, message, sizeof(message->payload.state));
}

/* The ring and the fd (-1: polled) of SET_VRING_KICK, CALL and ERR. */
static int parse_vring_fd(struct vhost_user *vu, struct vhost_user_message *message,
	struct vhost_user_ring **ring, int *fd)
{
	*fd = -1;
	*ring = ring_of(vu, message->payload.u64 & VHOST_USER_VRING_INDEX_MASK);
	if (!*ring)
		return malformed(message, "no such queue");
	bool polled = message->payload.u64 & VHOST_USER_VRING_NO_FD;
	if (message->n_fds != (polled ? 0 : 1))
		return malformed(message, "fd missing, or unexpected");
	*fd = take_fd(message);
	/*
	 * Eventfds are shared: a peer that reads or fills one must not be able to hold us in read
	 * or write.
	 */
	if (*fd >= 0)
		fd_set_nonblock(*fd);
	return 0;
}

static int handle_set_vring_kick(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_ring *ring;
	int fd;
	int error = parse_vring_fd(vu, message, &ring, &fd);
	if (error < 0)
		return error;
	if (vhost_user_ring_start(ring, fd) < 0)
		return malformed(message, "the kick fd cannot be waited for");
	return 0;
}

static int handle_set_vring_call(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_ring *ring;
	int fd;
	int error = parse_vring_fd(vu, message, &ring, &fd);
	if (error == 0)
		virtqueue_set_call(ring->queue, fd);
	return error;
}

static int handle_set_vring_err(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_ring *ring;
	int fd;
	int error = parse_vring_fd(vu, message, &ring, &fd);
	if (error == 0) {
		fd_close(&ring->error_fd);
		ring->error_fd = fd;
	}
	return error;
}

static int handle_set_vring_enable(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_ring *ring = ring_of(vu, message->payload.state.index);
	if (!ring || message->payload.state.num > 1)
		return malformed(message, "no such queue, or neither 0 nor 1");
	ring->enabled = message->payload.state.num == 1;
	vhost_user_ring_begin(ring);
	return 0;
}

static int handle_set_backend_req_fd(struct vhost_user *vu, struct vhost_user_message *message)
{
	if (message->n_fds != 1)
		return malformed(message, "one fd expected");
	backend_channel_set_socket(vu->backend, take_fd(message));
	return 0;
}

static int handle_get_config(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_config *config = &message->payload.config;
	if (config->size > sizeof(config->region) || config->offset > UINT32_MAX - config->size)
		return reply(vu, message, 0); /* the specification's way to say no */
	memset(config->region, 0, sizeof(config->region));
	vu->device->get_config(vu->data, config->offset, config->size, config->region);
	return reply(vu, message, VHOST_USER_CONFIG_HEADER_BYTES + config->size);
}

static int handle_set_config(struct vhost_user *vu, struct vhost_user_message *message)
{
	const struct vhost_user_config *config = &message->payload.config;
	if (config->size > sizeof(config->region) || config->offset > UINT32_MAX - config->size ||
		message->header.size < VHOST_USER_CONFIG_HEADER_BYTES + config->size)
		return malformed(message, "size and payload do not match");
	vu->device->set_config(vu->data, config->offset, config->size, config->region);
	return 0;
}

static int handle_gpu_set_socket(struct vhost_user *vu, struct vhost_user_message *message)
{
	if (message->n_fds != 1)
		return malformed(message, "one fd expected");
	if (!vu->device->set_console)
		return malformed(message, "not a device that shows anything");
	return vu->device->set_console(vu->data, take_fd(message));
}

static int handle_get_shmem_config(struct vhost_user *vu, struct vhost_user_message *message)
{
	struct vhost_user_shmem_config *config = &message->payload.shmem_config;
	memset(config, 0, sizeof(*config));
	config->n_regions = count_shmem_regions(vu);
	for (size_t i = 0; i < ARRAY_LENGTH(vu->device->shmem_sizes); i++)
		config->sizes[i] = vu->device->shmem_sizes[i];
	return reply(vu, message, sizeof(*config));
}

static int handle_give_file(struct vhost_user *vu, struct vhost_user_message *message)
{
	const struct vhost_user_file *file = &message->payload.file;
	if (message->n_fds != 1 || file->id > INT64_MAX)
		return malformed(message, "one fd expected, and an id below 2^63");
	if (!vu->device->give_file)
		return -ENOTSUP;
	return vu->device->give_file(vu->data, file->id, file->size, take_fd(message));
}

struct handler {
	const char *name;
	/*
	 * 0; -EPROTO: malformed, ends the connection (logged); another -errno: failed, which an
	 * acknowledgement says.
	 */
	int (*handle)(struct vhost_user *vu, struct vhost_user_message *message);
	uint32_t min_size; /* of the payload */
	bool replies;      /* so that there is no acknowledgement */
};

#define STATE_BYTES sizeof(struct vhost_user_vring_state)
#define ADDR_BYTES sizeof(struct vhost_user_vring_addr)
#define HANDLER(REQUEST, function, min_size, replies)                                              \
	[VHOST_USER_##REQUEST] = {#REQUEST, function, min_size, replies}

static const struct handler handlers[] = {
	HANDLER(GET_FEATURES, handle_get_features, 0, true),
	HANDLER(SET_FEATURES, handle_set_features, 8, false),
	HANDLER(SET_OWNER, handle_set_owner, 0, false),
	HANDLER(RESET_OWNER, handle_reset_owner, 0, false),
	HANDLER(SET_MEM_TABLE, handle_set_mem_table, 8, false),
	HANDLER(SET_VRING_NUM, handle_set_vring_num, STATE_BYTES, false),
	HANDLER(SET_VRING_ADDR, handle_set_vring_addr, ADDR_BYTES, false),
	HANDLER(SET_VRING_BASE, handle_set_vring_base, STATE_BYTES, false),
	HANDLER(GET_VRING_BASE, handle_get_vring_base, STATE_BYTES, true),
	HANDLER(SET_VRING_KICK, handle_set_vring_kick, 8, false),
	HANDLER(SET_VRING_CALL, handle_set_vring_call, 8, false),
	HANDLER(SET_VRING_ERR, handle_set_vring_err, 8, false),
	HANDLER(GET_PROTOCOL_FEATURES, handle_get_protocol_features, 0, true),
	HANDLER(SET_PROTOCOL_FEATURES, handle_set_protocol_features, 8, false),
	HANDLER(GET_QUEUE_NUM, handle_get_queue_num, 0, true),
	HANDLER(SET_VRING_ENABLE, handle_set_vring_enable, STATE_BYTES, false),
	HANDLER(SET_BACKEND_REQ_FD, handle_set_backend_req_fd, 0, false),
	HANDLER(GET_CONFIG, handle_get_config, VHOST_USER_CONFIG_HEADER_BYTES, true),
	HANDLER(SET_CONFIG, handle_set_config, VHOST_USER_CONFIG_HEADER_BYTES, false),
	HANDLER(GPU_SET_SOCKET, handle_gpu_set_socket, 0, false),
	HANDLER(RESET_DEVICE, handle_reset_device, 0, false),
	HANDLER(GET_SHMEM_CONFIG, handle_get_shmem_config, 0, true),
};

static const struct handler file_handler = {
	"GIVE_FILE", handle_give_file, sizeof(struct vhost_user_file), false};

static const struct handler *find_handler(uint32_t request)
{
	if (request == VHOST_USER_GIVE_FILE)
		return &file_handler;
	if (request >= ARRAY_LENGTH(handlers) || !handlers[request].handle)
		return NULL;
	return &handlers[request];
}

static int malformed(const struct vhost_user_message *message, const char *why)
{
	const struct handler *handler = find_handler(message->header.request);
	log_err("request %u (%s) of %u bytes with %zu fds: %s", message->header.request,
		handler ? handler->name : "unknown", message->header.size, message->n_fds, why);
	return -EPROTO;
}

int vhost_user_handle(struct vhost_user *vu, struct vhost_user_message *message)
{
	const struct handler *handler = find_handler(message->header.request);
	bool acknowledge = message->header.flags & VHOST_USER_FLAG_NEED_REPLY;
	int error;

	if (!handler) {
		/* The frontend may wait for a reply whose form we do not know: end the connection.
		 */
		error = malformed(message, "not negotiated");
	} else if (message->header.size < handler->min_size) {
		error = malformed(message, "too short");
	} else {
		error = handler->handle(vu, message);
	}
	/* User-Mode Linux wants an acknowledgement of the very message that negotiates them. */
	acknowledge &= (vu->protocol_features & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	if (error != -EPROTO && acknowledge && !handler->replies)
		error = reply_u64(vu, message, error < 0);
	return error == -EPROTO ? error : 0;
}
