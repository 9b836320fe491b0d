/* host-bridge/gpu/device.c and requests.c: turns, fences, the end of a guest */
#include "host-bridge/gpu/device.h"

#include <sys/stat.h>

#include "tests/unit/device_world.h"

static void fences_are_echoed_also_with_errors(void **state)
{
	const struct virtio_gpu_ctrl_hdr hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX | 1u << 31,
		.fence_id = UINT64_C(0x123456789a),
		.ctx_id = 7,
		.ring_idx = 3};
	struct virtio_gpu_resource_unref out = {.hdr = hdr, .resource_id = 1};

	assert_int_equal(command(&out, sizeof(out)), BAD_RESOURCE);
	assert_int_equal(response.hdr.flags, VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
	assert_int_equal(response.hdr.fence_id, hdr.fence_id);
	assert_int_equal(response.hdr.ctx_id, 7);
	assert_int_equal(response.hdr.ring_idx, 3);
	out.hdr.flags = VIRTIO_GPU_FLAG_FENCE;
	assert_int_equal(command(&out, sizeof(out)), BAD_RESOURCE);
	assert_int_equal(response.hdr.flags, VIRTIO_GPU_FLAG_FENCE);
	assert_int_equal(response.hdr.ring_idx, 0);
	out.hdr.flags = 0;
	assert_int_equal(command(&out, sizeof(out)), BAD_RESOURCE);
	assert_int_equal(response.hdr.flags, 0);
	assert_int_equal(response.hdr.fence_id, 0);
	out.hdr.flags = VIRTIO_GPU_FLAG_INFO_RING_IDX;
	out.hdr.ring_idx = 64;
	assert_int_equal(command(&out, sizeof(out)), BAD_PARAMETER);
}

static void a_poll_waits_for_its_event_on_its_ring(void **state)
{
	open_channel();
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	assert_false(answered(poll));

	/* Fences elsewhere do not wait. */
	const int rings[] = {-2, -1, 0, 2, 63};
	for (size_t i = 0; i < ARRAY_LENGTH(rings); i++) {
		uint16_t head = offer_submit(1, &poll_command, sizeof(poll_command), rings[i], 5);
		machine_kick(0);
		assert_true(answered(head));
		assert_int_equal(response.hdr.type, OK);
	}
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	assert_true(answered(poll));
	assert_int_equal(response.hdr.type, OK);
	assert_int_equal(response.hdr.fence_id, 77);
	assert_int_equal(response.hdr.ring_idx, 1);
	assert_int_equal(machine.ram[MACHINE_PAGES + 8192], CROSS_DOMAIN_CMD_RECEIVE);
	assert_memory_equal(machine.ram + MACHINE_PAGES + 8192 + 352, "wayland!", 8);
}

static void a_poll_without_a_kick_is_found_when_it_is_needed(void **state)
{
	open_channel();
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	assert_false(answered(poll));
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	assert_true(answered(poll));
}

static void a_kick_is_asked_for_while_an_event_waits(void **state)
{
	open_channel();
	machine_turn();
	const uint16_t *flags = &machine.rings[0].used->flags;
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_turn();
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, CROSS_DOMAIN_USED_F_WANT_POLL);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	assert_true(answered(poll));
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
	/* A context that ends while it waits takes the wish with it. */
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_turn();
	assert_int_not_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
	assert_int_equal(destroy_context(1), OK);
	machine_turn();
	assert_int_equal(*flags & CROSS_DOMAIN_USED_F_WANT_POLL, 0);
}

/* What the device answers, in a hundred turns, before it answers @poll. */
static int answers_before(uint16_t poll)
{
	int before = 0;

	for (int i = 0; i < 100; i++)
		wl_event_loop_dispatch(machine.loop, 0);
	for (; !machine.answers[0][poll].there; before++)
		assert_true(machine_collect_one(0));
	return before;
}

/* Its queue need not be empty for that: it may be filled as fast as it is emptied. */
static void an_event_comes_between_commands(void **state)
{
	static const uint8_t refused[4096];
	open_channel();
	machine_turn();
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	for (int i = 0; i < 300; i++)
		offer_submit(1, refused, sizeof(refused), 0, 1);
	machine_kick(0);
	assert_in_range(answers_before(poll), 1, 100);
	machine_turn();
}

#define WRITTEN_BYTES 65536u

/* What WRITE_FROM names is not in its command. */
static struct cross_domain_write_from write_from(uint32_t pipe)
{
	return (struct cross_domain_write_from){
		.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE_FROM,
			.cmd_size = sizeof(struct cross_domain_write_from)},
		.identifier = pipe,
		.resource_id = 3,
		.size = WRITTEN_BYTES,
	};
}

