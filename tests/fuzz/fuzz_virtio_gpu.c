/*
 * Commands of a guest through a virtqueue into the device, between them what else may happen. The
 * input is a list of steps: a byte for what to do, then what it needs.
 */
#include "host-bridge/gpu/device.h"

#include <sys/socket.h>

#include "protocol/base/bytes.h"
#include "protocol/base/log.h"
#include "tests/unit/fake_compositor.h"
#include "tests/unit/machine.h"

#ifdef FUZZ_RENDERER
#include "tests/unit/fake_worker.h"
#endif

#define FIRST_DISPLAY_STEP 0xf0
#define MAX_OFFERED 400 /* descriptors are used round and round */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes, *end;
};

static uint8_t take_u8(struct input *input)
{
	return input->bytes < input->end ? *input->bytes++ : 0;
}

/* A command's bytes, in one readable descriptor or in two; @queue as its number. */
static void offer(struct input *input, uint32_t queue)
{
	uint32_t in_size = take_u8(input) * 8u;
	size_t wanted = take_u8(input);
	wanted |= (size_t)take_u8(input) << 8;
	uint32_t size = (uint32_t)min_u64(wanted, (size_t)(input->end - input->bytes));
	if (size > 0)
		machine_offer(queue, input->bytes, size, in_size);
	input->bytes += size;
}

/* The monitor that shows the scanouts: our end of its socket. */
static int display = -1;

static void pass_display(void)
{
	int ends[2];
	fd_close(&display);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		abort();
	display = ends[1];
	machine.vhost_user.device->set_console(machine.vhost_user.data, ends[0]);
}

/* An answer that is whole, but for what the input says. */
static void answer_display(struct input *input)
{
	static const uint32_t sizes[] = {0, 8, 408, 1056};
	uint8_t bytes[12 + 1056] = {0}, request = take_u8(input), how = take_u8(input);
	uint32_t size = sizes[how % 4];
	store_u32(bytes, request);
	store_u32(bytes + 4, how & 4 ? 0 : 4);
	store_u32(bytes + 8, size + (how >> 5));
	memset(bytes + 12, take_u8(input), size);
	const struct iovec iov = {bytes, 12 + size};
	fd_send(display, &iov, 1, &display, how & 8 ? 1 : 0);
}

static void show(struct input *input, uint8_t what)
{
	uint8_t raw[255];
	struct iovec iov = {raw, 0};

	if (what % 4 == 0 || display < 0) {
		pass_display();
	} else if (what % 4 == 1) {
		answer_display(input);
	} else if (what % 4 == 2) {
		while (read(display, raw, sizeof(raw)) > 0)
			continue;
	} else {
		const uint8_t length = take_u8(input);
		iov.iov_len = min_u64(length, (size_t)(input->end - input->bytes));
		memcpy(raw, input->bytes, iov.iov_len);
		input->bytes += iov.iov_len;
		fd_send(display, &iov, 1, NULL, 0);
	}
}

static void end_display(void)
{
	if (display >= 0)
		machine.vhost_user.device->left(machine.vhost_user.data);
	fd_close(&display);
}

static void speak(struct input *input)
{
	uint8_t what = take_u8(input);
	if (what >= FIRST_DISPLAY_STEP) {
		show(input, what);
		return;
	}
	struct wire_handle handle = {.fd = -1};
	if (!fake_compositor)
		return;
	switch (what % 6) {
	case 0:
		handle = wire_handle_fd(fd_memfd_constant("file", "contents", 8));
		/* fall through */
	case 1:
		fake_compositor->listener->to_guest(fake_compositor->data,
			(const uint8_t *)"wayland!", 8, &handle, handle.fd >= 0);
		break;
	case 2:
		fake_compositor->congested = !fake_compositor->congested;
		fake_compositor->listener->drained(fake_compositor->data);
		break;
	case 3:
		fake_compositor->listener->closed(fake_compositor->data);
		break;
	default:
		fake_compositor_drop_handles(fake_compositor);
		break;
	}
}

/* Stop and go on, or a new boot. */
static void restart(struct input *input)
{
	struct vhost_user *vu = &machine.vhost_user;
	uint8_t what = take_u8(input);
	if (what % 4 == 0) {
		machine_reset();
		vu->no_region = what & 0x80;
		vu->slow = what & 0x40;
		machine_boot();
		return;
	}
	vu->running = false;
	virtqueue_pause(vu->queues[0]);
	virtqueue_pause(vu->queues[1]);
	if (fake_compositor)
		fake_compositor->listener->to_guest(
			fake_compositor->data, (const uint8_t *)"stopped!", 8, NULL, 0);
	machine_turn();
	virtqueue_resume(vu->queues[0], true);
	virtqueue_resume(vu->queues[1], true);
	vu->running = true;
	vu->device->started(vu->data, true);
}

