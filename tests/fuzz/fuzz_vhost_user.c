/*
 * A frontend gone wild: a stream of vhost-user messages with fds, kicks, writes to guest memory
 * and answers on the backend's channel, against the backend with a device that echoes. Run it
 * with -close_fd_mask=2: the log is long.
 */
#include "host-bridge/contexts/given_files.h"
#include "host-bridge/vhost/vhost_user.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY_BYTES 0x20000u
#define REGION_BYTES UINT64_C(0x100000)
#define MAX_POPS 2048

/*
 * The first byte of a step, modulo 8; with bit 7 the next step follows before the backend has its
 * turn.
 */
enum step {
	STEP_MESSAGE = 0, /* u8 request (0xfe: GIVE_FILE), u8 flags, u16 size, u8 fds (count, kind
			     << 4), payload */
	STEP_RAW = 1,     /* u8 size, bytes */
	STEP_KICK = 2,    /* u8 which */
	STEP_MEMORY = 3,  /* u24 offset, u8 size, bytes */
	STEP_ANSWER = 4,  /* u8 request, u8 value: waits on the backend's channel */
	STEP_RECONNECT = 5,
	STEP_COMPLETE = 6, /* the device completes a held chain */
};

static struct {
	struct wl_event_loop *loop;
	struct vhost_user *vu;
	int socket;  /* our end */
	int backend; /* our end of the last channel that was passed */
	int memory_fd, region_fd;
	uint8_t *memory;
	int events[4];
	struct virtqueue_chain chain, held;
	bool holds;
	struct given_files files;
	unsigned mapping; /* maps and unmaps that have not come to an end */
} f;

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static size_t take(struct input *input, uint8_t *to, size_t size)
{
	size_t n = size < input->size ? size : input->size;
	memcpy(to, input->data, n);
	input->data += n;
	input->size -= n;
	return n;
}

/* The device. */

static void get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out)
{
	memset(out, 0x55, size);
}

static void set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes)
{
	static uint8_t config[256];
	memcpy(config, bytes, size);
}

static void handle_mapped(void *data, int result)
{
	f.mapping--;
}

static void map_region(bool unmap)
{
	f.mapping += (unmap ? vhost_user_shmem_unmap(f.vu, 1, 0, REGION_BYTES, handle_mapped, NULL)
			    : vhost_user_shmem_map(f.vu, 1, f.region_fd, 0, 0, REGION_BYTES,
				      handle_mapped, NULL)) == 0;
}

static void echo(struct virtqueue *queue, const struct virtqueue_chain *chain)
{
	uint8_t bytes[256];
	size_t n = virtqueue_read(queue, chain, 0, bytes, sizeof(bytes));
	size_t written =
		virtqueue_write(queue, chain->segments + chain->n_out, chain->n_in, 3, bytes, n);
	virtqueue_push(queue, chain->head, (uint32_t)written);
	virtqueue_notify(queue);
}

static int process(void *data, uint32_t index)
{
	struct virtqueue *queue = vhost_user_queue(f.vu, index);
	for (int pops = 0; pops < MAX_POPS; pops++) {
		int result = virtqueue_pop(queue, &f.chain);
		if (result < 0)
			return result;
		if (result == 0 && !virtqueue_enable_kicks(queue))
			return 0;
		if (result == 0)
			continue;
		uint8_t command = 0;
		virtqueue_read(queue, &f.chain, 0, &command, 1);
		if (command == 'm' || command == 'u')
			map_region(command == 'u');
		if (command == 'h') {
			f.held = f.chain;
			f.holds = true;
		} else {
			echo(queue, &f.chain);
		}
	}
	return 0;
}

static void started(void *data, bool resumed)
{
	if (!resumed)
		map_region(false);
}

static void reset(void *data)
{
	f.holds = false;
	given_files_clear(&f.files);
	if (f.mapping != 0)
		abort();
}

static void left(void *data)
{
	given_files_clear(&f.files);
}

static void memory_changed(void *data)
{
}

static int give_file(void *data, uint64_t id, uint64_t size, int fd)
{
	given_files_add(&f.files, id, size, fd);
	return 0;
}

static const struct vhost_user_device device = {
	.features = 0x1f,
	.n_queues = 2,
	.shmem_sizes = {0, REGION_BYTES},
	.get_config = get_config,
	.set_config = set_config,
	.process = process,
	.started = started,
	.reset = reset,
	.left = left,
	.memory_changed = memory_changed,
	.give_file = give_file,
};

/* The frontend. */

