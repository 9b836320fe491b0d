/* The frontend of a vhost-user connection. */
#include "guest-proxy/gpu/vhost_user/frontend.h"

#include <errno.h>
#include <linux/virtio_gpu.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-proxy/gpu/vhost_user/frontend_region.h"
#include "protocol/base/fd.h"
#include "protocol/base/monotonic.h"
#include "protocol/base/unix_socket.h"
#include "protocol/formats/vhost_user.h"

#define LOG_MODULE "vhost-user"
#include "protocol/base/log.h"

/* For an answer at the start: when the log says that it is waited for, and then how often. */
#define SLOW_S 3
#define SLOW_AGAIN_S 60
/* For room in the socket, which has more than all of ours takes. */
#define CALL_TIMEOUT_MS 10000
/* Files that the device has not acknowledged. So few that the socket takes them without waiting. */
#define FILES_UNDER_WAY 32

#define BIT(n) (UINT64_C(1) << (n))
#define PROTOCOL_FEATURES_NEEDED                                                                   \
	(BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_CONFIG))
#define PROTOCOL_FEATURES_TAKEN                                                                    \
	(PROTOCOL_FEATURES_NEEDED | BIT(VHOST_USER_PROTOCOL_F_MQ) |                                \
		BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |                                           \
		BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |                                       \
		BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) | BIT(VHOST_USER_PROTOCOL_F_SHMEM))

struct frontend {
	int socket, backend; /* -1: closed */
	struct vhost_user_reader reader, backend_reader;
	uint64_t features, protocol_features;
	struct frontend_region region;
	unsigned n_files; /* given, and not acknowledged */
	void (*file_listener)(void *data, bool taken);
	void *file_data;
};

/* Requests of the device. */

static int handle_backend_request(struct frontend *fe, struct vhost_user_message *message)
{
	bool done = false, reply = message->header.flags & VHOST_USER_FLAG_NEED_REPLY;
	switch (message->header.request) {
	case VHOST_USER_BACKEND_SHMEM_MAP:
		done = frontend_region_map(&fe->region, message);
		reply = true; /* mapping and unmapping are answered in any case */
		break;
	case VHOST_USER_BACKEND_SHMEM_UNMAP:
		done = frontend_region_unmap(&fe->region, message);
		reply = true;
		break;
	default: /* an object that we do not have, or a request that we do not know */
		break;
	}
	if (!done && message->header.request != VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE)
		log_warn("refused request %u of the device", message->header.request);
	if (!reply)
		return 0;
	struct vhost_user_message answer;
	vhost_user_message_init(&answer, message->header.request, sizeof(answer.payload.u64));
	answer.header.flags |= VHOST_USER_FLAG_REPLY;
	answer.payload.u64 = done ? 0 : 1;
	return vhost_user_send(fe->backend, &answer, CALL_TIMEOUT_MS);
}

static int serve_backend(struct frontend *fe)
{
	while (fe->backend >= 0) {
		struct vhost_user_message message;
		int n = vhost_user_receive(fe->backend, &fe->backend_reader, &message);
		if (n == 0)
			return 0;
		if (n == -ECONNRESET) { /* the device sends no more requests; if it is gone, the
					   other socket says so */
			fd_close(&fe->backend);
			return 0;
		}
		if (n > 0) {
			n = handle_backend_request(fe, &message);
			vhost_user_message_finish(&message);
		}
		if (n < 0)
			return n;
	}
	return 0;
}

/* 0, or -EPROTO: it answers no request. */
static int handle_file_answer(struct frontend *fe, const struct vhost_user_message *message)
{
	if (fe->n_files == 0 || message->header.request != VHOST_USER_GIVE_FILE ||
		!(message->header.flags & VHOST_USER_FLAG_REPLY) ||
		message->header.size < sizeof(message->payload.u64))
		return -EPROTO;
	fe->n_files--;
	fe->file_listener(fe->file_data, message->payload.u64 == 0);
	return 0;
}

int frontend_serve(struct frontend *fe)
{
	int error = serve_backend(fe);
	if (error < 0)
		return error;
	struct vhost_user_message message;
	int n;
	while ((n = vhost_user_receive(fe->socket, &fe->reader, &message)) > 0) {
		vhost_user_message_finish(&message);
		if (handle_file_answer(fe, &message) < 0)
			return -EPROTO;
	}
	return n;
}

