/*
 * Commands of a guest through a virtqueue into the device, between them what else may happen. The
 * input is a list of steps: a byte for what to do, then what it needs.
 */
#include "host-bridge/device.h"

#include "../unit/fake_compositor.h"
#include "../unit/machine.h"
#include "protocol/bytes.h"
#include "protocol/log.h"

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

static void speak(struct input *input)
{
	uint8_t what = take_u8(input);
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
		vu->no_window = what & 0x80;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct input input = {data, data + size};
	if (!ready) {
		log_set_level(LOG_LEVEL_ERROR);
		machine_create();
		ready = true;
	}
	machine.vhost_user.no_window = false;
	machine_boot();
	for (unsigned offered = 0; input.bytes < input.end && offered < MAX_OFFERED;) {
		switch (take_u8(&input) % 8) {
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
	assert(!fake_compositor);
	return 0;
}