static void connect_frontend(void)
{
	int ends[2];
	if (f.socket >= 0)
		close(f.socket);
	for (int i = 0; i < 4; i++)
		wl_event_loop_dispatch(f.loop, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	f.socket = ends[1];
	vhost_user_adopt(f.vu, ends[0]);
}

static int make_fd(unsigned kind)
{
	int ends[2];
	switch (kind % 8) {
	case 0:
		return fd_dup(f.memory_fd);
	case 5:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
			abort();
		if (f.backend >= 0)
			close(f.backend);
		f.backend = ends[0];
		return ends[1];
	case 6:
		if (pipe2(ends, O_CLOEXEC) < 0)
			abort();
		close(ends[0]);
		return ends[1];
	case 7:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return fd_dup(f.events[kind % 8 - 1]);
	}
}

static void send_message(struct input *input)
{
	struct vhost_user_message message;
	uint8_t head[5] = {0};
	take(input, head, sizeof(head));
	vhost_user_message_init(&message, head[0] == 0xfe ? VHOST_USER_GIVE_FILE : head[0],
		(uint32_t)(head[2] | head[3] << 8));
	message.header.flags = head[1];
	size_t size = message.header.size;
	if (size > sizeof(message.payload))
		size = sizeof(message.payload);
	take(input, message.payload.bytes, size);

	int fds[16];
	size_t n_fds = head[4] & 15;
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = make_fd(
			(unsigned)(head[4] >> 4) + (unsigned)(i > 0 && (head[4] & 0x80) ? i : 0));
	struct iovec iov[2] = {{&message.header, sizeof(message.header)}, {&message.payload, size}};
	fd_send(f.socket, iov, 2, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

static void answer(struct input *input)
{
	struct vhost_user_message message;
	vhost_user_message_init(&message, next(input), sizeof(uint64_t));
	message.header.flags |= VHOST_USER_FLAG_REPLY;
	message.payload.u64 = next(input);
	if (f.backend >= 0)
		vhost_user_send(f.backend, &message, 0);
}

static void write_memory(struct input *input)
{
	size_t offset = next(input);
	offset |= (size_t)next(input) << 8;
	offset |= (size_t)next(input) << 16;
	offset %= MEMORY_BYTES;
	size_t size = next(input);
	take(input, f.memory + offset, size < MEMORY_BYTES - offset ? size : MEMORY_BYTES - offset);
}

static void do_step(uint8_t step, struct input *input)
{
	uint8_t raw[255];
	uint64_t one = 1;
	struct iovec iov = {raw, 0};

	switch (step & 7) {
	case STEP_MESSAGE:
		send_message(input);
		break;
	case STEP_RAW:
		iov.iov_len = take(input, raw, next(input));
		fd_send(f.socket, &iov, 1, NULL, 0);
		break;
	case STEP_KICK:
		if (write(f.events[next(input) % 4], &one, sizeof(one)) < 0)
			break;
		break;
	case STEP_MEMORY:
		write_memory(input);
		break;
	case STEP_ANSWER:
		answer(input);
		break;
	case STEP_RECONNECT:
		connect_frontend();
		break;
	case STEP_COMPLETE:
		if (f.holds)
			echo(vhost_user_queue(f.vu, 0), &f.held);
		f.holds = false;
		break;
	}
	if (!(step & 0x80)) {
		for (int i = 0; i < 3; i++)
			wl_event_loop_dispatch(f.loop, 0);
	}
}

static int count_fds(void)
{
	/* The lowest free fd tells of a leak, and costs one system call. */
	int fd = fd_dup(f.memory_fd);
	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool initialized;
	if (!initialized) {
		initialized = true;
		log_set_level(LOG_LEVEL_ERROR);
		f.memory_fd = fd_memfd("guest", MEMORY_BYTES);
		f.region_fd = fd_memfd("region", REGION_BYTES);
		f.memory = mmap(
			NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f.memory_fd, 0);
	}
	int fds_before = count_fds();
	struct input input = {data, size};
	memset(f.memory, 0, MEMORY_BYTES);
	for (int i = 0; i < 4; i++)
		f.events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f.socket = f.backend = -1;
	f.holds = false;
	f.loop = wl_event_loop_create();
	f.vu = vhost_user_create(f.loop, NULL, -1, &device, NULL);
	connect_frontend();
	while (input.size > 0)
		do_step(next(&input), &input);
	for (int i = 0; i < 4; i++)
		wl_event_loop_dispatch(f.loop, 0);
	vhost_user_destroy(f.vu);
	wl_event_loop_destroy(f.loop);
	close(f.socket);
	fd_close(&f.backend);
	for (int i = 0; i < 4; i++)
		close(f.events[i]);
	if (count_fds() != fds_before)
		abort();
	return 0;
}
