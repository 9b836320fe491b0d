/* host-bridge/gpu/commands_display.c and host-bridge/console, with a monitor that the test plays */
#include "host-bridge/console/console.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "host-bridge/console/pixel_layout.h"
#include "tests/unit/device_world.h"

#define SCANOUT(index, w, h) (&(const struct console_scanout){index, w, h})

/* --- the monitor --- */

static int monitor = -1; /* our end */

static struct {
	struct console_header header;
	union {
		uint64_t u64;
		struct console_scanout scanout;
		struct console_cursor_pos pos;
		struct console_cursor_update cursor;
		struct {
			struct console_update update;
			uint32_t pixels[CONSOLE_LINK_OUT_BYTES / 4];
		};
		uint8_t bytes[CONSOLE_LINK_OUT_BYTES];
	};
} message;

static bool read_all(void *to, size_t size)
{
	for (int idle = 0; size > 0 && idle < 100;) {
		ssize_t n = read(monitor, to, size);
		machine_turn();
		if (n == 0)
			return false;
		if (n < 0) {
			idle++;
			continue;
		}
		to = (uint8_t *)to + n;
		size -= (size_t)n;
		idle = 0;
	}
	return size == 0;
}

/* The next message. False: none comes, or the connection has ended. */
static bool receive(void)
{
	if (!read_all(&message.header, sizeof(message.header)))
		return false;
	assert_int_equal(message.header.flags, 0);
	assert_true(message.header.size <= sizeof(message.bytes));
	assert_true(read_all(message.bytes, message.header.size));
	return true;
}

static void expect(uint32_t request, size_t size)
{
	assert_true(receive());
	assert_int_equal(message.header.request, request);
	assert_int_equal(message.header.size, size);
}