/* A pipe for what the guest writes; its reading end. */
static int open_write_pipe(uint32_t *id)
{
	struct cross_domain_send_receive event;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 76);
	machine_kick(0);
	struct wire_handle handle = {.kind = WIRE_WRITE_PIPE, .fd = ends[1]};
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"send....", 8, &handle, 1);
	assert_true(answered(poll));
	memcpy(&event, machine.ram + MACHINE_PAGES + 8192, sizeof(event));
	*id = event.identifiers[0];
	return ends[0];
}

/* Nobody waits for what a reader that has gone would take: the guest could write without end. */
static void a_guest_hears_of_a_gone_reader_between_its_writes(void **state)
{
	const struct cross_domain_credit window = {
		.hdr = {.cmd = CROSS_DOMAIN_CMD_CREDIT, .cmd_size = sizeof(window)},
		.bytes = 65536};
	uint32_t id;

	open_channel();
	assert_int_equal(submit(1, &window, sizeof(window)), OK);
	assert_int_equal(create_guest_blob(3, PAGES + (1u << 20), WRITTEN_BYTES), OK);
	assert_int_equal(attach(1, 3), OK);
	int reader = open_write_pipe(&id);
	close(reader);
	const struct cross_domain_write_from command = write_from(id);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	for (int i = 0; i < 100; i++)
		offer_submit(1, &command, sizeof(command), 0, 1);
	machine_kick(0);
	assert_in_range(
		answers_before(poll), 2, (256 << 10) / WRITTEN_BYTES + 1); /* and its own answer */
	struct cross_domain_read_write event;
	memcpy(&event, machine.ram + MACHINE_PAGES + 8192, sizeof(event));
	assert_int_equal(event.hdr.cmd, CROSS_DOMAIN_CMD_READ);
	assert_int_equal(event.identifier, id);
	assert_int_equal(event.hang_up, 1);
	machine_turn();
}

static void many_answers_make_one_interrupt(void **state)
{
	open_channel();
	machine_turn();
	machine_interrupts(0);
	*ring_driver_used_event(&machine.rings[0]) = machine.rings[0].used->idx;
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 1);
	for (int i = 0; i < 20; i++)
		offer_submit(1, &poll_command, sizeof(poll_command), 0, 2);
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_kick(0);
	assert_true(answered(poll));
	assert_int_equal(machine_interrupts(0), 1);
}

static void a_dying_context_answers_what_it_held(void **state)
{
	open_channel();
	uint16_t polls[3];
	for (size_t i = 0; i < 3; i++)
		polls[i] = offer_submit(1, &poll_command, sizeof(poll_command), 1, i);
	assert_int_equal(destroy_context(1), OK);
	for (size_t i = 0; i < 3; i++)
		assert_true(answered(polls[i]));
	assert_null(fake_compositor);
	assert_int_equal(stat_of("live contexts"), 0);
}

static void a_context_with_too_many_polls_is_lost(void **state)
{
	uint16_t polls[300];
	open_channel();
	for (size_t i = 0; i < ARRAY_LENGTH(polls); i++)
		polls[i] = offer_submit(1, &poll_command, sizeof(poll_command), 1, i);
	machine_kick(0);
	assert_true(answered(polls[256]));
	assert_int_equal(stat_of("contexts lost"), 1);
	assert_true(answered(polls[0]));
	assert_null(fake_compositor);
	/* The others go on. */
	assert_int_equal(create_context(2), OK);
	assert_int_equal(destroy_context(1), OK);
	for (size_t i = 0; i < ARRAY_LENGTH(polls); i++)
		assert_true(answered(polls[i]));
}

