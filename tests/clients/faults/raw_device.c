/* A monitor and a driver in one. */
#include "tests/clients/faults/raw_device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

#define BIT(n) (UINT64_C(1) << (n))
#define WANTED_FEATURES                                                                            \
	(BIT(32) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VHOST_USER_F_PROTOCOL_FEATURES) |        \
		BIT(VIRTIO_GPU_F_VIRGL) | BIT(VIRTIO_GPU_F_RESOURCE_BLOB) |                        \
		BIT(VIRTIO_GPU_F_CONTEXT_INIT))

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Messages. */

static int send_message(
	int socket, uint32_t request, uint32_t flags, const void *payload, uint32_t size, int fd)
{
	struct vhost_user_header header = {.request = request, .flags = flags, .size = size};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[] = {{&header, sizeof(header)}, {(void *)payload, size}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Exactly @size bytes within the time; an fd that comes along goes to *@fd (-1: none). */
static int receive_bytes(int socket, void *bytes, size_t size, int *fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	int64_t deadline_ms = now_ms() + RAW_TIMEOUT_MS;
	size_t done = 0;

	*fd = -1;
	while (done < size) {
		struct iovec iov = {(uint8_t *)bytes + done, size - done};
		struct msghdr message = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		struct pollfd poll_fd = {.fd = socket, .events = POLLIN};
		int left_ms = (int)(deadline_ms - now_ms());

		if (left_ms <= 0 || poll(&poll_fd, 1, left_ms) == 0)
			return -ETIMEDOUT;
		ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return n < 0 && errno != ECONNRESET ? -errno : -ECONNRESET;
		if (CMSG_FIRSTHDR(&message) && CMSG_FIRSTHDR(&message)->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*fd));
		done += (size_t)n;
	}
	return 0;
}

/* SHMEM_MAP comes with the region's memory; every request gets an answer. */
static int serve_backend(struct raw_device *device)
{
	struct vhost_user_header header;
	union vhost_user_payload payload;
	uint64_t answer = 0;
	int fd, ignored;
	int error = receive_bytes(device->backend, &header, sizeof(header), &fd);

	if (!error && header.size <= sizeof(payload))
		error = receive_bytes(device->backend, &payload, header.size, &ignored);
	if (error)
		return error;
	if (header.request == VHOST_USER_BACKEND_SHMEM_MAP && fd >= 0) {
		device->region_bytes = payload.shmem_map.length;
		device->region = mmap(NULL, payload.shmem_map.length, PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, (off_t)payload.shmem_map.fd_offset);
		answer = device->region == MAP_FAILED;
	} else if (header.request == VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE) {
		answer = 1; /* as QEMU does for one it does not know */
	}
	if (fd >= 0)
		close(fd);
	return send_message(device->backend, header.request,
		VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, &answer, sizeof(answer), -1);
}

int raw_device_message(struct raw_device *device, uint32_t request, uint32_t flags,
	const void *payload, uint32_t size, int fd)
{
	return send_message(device->socket, request, VHOST_USER_VERSION | flags, payload, size, fd);
}

int raw_device_reply(struct raw_device *device, uint32_t request, void *payload, uint32_t size)
{
	struct vhost_user_header header;
	int64_t deadline_ms = now_ms() + RAW_TIMEOUT_MS;
	int fd, error;

	for (;;) {
		struct pollfd poll_fds[] = {{.fd = device->socket, .events = POLLIN},
			{.fd = device->backend, .events = POLLIN}};

		if (now_ms() >= deadline_ms ||
			poll(poll_fds, device->backend < 0 ? 1 : 2, RAW_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		if (poll_fds[0].revents)
			break;
		if (serve_backend(device) < 0) { /* its end: the main socket's follows */
			close(device->backend);
			device->backend = -1;
		}
	}
	error = receive_bytes(device->socket, &header, sizeof(header), &fd);
	if (error)
		return error;
	if (header.request != request || header.size > size ||
		!(header.flags & VHOST_USER_FLAG_REPLY))
		return -EPROTO;
	error = receive_bytes(device->socket, payload, header.size, &fd);
	return error ? error : (int)header.size;
}

int64_t raw_device_acknowledged(
	struct raw_device *device, uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint64_t value = 0;
	int error =
		raw_device_message(device, request, VHOST_USER_FLAG_NEED_REPLY, payload, size, fd);

	error = error ? error : raw_device_reply(device, request, &value, sizeof(value));
	return error < 0 ? error : value != 0;
}

/* Bringing it up. */

static int connect_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int say_hello(struct raw_device *device)
{
	uint64_t protocol = 0, number = 0, taken;
	struct vhost_user_shmem_config shmem;
	int pair[2];
	int error = raw_device_message(device, VHOST_USER_GET_FEATURES, 0, NULL, 0, -1);

	error = error ? error
		      : raw_device_reply(device, VHOST_USER_GET_FEATURES, &device->features, 8);
	if (error < 0)
		return error;
	raw_device_message(device, VHOST_USER_GET_PROTOCOL_FEATURES, 0, NULL, 0, -1);
	error = raw_device_reply(device, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol, 8);
	if (error < 0)
		return error;
	raw_device_message(device, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol, 8, -1);
	raw_device_message(device, VHOST_USER_GET_QUEUE_NUM, 0, NULL, 0, -1);
	error = raw_device_reply(device, VHOST_USER_GET_QUEUE_NUM, &number, 8);
	if (error < 0 || number < 2)
		return error < 0 ? error : -EPROTO;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	error = raw_device_message(device, VHOST_USER_SET_BACKEND_REQ_FD, 0, NULL, 0, pair[1]);
	close(pair[1]);
	device->backend = pair[0];
	raw_device_message(device, VHOST_USER_SET_OWNER, 0, NULL, 0, -1);
	taken = device->features & WANTED_FEATURES;
	raw_device_message(device, VHOST_USER_SET_FEATURES, 0, &taken, 8, -1);
	raw_device_message(device, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, -1);
	error = error
		? error
		: raw_device_reply(device, VHOST_USER_GET_SHMEM_CONFIG, &shmem, sizeof(shmem));
	device->region_size = shmem.sizes[VIRTIO_GPU_SHM_ID_HOST_VISIBLE];
	return error < 0 ? error : 0;
}

/* A device that still works off the end of the last frontend refuses the next one: it is asked
 * again. */
int raw_device_connect(struct raw_device *device, const char *path)
{
	int64_t deadline_ms = now_ms() + RAW_TIMEOUT_MS;
	int error;

	do {
		memset(device, 0, sizeof(*device));
		device->backend = device->memory_fd = -1;
		for (int i = 0; i < 2; i++)
			device->kick[i] = device->call[i] = device->error[i] = -1;
		device->socket = connect_socket(path);
		error = device->socket < 0 ? device->socket : say_hello(device);
		if (!error)
			return 0;
		raw_device_close(device);
		usleep(20000);
	} while (now_ms() < deadline_ms);
	fprintf(stderr, "%s: %s\n", path, strerror(-error));
	return error;
}

static int start_queue(struct raw_device *device, unsigned queue)
{
	uint64_t ring = RAW_MEMORY_USER + RAW_RING(queue), index = queue;
	struct vhost_user_vring_state size = {queue, RAW_QUEUE_SIZE}, base = {queue, 0},
				      enable = {queue, 1};
	struct vhost_user_vring_addr addr = {.index = queue,
		.descriptors = ring,
		.available = ring + RAW_AVAILABLE,
		.used = ring + RAW_USED};

	device->kick[queue] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	device->call[queue] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	device->error[queue] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	raw_device_message(device, VHOST_USER_SET_VRING_NUM, 0, &size, sizeof(size), -1);
	raw_device_message(device, VHOST_USER_SET_VRING_BASE, 0, &base, sizeof(base), -1);
	raw_device_message(device, VHOST_USER_SET_VRING_ADDR, 0, &addr, sizeof(addr), -1);
	raw_device_message(
		device, VHOST_USER_SET_VRING_ERR, 0, &index, sizeof(index), device->error[queue]);
	raw_device_message(
		device, VHOST_USER_SET_VRING_CALL, 0, &index, sizeof(index), device->call[queue]);
	raw_device_message(
		device, VHOST_USER_SET_VRING_KICK, 0, &index, sizeof(index), device->kick[queue]);
	return raw_device_acknowledged(
		       device, VHOST_USER_SET_VRING_ENABLE, &enable, sizeof(enable), -1) == 0
		? 0
		: -EPROTO;
}

int raw_device_start(struct raw_device *device)
{
	device->memory_bytes = max_u64(device->memory_bytes, RAW_MEMORY_BYTES);
	struct vhost_user_memory table = {.n_regions = 1,
		.regions = {{.guest_address = RAW_MEMORY_GUEST,
			.size = device->memory_bytes,
			.user_address = RAW_MEMORY_USER}}};
	int error;

	device->memory_fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (device->memory_fd < 0 ||
		ftruncate(device->memory_fd, (off_t)device->memory_bytes) < 0 ||
		(device->sealed && fcntl(device->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0))
		return -errno;
	device->memory = mmap(NULL, device->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		device->memory_fd, 0);
	if (device->memory == MAP_FAILED)
		return -errno;
	if (raw_device_acknowledged(
		    device, VHOST_USER_SET_MEM_TABLE, &table, 8 + 32, device->memory_fd) != 0)
		return -EPROTO;
	error = start_queue(device, 0);
	return error ? error : start_queue(device, 1);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void raw_device_close(struct raw_device *device)
{
	close_fd(device->socket);
	close_fd(device->backend);
	close_fd(device->memory_fd);
	for (int i = 0; i < 2; i++) {
		close_fd(device->kick[i]);
		close_fd(device->call[i]);
		close_fd(device->error[i]);
	}
	if (device->memory)
		munmap(device->memory, device->memory_bytes);
	if (device->region)
		munmap(device->region, device->region_bytes);
	device->memory = device->region = NULL;
	device->socket = device->backend = -1;
}

/* The ring. */

uint64_t raw_guest(uint32_t offset)
{
	return RAW_MEMORY_GUEST + offset;
}

struct vring_desc *raw_descriptors(struct raw_device *device, unsigned queue)
{
	return (struct vring_desc *)(device->memory + RAW_RING(queue));
}

void raw_device_kick(struct raw_device *device)
{
	uint64_t one = 1;

	if (write(device->kick[0], &one, sizeof(one)) < 0)
		perror("kick");
}

void raw_device_offer(struct raw_device *device, uint16_t head)
{
	struct vring_avail *available =
		(struct vring_avail *)(device->memory + RAW_RING(0) + RAW_AVAILABLE);

	if (head < RAW_QUEUE_SIZE)
		device->done[head] = false;
	available->ring[available->idx % RAW_QUEUE_SIZE] = head;
	__atomic_store_n(&available->idx, (uint16_t)(available->idx + 1), __ATOMIC_RELEASE);
}

void raw_device_post(struct raw_device *device, uint16_t head)
{
	raw_device_offer(device, head);
	raw_device_kick(device);
}

/* Marks what has come on the used ring; whether @head (-1: anything) is among what was marked, now
 * or before. */
static bool look_at_used(struct raw_device *device, int head)
{
	const struct vring_used *used =
		(const struct vring_used *)(device->memory + RAW_RING(0) + RAW_USED);
	uint16_t index = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);
	bool any = device->used_seen != index;

	for (; device->used_seen != index; device->used_seen++) {
		uint32_t id = used->ring[device->used_seen % RAW_QUEUE_SIZE].id;

		if (id < RAW_QUEUE_SIZE) {
			device->done[id] = true;
			device->used_at[id] = device->used_seen;
		} else {
			device->nonsense = true;
		}
	}
	return head < 0 ? any : device->done[head];
}

enum raw_end raw_device_wait(struct raw_device *device, int head, int timeout_ms)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	uint64_t count;

	for (;;) {
		struct pollfd poll_fds[] = {{.fd = device->call[0], .events = POLLIN},
			{.fd = device->error[0], .events = POLLIN},
			{.fd = device->backend, .events = POLLIN},
			{.fd = device->socket, .events = POLLIN}};
		int left_ms = (int)(deadline_ms - now_ms());

		if (look_at_used(device, head))
			return RAW_ANSWERED;
		if (left_ms <= 0 || poll(poll_fds, 4, left_ms) == 0)
			return RAW_SILENT;
		if (poll_fds[1].revents)
			return RAW_STOPPED;
		if (poll_fds[3].revents)
			return RAW_CLOSED;
		if (poll_fds[2].revents && serve_backend(device) < 0)
			return RAW_CLOSED;
		if (poll_fds[0].revents && read(device->call[0], &count, sizeof(count)) < 0)
			return RAW_CLOSED;
	}
}

void raw_device_prepare(
	struct raw_device *device, unsigned slot, const void *command, size_t size, size_t response)
{
	struct vring_desc *descriptors = raw_descriptors(device, 0) + 2 * slot;

	memcpy(device->memory + RAW_REQUEST(slot), command, size);
	memset(device->memory + RAW_RESPONSE(slot), 0, 4096);
	descriptors[0] = (struct vring_desc){.addr = raw_guest(RAW_REQUEST(slot)),
		.len = (uint32_t)size,
		.flags = VRING_DESC_F_NEXT,
		.next = (uint16_t)(2 * slot + 1)};
	descriptors[1] = (struct vring_desc){.addr = raw_guest(RAW_RESPONSE(slot)),
		.len = (uint32_t)response,
		.flags = VRING_DESC_F_WRITE};
}

const void *raw_device_response(const struct raw_device *device, unsigned slot)
{
	return device->memory + RAW_RESPONSE(slot);
}

uint32_t raw_device_answer(struct raw_device *device, unsigned slot)
{
	if (raw_device_wait(device, (int)(2 * slot), RAW_TIMEOUT_MS) != RAW_ANSWERED)
		return 0;
	return ((const struct virtio_gpu_ctrl_hdr *)raw_device_response(device, slot))->type;
}

uint32_t raw_device_command(
	struct raw_device *device, const void *command, size_t size, size_t response)
{
	raw_device_prepare(device, 0, command, size, response);
	raw_device_post(device, 0);
	return raw_device_answer(device, 0);
}