#ifdef FUZZ_RENDERER
#define MAX_WORKERS 16
#define FIRST_WORKER_STEP 0xe0

static struct fake_worker workers[MAX_WORKERS];
static unsigned n_workers;

/* What new workers there are; surplus ones are gone at once. */
static void meet_workers(void)
{
	struct fake_worker worker;
	for (int type; (type = fake_spawner_serve(&worker, 0)) >= 0;) {
		if (type == RENDERER_SPAWN && n_workers < MAX_WORKERS)
			workers[n_workers++] = worker;
		else if (type == RENDERER_SPAWN)
			fake_worker_close(&worker);
	}
}

static void lose_worker(unsigned i)
{
	fake_worker_close(&workers[i]);
	workers[i] = workers[--n_workers];
}

/* An answer that is right, but for what the input says. */
static void answer_as_told(struct fake_worker *worker, struct input *input, uint8_t how)
{
	struct renderer_answer answer = fake_answer(worker, how & 1 ? -EINVAL : 0);
	int fd = -1;
	if (how & 2) {
		fd = fd_memfd("blob", (size_t)take_u8(input) * 4096);
		answer.blob.fd_type = take_u8(input);
		answer.blob.map_info = take_u8(input);
		answer.blob.fd_offset = take_u8(input) * 1024u;
		answer.blob.stride = take_u8(input) * 4u;
		answer.blob.size = how & 4 ? take_u8(input) * 1024u
			: worker->in.request.type == RENDERER_CREATE_3D
			? worker->in.request.create_3d.shared_bytes
			: worker->in.request.create_blob.size;
	}
	if (how & 8)
		answer.serial += take_u8(input);
	const struct iovec iov = {.iov_base = &answer, .iov_len = sizeof(answer)};
	fd_send(worker->socket, &iov, 1, &fd, fd >= 0);
	fd_close(&fd);
}

static void work(struct input *input)
{
	uint8_t what = take_u8(input), how = take_u8(input);
	meet_workers();
	if (n_workers == 0)
		return;
	struct fake_worker *worker = &workers[what % n_workers];
	switch (what >> 4) {
	case 0: /* raw bytes */
	{
		const struct iovec iov = {.iov_base = (void *)(uintptr_t)input->bytes,
			.iov_len = min_u64(how, (size_t)(input->end - input->bytes))};
		fd_send(worker->socket, &iov, 1, NULL, 0);
		input->bytes += iov.iov_len;
		break;
	}
	case 1:
		lose_worker(what % n_workers);
		return;
	default: /* up to so many requests */
		for (unsigned i = 0; i < (what >> 4); i++) {
			int type = fake_worker_receive(worker);
			if (type < 0) {
				lose_worker(what % n_workers);
				return;
			}
			if (type > 0 && worker->in.request.serial != 0)
				answer_as_told(worker, input, how);
		}
	}
}

static void start_renderer(void)
{
	machine_renderer = fake_renderer_create();
}

static void end_workers(void)
{
	meet_workers();
	while (n_workers > 0)
		lose_worker(0);
}
#else
#define FIRST_WORKER_STEP 0x100

static void work(struct input *input)
{
}

static void start_renderer(void)
{
}

static void end_workers(void)
{
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct input input = {data, data + size};
	if (!ready) {
		log_set_level(LOG_LEVEL_ERROR);
		start_renderer();
		machine_create();
		machine.kinds.rate.per_second = 1000000; /* as if time passed */
		ready = true;
	}
	machine.vhost_user.no_region = false;
	machine.vhost_user.slow = false;
	machine_boot();
	for (unsigned offered = 0; input.bytes < input.end && offered < MAX_OFFERED;) {
		unsigned step = take_u8(&input);
		if (step >= FIRST_WORKER_STEP) {
			work(&input);
			continue;
		}
		switch (step % 8) {
		case 0:
		case 1:
		case 2:
			offer(&input, 0);
			offered++;
			break;
		case 3:
			offer(&input, 1);
			offered++;
			break;
		case 4:
			machine_kick(0);
			machine_kick(1);
			break;
		case 5:
			machine_turn();
			break;
		case 6:
			speak(&input);
			break;
		case 7:
			restart(&input);
			break;
		}
	}
	machine_kick(0);
	machine_kick(1);
	machine_turn();
	/* Whatever it was: with the guest everything goes; the table asserts it. */
	machine_reset();
	end_workers();
	end_display();
	for (size_t i = 0; i < QUOTA_N_LIMITS; i++)
		assert(machine.quota.entries[i].use == 0);
	assert(!fake_compositor);
	return 0;
}