static void a_reset_leaves_nothing(void **state)
{
	open_channel();
	assert_int_equal(create_host_blob(1, 5, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(5, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
	assert_int_equal(attach(1, 5), OK);
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	machine_reset();
	machine_turn();
	assert_false(machine.answers[0][poll].there);
	assert_null(fake_compositor);
	assert_int_equal(stat_of("live contexts"), 0);
	assert_int_equal(stat_of("live resources"), 0);
	assert_int_equal(stat_of("live host blob bytes"), 0);
	machine_boot();
	open_channel();
	assert_int_equal(create_host_blob(1, 5, ask_for_image(4096), 4096), OK);
	assert_int_equal(map_blob(5, 0), VIRTIO_GPU_RESP_OK_MAP_INFO);
}

/*
 * Context 1 writes 6000 bytes and their end to a pipe that takes 4096 of them, and ends. What the
 * other end is.
 */
static int leave_a_full_pipe(void)
{
	int ends[2];
	struct {
		struct cross_domain_read_write write;
		uint8_t bytes[3000];
	} out = {.write = {.hdr = {.cmd = CROSS_DOMAIN_CMD_WRITE, .cmd_size = sizeof(out)},
			 .identifier = 2,
			 .opaque_data_size = sizeof(out.bytes)}};
	open_channel();
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	struct wire_handle handle = {.kind = WIRE_WRITE_PIPE, .fd = ends[1]};
	assert_int_equal(fake_compositor->listener->to_guest(
				 fake_compositor->data, (const uint8_t *)"send....", 8, &handle, 1),
		0);
	for (uint32_t end = 0; end < 2; end++) {
		out.write.hang_up = end;
		assert_int_equal(submit(1, &out, sizeof(out)), OK);
	}
	assert_int_equal(destroy_context(1), OK);
	assert_null(fake_compositor);
	return ends[0];
}

/* The bytes up to the end of file. */
static size_t read_all(int fd)
{
	static uint8_t bytes[8192];
	size_t got = 0;
	for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) != 0; machine_turn()) {
		assert_true(n > 0 || errno == EAGAIN);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

static void what_a_guest_has_written_outlives_its_context(void **state)
{
	int fd = leave_a_full_pipe();
	assert_int_equal(stat_of("live contexts"), 0);
	assert_int_equal(stat_of("live pipes"), 1);
	assert_int_equal(read_all(fd), 6000);
	assert_int_equal(stat_of("live pipes"), 0);
	close(fd);
}

static void what_a_guest_has_written_does_not_outlive_the_reset(void **state)
{
	int fd = leave_a_full_pipe();
	machine_reset();
	assert_int_equal(stat_of("live pipes"), 0);
	assert_in_range(read_all(fd), 1, 4096);
	close(fd);
}

static void a_start_without_a_reset_is_one(void **state)
{
	open_channel();
	machine_boot();
	assert_int_equal(stat_of("live contexts"), 0);
	open_channel();
}

static void while_the_driver_is_stopped_nothing_is_written(void **state)
{
	open_channel();
	uint16_t poll = offer_submit(1, &poll_command, sizeof(poll_command), 1, 77);
	machine_kick(0);
	machine.vhost_user.running = false;
	virtqueue_pause(machine.vhost_user.queues[0]);
	machine.ram[MACHINE_PAGES + 8192] = 0;
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	assert_false(answered(poll));
	assert_int_equal(machine.ram[MACHINE_PAGES + 8192], 0);

	virtqueue_resume(machine.vhost_user.queues[0], true);
	machine.vhost_user.running = true;
	machine.vhost_user.device->started(machine.vhost_user.data, true);
	assert_true(answered(poll));
	assert_int_equal(machine.ram[MACHINE_PAGES + 8192], CROSS_DOMAIN_CMD_RECEIVE);
}

static void a_broken_ring_stops_the_device_until_a_reset(void **state)
{
	open_channel();
	/* A descriptor outside memory, found by a look from the event loop. */
	struct ring_driver *ring = &machine.rings[0];
	ring_driver_describe(ring, 1000, 0, 4096, 0, 0);
	ring_driver_offer(ring, 1000);
	assert_int_equal(machine_kick(0), 0);
	fake_compositor->listener->to_guest(
		fake_compositor->data, (const uint8_t *)"wayland!", 8, NULL, 0);
	machine_turn();
	assert_non_null(machine.vhost_user.broken);
	machine_reset();
	machine_boot();
	open_channel();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fences_are_echoed_also_with_errors),
		TEST(a_poll_waits_for_its_event_on_its_ring),
		TEST(a_poll_without_a_kick_is_found_when_it_is_needed),
		TEST(a_kick_is_asked_for_while_an_event_waits),
		TEST(an_event_comes_between_commands),
		TEST(a_guest_hears_of_a_gone_reader_between_its_writes),
		TEST(many_answers_make_one_interrupt),
		TEST(a_dying_context_answers_what_it_held),
		TEST(a_context_with_too_many_polls_is_lost),
		TEST(a_reset_leaves_nothing),
		TEST(what_a_guest_has_written_outlives_its_context),
		TEST(what_a_guest_has_written_does_not_outlive_the_reset),
		TEST(a_start_without_a_reset_is_one),
		TEST(while_the_driver_is_stopped_nothing_is_written),
		TEST(a_broken_ring_stops_the_device_until_a_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
