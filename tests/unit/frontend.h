/* A vhost-user frontend for tests: QEMU's conversation by hand, over a socketpair. */
#ifndef TESTS_UNIT_FRONTEND_H
#define TESTS_UNIT_FRONTEND_H

#include "host-bridge/vhost/vhost_user.h"

#include <linux/virtio_config.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "tests/unit/ring_driver.h"

#define FE_BYTES UINT64_C(0x100000)
#define FE_GUEST UINT64_C(0x40000000)    /* where the memory is in the guest */
#define FE_USER UINT64_C(0x7fff00000000) /* and in the frontend, as it says */
#define FE_BUFFERS 0x40000u
#define FE_BIT(n) (UINT64_C(1) << (n))
#define FE_PROTOCOL_FEATURES                                                                       \
	(FE_BIT(VHOST_USER_PROTOCOL_F_MQ) | FE_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |              \
		FE_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |                                        \
		FE_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |                                    \
		FE_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |                                             \
		FE_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) | FE_BIT(VHOST_USER_PROTOCOL_F_SHMEM))
#define FE_FEATURES                                                                                \
	(FE_BIT(VIRTIO_F_VERSION_1) | FE_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |                     \
		FE_BIT(VIRTIO_RING_F_INDIRECT_DESC))

struct frontend {
	int socket;
	int backend; /* our end of the backend's request channel */
	struct vhost_user_reader reader, backend_reader;
	int memory_fd;
	uint8_t *bytes;
	struct ring_driver rings[2];
	int kicks[2], calls[2];
};

/* @socket is taken. */
static inline void fe_init(struct frontend *fe, int socket)
{
	memset(fe, 0, sizeof(*fe));
	fe->socket = socket;
	fe->backend = -1;
	vhost_user_reader_init(&fe->reader);
	vhost_user_reader_init(&fe->backend_reader);
	fe->memory_fd = fd_memfd("guest", FE_BYTES);
	fe->bytes = mmap(NULL, FE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fe->memory_fd, 0);
	for (int i = 0; i < 2; i++) {
		fe->kicks[i] = eventfd(0, EFD_CLOEXEC);
		fe->calls[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
}

static inline void fe_finish(struct frontend *fe)
{
	fd_close(&fe->socket);
	fd_close(&fe->backend);
	vhost_user_reader_finish(&fe->reader);
	vhost_user_reader_finish(&fe->backend_reader);
	munmap(fe->bytes, FE_BYTES);
	fd_close(&fe->memory_fd);
	for (int i = 0; i < 2; i++) {
		fd_close(&fe->kicks[i]);
		fd_close(&fe->calls[i]);
	}
}

/* Sends @size bytes of @payload with at most one fd (borrowed; -1: none). */
static inline void fe_send(struct frontend *fe, uint32_t request, uint32_t flags,
	const void *payload, uint32_t size, int fd)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, request, size);
	message.header.flags |= flags;
	if (size > 0)
		memcpy(&message.payload, payload, size);
	if (fd >= 0)
		message.fds[message.n_fds++] = fd;
	vhost_user_send(fe->socket, &message, 1000);
}

static inline void fe_u64(struct frontend *fe, uint32_t request, uint64_t value, int fd)
{
	fe_send(fe, request, 0, &value, sizeof(value), fd);
}

static inline void fe_state(struct frontend *fe, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_vring_state state = {.index = index, .num = num};
	fe_send(fe, request, 0, &state, sizeof(state), -1);
}

static inline void fe_memory_table(struct frontend *fe, uint32_t flags)
{
	struct vhost_user_memory table = {
		.n_regions = 1,
		.regions = {{.guest_address = FE_GUEST, .size = FE_BYTES, .user_address = FE_USER}},
	};
	fe_send(fe, VHOST_USER_SET_MEM_TABLE, flags, &table, 8 + sizeof(table.regions[0]),
		fe->memory_fd);
}

/* What a monitor says when it connects. */
static inline void fe_negotiate(struct frontend *fe)
{
	int ends[2];
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
	fd_close(&fe->backend);
	fe->backend = ends[0];
	fe_send(fe, VHOST_USER_SET_OWNER, 0, NULL, 0, -1);
	fe_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, FE_PROTOCOL_FEATURES, -1);
	fe_send(fe, VHOST_USER_SET_BACKEND_REQ_FD, 0, NULL, 0, ends[1]);
	close(ends[1]);
}