static void expect_silence(void)
{
	char byte;
	machine_turn();
	assert_int_equal(read(monitor, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_end(void)
{
	while (receive())
		continue;
	char byte;
	assert_int_equal(read(monitor, &byte, 1), 0);
}

static void expect_scanout(uint32_t index, uint32_t width, uint32_t height)
{
	expect(CONSOLE_SCANOUT, sizeof(message.scanout));
	assert_memory_equal(
		&message.scanout, SCANOUT(index, width, height), sizeof(message.scanout));
}

static void expect_update(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	const struct console_update update = {0, x, y, width, height};
	expect(CONSOLE_UPDATE, sizeof(update) + (size_t)width * height * 4);
	assert_memory_equal(&message.update, &update, sizeof(update));
}

static void say(uint32_t request, uint32_t flags, const void *payload, uint32_t size)
{
	const struct console_header header = {request, flags, size};
	assert_int_equal(write(monitor, &header, sizeof(header)), sizeof(header));
	assert_int_equal(write(monitor, payload, size), size);
}

static void answer(uint32_t request, const void *payload, uint32_t size)
{
	say(request, CONSOLE_FLAG_REPLY, payload, size);
}

static void answer_info(uint32_t width)
{
	struct virtio_gpu_resp_display_info info = {.hdr.type = 0xdead,
		.pmodes = {{.r = {.width = width, .height = 77}, .enabled = 1}}};
	answer(CONSOLE_GET_DISPLAY_INFO, &info, sizeof(info));
}

/* GPU_SET_SOCKET. The monitor has not said a word. */
static void pass_socket(void)
{
	int ends[2];
	fd_close(&monitor);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	monitor = ends[1];
	assert_int_equal(
		machine.vhost_user.device->set_console(machine.vhost_user.data, ends[0]), 0);
}

static void connect_display(uint64_t features)
{
	pass_socket();
	expect(CONSOLE_GET_PROTOCOL_FEATURES, 0);
	answer(CONSOLE_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	expect(CONSOLE_SET_PROTOCOL_FEATURES, sizeof(features));
	assert_int_equal(message.u64, features & 3);
}

static int set_up_display(void **state)
{
	int result = set_up(state);
	log_set_level(LOG_LEVEL_ERROR);
	connect_display(3);
	return result;
}

static int tear_down_display(void **state)
{
	fd_close(&monitor);
	return tear_down(state);
}

/* --- the guest --- */

static uint32_t *picture(void)
{
	return (uint32_t *)(void *)(machine.ram + MACHINE_PAGES);
}

/* Resource @id of guest memory from PAGES on, whose pixels are their numbers. */
static void make_picture(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	struct {
		struct virtio_gpu_resource_attach_backing command;
		struct virtio_gpu_mem_entry entry;
	} backing = {{HDR(RESOURCE_ATTACH_BACKING), .resource_id = id, .nr_entries = 1},
		{.addr = PAGES, .length = width * height * 4}};
	for (uint32_t i = 0; i < width * height; i++)
		picture()[i] = i;
	assert_int_equal(create_2d(id, format, width, height), OK);
	assert_int_equal(command(&backing, sizeof(backing)), OK);
}

static uint32_t show(uint32_t scanout, uint32_t id, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
	return RUN(struct virtio_gpu_set_scanout, HDR(SET_SCANOUT), .scanout_id = scanout,
		.resource_id = id, .r = {.x = x, .y = y, .width = w, .height = h});
}

static uint32_t flush(uint32_t id, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
	return RUN(struct virtio_gpu_resource_flush, HDR(RESOURCE_FLUSH), .resource_id = id,
		.r = {.x = x, .y = y, .width = w, .height = h});
}

static void show_picture(void)
{
	make_picture(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 32);
	assert_int_equal(show(0, 1, 0, 0, 64, 32), OK);
	expect_scanout(0, 64, 32);
	expect_update(0, 0, 64, 32);
	assert_memory_equal(message.pixels, picture(), 64 * 32 * 4);
}

static uint16_t offer_question(uint32_t type, uint32_t scanout)
{
	const struct virtio_gpu_cmd_get_edid question = {.hdr.type = type, .scanout = scanout};
	uint16_t head = machine_offer(0, &question, sizeof(question), 2048);
	assert_int_equal(machine_kick(0), 0);
	return head;
}

static void move_cursor(uint32_t type, uint32_t id, uint32_t x, uint32_t y)
{
	const struct virtio_gpu_update_cursor cursor = {.hdr.type = type,
		.resource_id = id,
		.pos = {.x = x, .y = y},
		.hot_x = 3,
		.hot_y = 4};
	machine_offer(1, &cursor, sizeof(cursor), 0);
	assert_int_equal(machine_kick(1), 0);
}

/* --- tests --- */

static void a_guests_picture_is_seen(void **state)
{
	show_picture();
	picture()[5 * 64 + 7] = 0x123456;
	assert_int_equal(flush(1, 7, 5, 2, 3), OK);
	expect_update(7, 5, 2, 3);
	const uint32_t *rows = picture() + 5 * 64 + 7;
	for (int row = 0; row < 3; row++)
		assert_memory_equal(
			message.pixels + (ptrdiff_t)row * 2, rows + (ptrdiff_t)row * 64, 8);
	assert_int_equal(show(0, 0, 0, 0, 0, 0), OK);
	expect_scanout(0, 0, 0);
	assert_int_equal(flush(1, 0, 0, 64, 32), OK);
	expect_silence();
}

static void a_scanout_may_be_a_part_of_a_picture(void **state)
{
	make_picture(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 32);
	assert_int_equal(show(15, 1, 10, 20, 8, 4), OK);
	expect_scanout(15, 8, 4);
	expect(CONSOLE_UPDATE, sizeof(message.update) + 8 * 4 * 4);
	assert_int_equal(message.pixels[0], 20 * 64 + 10);
	assert_int_equal(message.pixels[31], 23 * 64 + 17);
	assert_int_equal(flush(1, 0, 0, 11, 21), OK);
	expect(CONSOLE_UPDATE, sizeof(message.update) + 4);
	assert_int_equal(message.update.x + message.update.y, 0);
	assert_int_equal(flush(1, 0, 0, 10, 32), OK);
	expect_silence();
	/* Another picture of the same size: no scanout is made anew. */
	make_picture(2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 8, 4);
	assert_int_equal(show(15, 2, 0, 0, 8, 4), OK);
	expect(CONSOLE_UPDATE, sizeof(message.update) + 8 * 4 * 4);
	assert_int_equal(show(16, 2, 0, 0, 8, 4), BAD_SCANOUT);
}

static void a_monitor_that_is_slow_holds_up_nobody(void **state)
{
	const uint32_t width = 1024, height = 1024;
	uint64_t pixels = 0;
	make_picture(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, width, height);
	assert_int_equal(show(0, 1, 0, 0, width, height), OK);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(flush(1, i % 900, i, 100, 1), OK);
	uint32_t *seen = calloc(width * height, 4);
	expect_scanout(0, width, height);
	while (receive()) {
		assert_int_equal(message.header.request, CONSOLE_UPDATE);
		const struct console_update u = message.update;
		for (uint32_t row = 0; row < u.height; row++)
			memcpy(seen + (u.y + row) * width + u.x, message.pixels + row * u.width,
				u.width * 4);
		pixels += u.width * u.height;
	}
	assert_memory_equal(seen, picture(), width * height * 4);
	free(seen);
	assert_true(pixels <= 2 * width * height);
}

static void all_formats_are_shown(void **state)
{
	const struct {
		uint32_t format;
		uint8_t bytes[4];
		uint32_t alpha;
	} formats[] = {
		{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, {3, 2, 1, 9}, 9},
		{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, {3, 2, 1, 9}, 255},
		{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, {9, 1, 2, 3}, 9},
		{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, {9, 1, 2, 3}, 255},
		{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, {1, 2, 3, 9}, 9},
		{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, {9, 3, 2, 1}, 255},
		{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, {9, 3, 2, 1}, 9},
		{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, {1, 2, 3, 9}, 255},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
		uint32_t out = 0;
		pixel_layout_convert(formats[i].format, formats[i].bytes, &out, 1);
		assert_int_equal(out, formats[i].alpha << 24 | 0x010203);
		assert_true(pixel_layout_known(formats[i].format));
	}
	assert_false(pixel_layout_known(0));
	make_picture(1, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 4, 1);
	picture()[2] = 0x00563412;
	assert_int_equal(show(0, 1, 0, 0, 4, 1), OK);
	expect_scanout(0, 4, 1);
	expect_update(0, 0, 4, 1);
	assert_int_equal(message.pixels[2] & 0xffffff, 0x123456);
}

static void a_picture_that_is_given_up_is_not_seen(void **state)
{
	show_picture();
	assert_int_equal(flush(1, 0, 0, 64, 32), OK);
	assert_int_equal(RUN(struct virtio_gpu_resource_detach_backing,
				 HDR(RESOURCE_DETACH_BACKING), .resource_id = 1),
		OK);
	expect_update(0, 0, 64, 32); /* its pages are there no more: black, or as it was */
	assert_int_equal(flush(1, 0, 0, 2, 1), OK);
	expect_update(0, 0, 2, 1);
	assert_int_equal(message.pixels[1], 0);
	assert_int_equal(unref(1), OK);
	expect_scanout(0, 0, 0);
	assert_int_equal(stat_of("live resources"), 0);
}

static void what_is_too_large_is_refused(void **state)
{
	assert_int_equal(create_2d(1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8192, 4097), OK);
	assert_int_equal(show(0, 1, 0, 0, 8192, 4097), BAD_PARAMETER);
	assert_int_equal(show(0, 1, 0, 0, 8192, 4096), OK);
	expect_scanout(0, 8192, 4096);
	expect(CONSOLE_UPDATE, sizeof(message.update) + (256 << 10));
}

static void the_monitor_says_what_displays_there_are(void **state)
{
	uint16_t first = offer_question(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	uint16_t second = offer_question(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	expect_silence();
	assert_false(answered(first));
	answer_info(1234);
	machine_turn();
	assert_true(answered(first));
	assert_int_equal(response.hdr.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(response.display_info.pmodes[0].r.width, 1234);
	/* The machine is stopped before the second has its answer: it is asked again. */
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	connect_display(0);
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	answer_info(4321);
	machine_turn();
	assert_true(answered(second));
	assert_int_equal(response.display_info.pmodes[0].r.width, 4321);
}

static void the_monitor_says_what_its_displays_can(void **state)
{
	struct virtio_gpu_resp_edid edid = {.size = 128, .edid = {1, 2, 3}};
	uint16_t head = offer_question(VIRTIO_GPU_CMD_GET_EDID, 0);
	expect(CONSOLE_GET_EDID, 4);
	answer(CONSOLE_GET_EDID, &edid, sizeof(edid));
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	answer_info(1);
	machine_turn();
	assert_true(answered(head));
	assert_int_equal(response.hdr.type, VIRTIO_GPU_RESP_OK_EDID);
	assert_int_equal(response_bytes, sizeof(edid));
	assert_memory_equal(response.bytes + 24, (uint8_t *)&edid + 24, 16);
	/* Of a scanout that it does not have it says nothing. */
	head = offer_question(VIRTIO_GPU_CMD_GET_EDID, 7);
	expect(CONSOLE_GET_EDID, 4);
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	answer_info(1);
	machine_turn();
	assert_true(answered(head));
	assert_int_equal(load_u32(response.bytes + 24), 0);
	/* One of old does not know the question. */
	connect_display(0);
	offer_question(VIRTIO_GPU_CMD_GET_EDID, 0);
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
}

static void the_cursor_is_seen(void **state)
{
	make_picture(1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64);
	move_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 10, 20);
	expect(CONSOLE_CURSOR_UPDATE, sizeof(message.cursor));
	assert_int_equal(message.cursor.pos.x * 100 + message.cursor.pos.y, 1020);
	assert_int_equal(message.cursor.hot_x * 10 + message.cursor.hot_y, 34);
	assert_memory_equal(message.cursor.pixels, picture(), 64 * 64 * 4);
	for (uint32_t i = 0; i < 50; i++)
		move_cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, 1, i, i);
	expect(CONSOLE_CURSOR_POS, sizeof(message.pos));
	while (message.pos.x != 49)
		expect(CONSOLE_CURSOR_POS, sizeof(message.pos));
	move_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 1, 2);
	expect(CONSOLE_CURSOR_POS_HIDE, sizeof(message.pos));
	/* A shape of another size is not taken. */
	make_picture(2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 32, 64);
	move_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 1, 2);
	expect(CONSOLE_CURSOR_POS, sizeof(message.pos));
	expect_silence();
}

static void a_machine_that_goes_on_is_shown_again(void **state)
{
	show_picture();
	connect_display(1);
	expect_scanout(0, 64, 32);
	expect_update(0, 0, 64, 32);
	/* The next driver begins with nothing. */
	offer_question(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	machine_reset();
	machine_boot();
	expect_scanout(0, 0, 0);
	uint16_t head = offer_question(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	expect_silence();
	answer_info(1); /* to the driver that is gone */
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	assert_false(answered(head));
	answer_info(2);
	machine_turn();
	assert_true(answered(head));
	assert_int_equal(response.display_info.pmodes[0].r.width, 2);
}

static void a_monitor_that_talks_nonsense_is_shown_nothing(void **state)
{
	const struct console_header nonsense[] = {
		{CONSOLE_GET_DISPLAY_INFO, 4,
			sizeof(struct virtio_gpu_resp_display_info)}, /* unasked */
		{CONSOLE_GET_EDID, 4, sizeof(struct virtio_gpu_resp_edid)},
		{CONSOLE_GET_PROTOCOL_FEATURES, 4, 8},
		{CONSOLE_GET_PROTOCOL_FEATURES, 0, 8},
		{CONSOLE_SCANOUT, 4, 12},
		{0, 4, 0},
		{CONSOLE_GET_DISPLAY_INFO, 4, 1057},
		{CONSOLE_GET_DISPLAY_INFO, 4, UINT32_MAX},
	};
	static const uint8_t zeroes[2048];
	for (size_t i = 0; i < ARRAY_LENGTH(nonsense); i++) {
		const struct console_header header = nonsense[i];
		connect_display(1);
		assert_int_equal(write(monitor, &header, sizeof(header)), sizeof(header));
		assert_true(write(monitor, zeroes, min_u64(header.size, sizeof(zeroes))) >= 0);
		expect_end();
		assert_int_equal(
			RUN(struct virtio_gpu_ctrl_hdr, .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		assert_int_equal(response.display_info.pmodes[0].enabled, 0);
	}
	assert_int_equal(show(0, 0, 0, 0, 0, 0), OK);
	/* What waits for an answer that makes no sense has one, too. */
	connect_display(1);
	uint16_t head = offer_question(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	expect(CONSOLE_GET_DISPLAY_INFO, 0);
	answer(CONSOLE_GET_DISPLAY_INFO, zeroes, 8);
	expect_end();
	assert_true(answered(head));
	connect_display(1);
	show_picture();
}

static void without_a_monitor_nothing_is_kept(void **state)
{
	machine.vhost_user.device->reset(machine.vhost_user.data);
	machine.vhost_user.device->left(machine.vhost_user.data);
	expect_end();
	make_picture(1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
	assert_int_equal(show(0, 1, 0, 0, 64, 64), OK);
	assert_int_equal(show(1, 1, 0, 0, 64, 64), BAD_SCANOUT);
	assert_int_equal(flush(1, 0, 0, 64, 64), OK);
	move_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 10, 20);
	assert_int_equal(RUN(struct virtio_gpu_cmd_get_edid, .hdr.type = VIRTIO_GPU_CMD_GET_EDID),
		VIRTIO_GPU_RESP_OK_EDID);
	assert_int_equal(load_u32(response.bytes + 24), 0);
	assert_int_equal(RUN(struct virtio_gpu_cmd_get_edid, .hdr.type = VIRTIO_GPU_CMD_GET_EDID,
				 .scanout = 1),
		BAD_SCANOUT);
	connect_display(1);
	expect_silence();
}

#define SEEN(name) cmocka_unit_test_setup_teardown(name, set_up_display, tear_down_display)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEEN(a_guests_picture_is_seen),
		SEEN(a_scanout_may_be_a_part_of_a_picture),
		SEEN(a_monitor_that_is_slow_holds_up_nobody),
		SEEN(all_formats_are_shown),
		SEEN(a_picture_that_is_given_up_is_not_seen),
		SEEN(what_is_too_large_is_refused),
		SEEN(the_monitor_says_what_displays_there_are),
		SEEN(the_monitor_says_what_its_displays_can),
		SEEN(the_cursor_is_seen),
		SEEN(a_machine_that_goes_on_is_shown_again),
		SEEN(a_monitor_that_talks_nonsense_is_shown_nothing),
		SEEN(without_a_monitor_nothing_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