/* Requests to the device. */

int frontend_patience_ms(struct frontend_patience *patience)
{
	const uint64_t now_ns = monotonic_ns();

	if (patience->next_s == 0)
		*patience = (struct frontend_patience){.begun_ns = now_ns, .next_s = SLOW_S};
	uint64_t waited_ms = (now_ns - patience->begun_ns) / 1000000;
	if (waited_ms >= patience->next_s * UINT64_C(1000)) {
		log_warn("the device has not answered for %u s; waiting (does it serve somebody "
			 "else? is that wayferry-host's socket?)",
			(unsigned)(waited_ms / 1000));
		patience->next_s = (unsigned)(waited_ms / 1000) + SLOW_AGAIN_S;
	}
	return (int)(patience->next_s * UINT64_C(1000) - waited_ms);
}

/* Waits for the answer to @message, which replaces it, while the device's own requests are served.
 */
static int wait_reply(struct frontend *fe, struct vhost_user_message *message)
{
	struct frontend_patience patience = {0};
	uint32_t request = message->header.request;
	for (;;) {
		int n = serve_backend(fe);
		if (n < 0)
			return n;
		n = vhost_user_receive(fe->socket, &fe->reader, message);
		if (n < 0)
			return n;
		if (n > 0) {
			/* None of the answers brings fds. */
			vhost_user_message_finish(message);
			bool right = message->header.request == request &&
				(message->header.flags & VHOST_USER_FLAG_REPLY);
			return right ? 0 : -EPROTO;
		}
		struct pollfd pollfds[] = {{.fd = fe->socket, .events = POLLIN},
			{.fd = fe->backend, .events = POLLIN}};
		n = poll(pollfds, ARRAY_LENGTH(pollfds), frontend_patience_ms(&patience));
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* For requests that are answered with something, at least @size bytes. */
static int call(struct frontend *fe, struct vhost_user_message *message, uint32_t size)
{
	int error = vhost_user_send(fe->socket, message, CALL_TIMEOUT_MS);
	if (error == 0)
		error = wait_reply(fe, message);
	if (error == 0 && message->header.size < size)
		error = -EPROTO;
	return error;
}

static int get_u64(struct frontend *fe, uint32_t request, uint64_t *value)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, 0);
	int error = call(fe, &message, sizeof(*value));
	*value = error == 0 ? message.payload.u64 : 0;
	return error;
}

/* For requests without an answer: the device acknowledges that it has carried them out. */
static int acknowledged(struct frontend *fe, struct vhost_user_message *message)
{
	message->header.flags |= VHOST_USER_FLAG_NEED_REPLY;
	int error = call(fe, message, sizeof(message->payload.u64));
	if (error == 0 && message->payload.u64 != 0)
		error = -EREMOTEIO;
	return error;
}

static int set_u64(struct frontend *fe, uint32_t request, uint64_t value)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, sizeof(value));
	message.payload.u64 = value;
	return vhost_user_send(fe->socket, &message, CALL_TIMEOUT_MS);
}

/* SET_VRING_NUM, _BASE and _ENABLE. */
static int set_state(struct frontend *fe, uint32_t request, uint32_t queue, uint32_t value)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, sizeof(message.payload.state));
	message.payload.state = (struct vhost_user_vring_state){.index = queue, .num = value};
	if (request == VHOST_USER_SET_VRING_ENABLE)
		return acknowledged(fe, &message);
	return vhost_user_send(fe->socket, &message, CALL_TIMEOUT_MS);
}

/* SET_VRING_KICK and _CALL; @fd is borrowed. */
static int set_event(struct frontend *fe, uint32_t request, uint32_t queue, int fd)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, sizeof(message.payload.u64));
	message.payload.u64 = queue;
	message.fds[0] = fd;
	message.n_fds = 1;
	return vhost_user_send(fe->socket, &message, CALL_TIMEOUT_MS);
}

static int set_address(struct frontend *fe, uint32_t index, const struct frontend_queue *queue)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, VHOST_USER_SET_VRING_ADDR, sizeof(message.payload.addr));
	message.payload.addr = (struct vhost_user_vring_addr){
		.index = index,
		.descriptors = (uintptr_t)queue->descriptors,
		.used = (uintptr_t)queue->used,
		.available = (uintptr_t)queue->available,
	};
	return vhost_user_send(fe->socket, &message, CALL_TIMEOUT_MS);
}