/* One queue as at DRIVER_OK, not yet enabled; the ring goes on at @base, or begins anew at 0. */
static inline void fe_queue(struct frontend *fe, uint32_t index, uint16_t base)
{
	if (base == 0)
		fe->rings[index] = ring_driver_at(fe->bytes + index * RING_BYTES, 64);
	uint64_t user = FE_USER + index * RING_BYTES;
	struct vhost_user_vring_addr addr = {
		.index = index,
		.descriptors = user + RING_DESCRIPTORS,
		.available = user + RING_AVAILABLE,
		.used = user + RING_USED,
	};
	fe_state(fe, VHOST_USER_SET_VRING_NUM, index, 64);
	fe_state(fe, VHOST_USER_SET_VRING_BASE, index, base);
	fe_send(fe, VHOST_USER_SET_VRING_ADDR, 0, &addr, sizeof(addr), -1);
	fe_u64(fe, VHOST_USER_SET_VRING_KICK, index, fe->kicks[index]);
	fe_u64(fe, VHOST_USER_SET_VRING_CALL, index, fe->calls[index]);
}

static inline void fe_driver_ok(struct frontend *fe, uint16_t base0, uint16_t base1)
{
	fe_u64(fe, VHOST_USER_SET_FEATURES, FE_FEATURES, -1);
	fe_memory_table(fe, 0);
	fe_queue(fe, 0, base0);
	fe_queue(fe, 1, base1);
	fe_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	fe_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 1);
}

/* As when the guest is paused or resets the device. Two replies come: the indices. */
static inline void fe_stop(struct frontend *fe)
{
	fe_state(fe, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	fe_state(fe, VHOST_USER_SET_VRING_ENABLE, 1, 0);
	fe_state(fe, VHOST_USER_GET_VRING_BASE, 0, 0);
	fe_state(fe, VHOST_USER_GET_VRING_BASE, 1, 0);
}

static inline void fe_kick(struct frontend *fe, int queue)
{
	uint64_t one = 1;
	ssize_t n = write(fe->kicks[queue], &one, sizeof(one));
	(void)n;
}

/*
 * Puts one chain with @bytes of @text to read and an answer of 8 bytes at FE_BUFFERS + 0x100 on
 * queue 0.
 */
static inline void fe_offer(struct frontend *fe, const char *text, uint32_t bytes)
{
	struct ring_driver *ring = &fe->rings[0];
	memcpy(fe->bytes + FE_BUFFERS, text, bytes);
	ring_driver_describe(ring, 0, FE_GUEST + FE_BUFFERS, bytes, VRING_DESC_F_NEXT, 1);
	ring_driver_describe(ring, 1, FE_GUEST + FE_BUFFERS + 0x100, 8, VRING_DESC_F_WRITE, 0);
	ring_driver_offer(ring, 0);
}

/*
 * The next message on @socket, at most a second from now; false at the end of file or when none
 * comes.
 */
static inline bool fe_receive_from(
	int socket, struct vhost_user_reader *reader, struct vhost_user_message *out)
{
	for (;;) {
		int result = vhost_user_receive(socket, reader, out);
		if (result != 0)
			return result == 1;
		struct pollfd pollfd = {.fd = socket, .events = POLLIN};
		if (poll(&pollfd, 1, 60000) <= 0) /* it hangs */
			return false;
	}
}

/*
 * Answers one request of the backend with @value; its fd, if it had one, to @fd. Which request, or
 * 0.
 */
static inline uint32_t fe_answer(
	struct frontend *fe, uint64_t value, struct vhost_user_message *request)
{
	struct vhost_user_message message;
	if (!fe_receive_from(fe->backend, &fe->backend_reader, request))
		return 0;
	vhost_user_message_init(&message, request->header.request, sizeof(uint64_t));
	message.header.flags |= VHOST_USER_FLAG_REPLY;
	message.payload.u64 = value;
	vhost_user_send(fe->backend, &message, 1000);
	return request->header.request;
}

#endif
