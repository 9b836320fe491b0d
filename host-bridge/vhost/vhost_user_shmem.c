/* Our requests to the frontend: maps of our memory in the guest. */
#include "host-bridge/vhost/vhost_user_impl.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define ANSWER_TIMEOUT_MS 2000
#define MAX_REQUESTS 2

#define BIT(n) (UINT64_C(1) << (n))
#define SHMEM_FEATURES                                                                             \
	(BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |           \
		BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) | BIT(VHOST_USER_PROTOCOL_F_SHMEM))

/* Requests that were sent and whose answers are awaited, in order. */
struct exchange {
	uint32_t requests[MAX_REQUESTS];
	uint64_t answers[MAX_REQUESTS];
	size_t n_requests, n_answers;
};

void vhost_user_set_backend_socket(struct vhost_user *vu, int fd)
{
	fd_close(&vu->backend_socket);
	vhost_user_reader_finish(&vu->backend_reader);
	vhost_user_reader_init(&vu->backend_reader);
	vu->backend_socket = fd;
	vu->backend_generation++;
}

static int send_request(
	struct vhost_user *vu, struct vhost_user_message *message, struct exchange *exchange)
{
	message->header.flags |= VHOST_USER_FLAG_NEED_REPLY;
	exchange->requests[exchange->n_requests++] = message->header.request;
	return vhost_user_send(vu->backend_socket, message, 0);
}

/* Takes the answers that are there. 0 or -errno. */
static int take_answers(struct vhost_user *vu, struct exchange *exchange)
{
	while (exchange->n_answers < exchange->n_requests) {
		struct vhost_user_message message;
		int result = vhost_user_receive(vu->backend_socket, &vu->backend_reader, &message);
		if (result <= 0)
			return result;
		vhost_user_message_finish(&message);
		uint32_t awaited = exchange->requests[exchange->n_answers];
		if (!(message.header.flags & VHOST_USER_FLAG_REPLY) ||
			message.header.request != awaited ||
			message.header.size < sizeof(message.payload.u64))
			return -EPROTO;
		exchange->answers[exchange->n_answers++] = message.payload.u64;
	}
	return 0;
}

/*
 * Waits for the answers. The frontend may need something from us before it can give them (a new
 * memory table, or a reset's GET_VRING_BASE, for which it waits): its messages are served
 * meanwhile.
 */
static int await_answers(struct vhost_user *vu, struct exchange *exchange)
{
	uint64_t deadline_ns = vhost_user_deadline_ns(ANSWER_TIMEOUT_MS);
	uint64_t generation = vu->backend_generation;

	for (;;) {
		int error = take_answers(vu, exchange);
		if (error < 0 || exchange->n_answers == exchange->n_requests)
			return error;
		int timeout_ms = vhost_user_remaining_ms(deadline_ns);
		if (timeout_ms == 0)
			return -ETIMEDOUT;
		struct pollfd pollfds[] = {
			{.fd = vu->backend_socket, .events = POLLIN},
			{.fd = vu->socket, .events = POLLIN},
		};
		if (poll(pollfds, ARRAY_LENGTH(pollfds), timeout_ms) < 0 && errno != EINTR)
			return -errno;
		if (pollfds[1].revents)
			vhost_user_serve(vu);
		if (vu->lost || vu->backend_generation != generation)
			return -ECONNRESET;
	}
}

/*
 * Sends up to two requests at once and waits for the answers. The answer to the first, or -errno.
 */
static int exchange_requests(
	struct vhost_user *vu, struct vhost_user_message *first, struct vhost_user_message *second)
{
	struct exchange exchange = {0};

	vu->waiting = true;
	uint64_t generation = vu->backend_generation;
	int error = send_request(vu, first, &exchange);
	if (error == 0 && second)
		error = send_request(vu, second, &exchange);
	if (error == 0)
		error = await_answers(vu, &exchange);
	vu->waiting = false;

	if (error < 0 && !vu->lost && vu->backend_generation == generation) {
		/*
		 * Answers may still come, for requests that nobody waits for: there is no way back
		 * into step.
		 */
		log_err("request %u to the frontend: %s; it is asked no more",
			first->header.request, strerror(-error));
		vhost_user_set_backend_socket(vu, -1);
	}
	if (error < 0)
		return error;
	if (vu->reset_pending || (vu->start_pending && !vhost_user_would_resume(vu)))
		return -ECONNRESET;
	return exchange.answers[0] == 0 ? 0 : -EIO;
}

/* Whether a request may be sent now, for this segment of region @shmid. */
static int check(struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset, uint64_t length)
{
	if ((vu->protocol_features & SHMEM_FEATURES) != SHMEM_FEATURES || vu->backend_socket < 0)
		return -ENOTSUP;
	/* One sent after GET_VRING_BASE and before the restart makes QEMU crash. */
	if (!vu->running || vu->waiting)
		return -EBUSY;
	if (shmid >= ARRAY_LENGTH(vu->device->shmem_sizes) || length == 0 ||
		!range_fits(shm_offset, length, vu->device->shmem_sizes[shmid]) ||
		shm_offset % PAGE_BYTES != 0 || length % PAGE_BYTES != 0)
		return -EINVAL;
	return 0;
}

/*
 * The frontend answers SHMEM_MAP before the guest can see the mapping, and loses what the guest
 * writes in between. It has committed it when it reads the next request: this one removes an object
 * that does not exist.
 */
static bool make_barrier(const struct vhost_user *vu, struct vhost_user_message *message)
{
	if (!(vu->protocol_features & BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT)))
		return false;
	vhost_user_message_init(
		message, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, sizeof(message->payload.uuid));
	ssize_t n = getrandom(message->payload.uuid, sizeof(message->payload.uuid), GRND_NONBLOCK);
	return n == sizeof(message->payload.uuid);
}

int vhost_user_shmem_map(struct vhost_user *vu, uint8_t shmid, int fd, uint64_t fd_offset,
	uint64_t shm_offset, uint64_t length, bool writable)
{
	int error = check(vu, shmid, shm_offset, length);
	if (error < 0)
		return error;
	if (fd_offset % PAGE_BYTES != 0)
		return -EINVAL;

	struct vhost_user_message map, barrier;
	vhost_user_message_init(&map, VHOST_USER_BACKEND_SHMEM_MAP, sizeof(map.payload.shmem_map));
	map.payload.shmem_map = (struct vhost_user_shmem_map){
		.shmid = shmid,
		.fd_offset = fd_offset,
		.shm_offset = shm_offset,
		.length = length,
		.flags = writable ? VHOST_USER_SHMEM_WRITABLE : 0,
	};
	map.fds[map.n_fds++] = fd;
	return exchange_requests(vu, &map, make_barrier(vu, &barrier) ? &barrier : NULL);
}

int vhost_user_shmem_unmap(
	struct vhost_user *vu, uint8_t shmid, uint64_t shm_offset, uint64_t length)
{
	int error = check(vu, shmid, shm_offset, length);
	if (error < 0)
		return error;

	struct vhost_user_message unmap;
	vhost_user_message_init(
		&unmap, VHOST_USER_BACKEND_SHMEM_UNMAP, sizeof(unmap.payload.shmem_map));
	unmap.payload.shmem_map = (struct vhost_user_shmem_map){
		.shmid = shmid,
		.shm_offset = shm_offset,
		.length = length,
	};
	return exchange_requests(vu, &unmap, NULL);
}