static int set_memory(struct frontend *fe, const struct frontend_memory *memory)
{
	struct vhost_user_message message;
	uint32_t size = offsetof(struct vhost_user_memory, regions[1]);
	vhost_user_message_init(&message, VHOST_USER_SET_MEM_TABLE, size);
	message.payload.memory.n_regions = 1;
	message.payload.memory.regions[0] = (struct vhost_user_memory_region){
		.guest_address = memory->guest_address,
		.size = memory->size,
		.user_address = (uintptr_t)memory->map,
	};
	message.fds[0] = memory->fd;
	message.n_fds = 1;
	return acknowledged(fe, &message);
}

/* Start. */

static int negotiate_protocol(struct frontend *fe)
{
	uint64_t offered;
	int error = get_u64(fe, VHOST_USER_GET_PROTOCOL_FEATURES, &offered);
	if (error < 0)
		return error;
	if ((offered & PROTOCOL_FEATURES_NEEDED) != PROTOCOL_FEATURES_NEEDED)
		return -EOPNOTSUPP;
	fe->protocol_features = offered & PROTOCOL_FEATURES_TAKEN;
	return set_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, fe->protocol_features);
}

static bool has_protocol_feature(const struct frontend *fe, unsigned bit)
{
	return fe->protocol_features & BIT(bit);
}

/* Gives the device a socket for its own requests. */
static int open_backend(struct frontend *fe)
{
	int ends[2];
	if (!has_protocol_feature(fe, VHOST_USER_PROTOCOL_F_BACKEND_REQ))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	fe->backend = ends[0];
	struct vhost_user_message message;
	vhost_user_message_init(&message, VHOST_USER_SET_BACKEND_REQ_FD, 0);
	message.fds[0] = ends[1];
	message.n_fds = 1;
	int error = acknowledged(fe, &message);
	fd_close(&ends[1]);
	return error;
}

static int reserve_region(struct frontend *fe)
{
	struct vhost_user_message message;
	if (fe->backend < 0 || !has_protocol_feature(fe, VHOST_USER_PROTOCOL_F_SHMEM))
		return 0;
	vhost_user_message_init(&message, VHOST_USER_GET_SHMEM_CONFIG, 0);
	int error = call(fe, &message, sizeof(message.payload.shmem_config));
	if (error < 0)
		return error;
	uint64_t size = message.payload.shmem_config.sizes[VIRTIO_GPU_SHM_ID_HOST_VISIBLE];
	return size == 0 ? 0 : frontend_region_reserve(&fe->region, size);
}

static int negotiate(struct frontend *fe, uint64_t needed, uint64_t optional)
{
	uint64_t offered, n_queues;
	needed |= BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	int error = get_u64(fe, VHOST_USER_GET_FEATURES, &offered);
	if (error < 0)
		return error;
	if ((offered & needed) != needed)
		return -EOPNOTSUPP;
	fe->features = offered & (needed | optional);
	if ((error = negotiate_protocol(fe)) < 0)
		return error;
	if (has_protocol_feature(fe, VHOST_USER_PROTOCOL_F_MQ) &&
		(error = get_u64(fe, VHOST_USER_GET_QUEUE_NUM, &n_queues)) < 0)
		return error;
	if ((error = open_backend(fe)) < 0)
		return error;
	struct vhost_user_message owner;
	vhost_user_message_init(&owner, VHOST_USER_SET_OWNER, 0);
	if ((error = vhost_user_send(fe->socket, &owner, CALL_TIMEOUT_MS)) < 0)
		return error;
	return reserve_region(fe);
}

static const char *explain(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "nobody listens there; is wayferry-host running with this --socket?";
	case -ECONNRESET:
	case -EPIPE:
		return "the device hung up; does it serve somebody else, or another user?";
	case -ETIMEDOUT:
		return "the device reads nothing; is it something else?";
	case -EOPNOTSUPP:
		return "the device lacks features that wayferry-host has; is it something else?";
	case -EPROTO:
		return "the device broke the protocol";
	case -EREMOTEIO:
		return "the device refused the set-up";
	default:
		return strerror(-error);
	}
}

struct frontend *frontend_open(const char *path, uint64_t features, uint64_t optional)
{
	struct frontend *fe = calloc(1, sizeof(*fe));
	if (!fe)
		return NULL;
	fe->socket = fe->backend = -1;
	frontend_region_init(&fe->region);
	vhost_user_reader_init(&fe->reader);
	vhost_user_reader_init(&fe->backend_reader);
	fe->socket = unix_connect(path, SOCK_STREAM);
	int error = fe->socket < 0 ? fe->socket : negotiate(fe, features, optional);
	if (error < 0) {
		log_err("%s: %s", path, explain(error));
		frontend_destroy(fe);
		return NULL;
	}
	return fe;
}

void frontend_destroy(struct frontend *fe)
{
	if (!fe)
		return;
	vhost_user_reader_finish(&fe->reader);
	vhost_user_reader_finish(&fe->backend_reader);
	fd_close(&fe->socket);
	fd_close(&fe->backend);
	frontend_region_finish(&fe->region);
	free(fe);
}

int frontend_config(struct frontend *fe, void *out, uint32_t size)
{
	struct vhost_user_message message;
	uint32_t length = (uint32_t)offsetof(struct vhost_user_config, region) + size;
	vhost_user_message_init(&message, VHOST_USER_GET_CONFIG, length);
	message.payload.config.size = size;
	int error = call(fe, &message, length);
	if (error < 0) {
		log_err("reading the device's configuration: %s", explain(error));
		return error;
	}
	memcpy(out, message.payload.config.region, size);
	return 0;
}

/* In the order that monitors use: NUM, BASE, ADDR, KICK and CALL for each queue, then all are
 * enabled. */
static int start(struct frontend *fe, const struct frontend_memory *memory,
	const struct frontend_queue *queues, uint32_t n_queues)
{
	int error = set_u64(fe, VHOST_USER_SET_FEATURES, fe->features);
	if (error == 0)
		error = set_memory(fe, memory);
	for (uint32_t i = 0; i < n_queues && error == 0; i++) {
		const struct frontend_queue *queue = &queues[i];
		if ((error = set_state(fe, VHOST_USER_SET_VRING_NUM, i, queue->size)) == 0 &&
			(error = set_state(fe, VHOST_USER_SET_VRING_BASE, i, 0)) == 0 &&
			(error = set_address(fe, i, queue)) == 0 &&
			(error = set_event(fe, VHOST_USER_SET_VRING_KICK, i, queue->kick)) == 0)
			error = set_event(fe, VHOST_USER_SET_VRING_CALL, i, queue->call);
	}
	for (uint32_t i = 0; i < n_queues && error == 0; i++)
		error = set_state(fe, VHOST_USER_SET_VRING_ENABLE, i, 1);
	return error;
}

int frontend_start(struct frontend *fe, const struct frontend_memory *memory,
	const struct frontend_queue *queues, uint32_t n_queues)
{
	int error = start(fe, memory, queues, n_queues);
	if (error < 0)
		log_err("starting the device: %s", explain(error));
	return error;
}

void frontend_set_file_listener(
	struct frontend *fe, void (*listener)(void *data, bool taken), void *data)
{
	fe->file_listener = listener;
	fe->file_data = data;
}

int frontend_give_file(struct frontend *fe, uint64_t id, uint64_t size, int fd)
{
	struct vhost_user_message message;
	if (fe->n_files >= FILES_UNDER_WAY)
		return -EAGAIN;
	vhost_user_message_init(&message, VHOST_USER_GIVE_FILE, sizeof(message.payload.file));
	message.header.flags |= VHOST_USER_FLAG_NEED_REPLY;
	message.payload.file = (struct vhost_user_file){.id = id, .size = size};
	message.fds[0] = fd;
	message.n_fds = 1;
	int error = vhost_user_send(fe->socket, &message, 0);
	if (error == 0)
		fe->n_files++;
	return error;
}

int frontend_socket(const struct frontend *fe)
{
	return fe->socket;
}

int frontend_backend_socket(const struct frontend *fe)
{
	return fe->backend;
}

const struct frontend_region *frontend_region(const struct frontend *fe)
{
	return &fe->region;
}
