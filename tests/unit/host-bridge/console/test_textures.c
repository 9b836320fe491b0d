/* host-bridge/console: textures as dma-bufs, with a monitor that the test plays */
#include "host-bridge/console/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/guest_pages.h"
#include "tests/unit/mapped_region.h"

#define WIDTH 64u
#define HEIGHT 32u
#define STRIDE (WIDTH * 4)
#define TILED fourcc_mod_code(INTEL, 2)
#define RECT(...) (&(const struct virtio_gpu_rect){__VA_ARGS__})

static struct {
	int fds;
	struct wl_event_loop *loop;
	struct guest_pages pages;
	struct visible_region *region;
	struct resource_table table;
	struct console *console;
	int monitor; /* our end */
	struct console_header header;
	_Alignas(uint64_t) uint8_t payload[CONSOLE_LINK_OUT_BYTES];
	int fd; /* that came with the message, or -1 */
} t;

/* --- the monitor --- */

/* All turns in which something can happen. */
static void turn(void)
{
	for (int i = 0; i < 8; i++)
		wl_event_loop_dispatch(t.loop, 0);
}

static bool read_all(void *to, size_t size)
{
	int fds[FD_MESSAGE_MAX];

	for (size_t got = 0, n_fds; got < size;) {
		turn();
		ssize_t n = fd_recv(t.monitor, (uint8_t *)to + got, size - got, fds, &n_fds);
		if (n <= 0)
			return false;
		assert_true(n_fds <= 1);
		if (n_fds == 1) {
			assert_true(t.fd < 0);
			t.fd = fds[0];
		}
		got += (size_t)n;
	}
	return true;
}

static bool receive(void)
{
	fd_close(&t.fd);
	return read_all(&t.header, sizeof(t.header)) && read_all(t.payload, t.header.size);
}

static void expect(uint32_t request, size_t size)
{
	assert_true(receive());
	assert_int_equal(t.header.request, request);
	assert_int_equal(t.header.size, size);
}

static void expect_silence(void)
{
	assert_false(receive());
}

static void answer(uint32_t request, const void *payload, uint32_t size)
{
	const struct console_header header = {request, CONSOLE_FLAG_REPLY, size};
	assert_int_equal(write(t.monitor, &header, sizeof(header)), sizeof(header));
	assert_int_equal(write(t.monitor, payload, size), size);
}

static void connect_monitor(uint64_t features)
{
	int ends[2];

	fd_close(&t.monitor);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	t.monitor = ends[1];
	assert_int_equal(console_connect(t.console, ends[0]), 0);
	expect(CONSOLE_GET_PROTOCOL_FEATURES, 0);
	answer(CONSOLE_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	expect(CONSOLE_SET_PROTOCOL_FEATURES, sizeof(features));
}

/* The dma-buf of @resource comes, with this rectangle of it. */
static void expect_texture(
	uint32_t request, const struct resource *resource, const struct virtio_gpu_rect *rect)
{
	const struct console_dmabuf_scanout expected = {
		.x = rect->x,
		.y = rect->y,
		.width = rect->width,
		.height = rect->height,
		.fd_width = WIDTH,
		.fd_height = HEIGHT,
		.fd_stride = STRIDE,
		.fd_flags = 1,
		.fourcc = DRM_FORMAT_XRGB8888,
	};
	const bool modifier = request == CONSOLE_DMABUF_SCANOUT2;
	struct stat ours, theirs;

	expect(request, sizeof(expected) + (modifier ? 8 : 0));
	assert_memory_equal(t.payload, &expected, sizeof(expected));
	if (modifier)
		assert_memory_equal(t.payload + sizeof(expected), &resource->modifier, 8);
	assert_true(t.fd >= 0);
	assert_int_equal(fstat(t.fd, &theirs), 0);
	assert_int_equal(fstat(resource->fd, &ours), 0);
	assert_true(ours.st_ino == theirs.st_ino);
}

static void expect_no_texture(void)
{
	const struct console_dmabuf_scanout none = {0};

	expect(CONSOLE_DMABUF_SCANOUT, sizeof(none));
	assert_memory_equal(t.payload, &none, sizeof(none));
	assert_true(t.fd < 0);
}

static void expect_update(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	const struct console_update update = {0, x, y, width, height};

	expect(CONSOLE_DMABUF_UPDATE, sizeof(update));
	assert_memory_equal(t.payload, &update, sizeof(update));
}

static void expect_scanout(uint32_t width, uint32_t height)
{
	const struct console_scanout scanout = {0, width, height};

	expect(CONSOLE_SCANOUT, sizeof(scanout));
	assert_memory_equal(t.payload, &scanout, sizeof(scanout));
}

static void answer_update(void)
{
	answer(CONSOLE_DMABUF_UPDATE, NULL, 0);
}

/* --- the guest --- */

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	t.fds = fd_count();
	t.monitor = t.fd = -1;
	t.loop = wl_event_loop_create();
	t.pages = guest_pages_create();
	t.region = mapped_region_create(UINT64_C(1) << 20);
	resource_table_init(&t.table, t.pages.memory, t.region);
	t.console = console_create(t.loop);
	log_set_level(LOG_LEVEL_ERROR);
	connect_monitor(3);
	return 0;
}

static int tear_down(void **state)
{
	fd_close(&t.monitor);
	fd_close(&t.fd);
	console_reset(t.console);
	console_destroy(t.console);
	resource_table_finish(&t.table);
	visible_region_destroy(t.region);
	guest_pages_destroy(&t.pages);
	wl_event_loop_destroy(t.loop);
	return fd_count() == t.fds ? 0 : -1;
}

/* One that its worker has exported, unless the format is 0. */
static struct resource *make_texture(uint32_t id, uint32_t format, uint64_t modifier)
{
	struct resource *texture = NULL;
	const uint64_t size = STRIDE * HEIGHT;

	assert_int_equal(resource_create(&t.table, id, RESOURCE_3D, size, &texture), 0);
	texture->width = texture->shape.width = WIDTH;
	texture->height = texture->shape.height = HEIGHT;
	texture->shape.format = format;
	texture->shape.flags = 1;
	if (format == 0)
		return texture;
	assert_int_equal(resource_charge_fds(texture), 0);
	resource_set_pending(texture, true);
	resource_settle(texture, fd_memfd("texture", size), 0, 1, 0);
	texture->stride = STRIDE;
	texture->modifier = modifier;
	return texture;
}

static void show(struct resource *resource, const struct virtio_gpu_rect *rect)
{
	assert_int_equal(console_set_scanout(t.console, 0, resource, rect), 0);
}

static struct resource *show_texture(uint32_t id)
{
	struct resource *texture = make_texture(id, 2, TILED);

	show(texture, RECT(0, 0, WIDTH, HEIGHT));
	expect_texture(CONSOLE_DMABUF_SCANOUT2, texture, RECT(0, 0, WIDTH, HEIGHT));
	expect_update(0, 0, WIDTH, HEIGHT);
	return texture;
}

/* --- tests --- */

static void the_monitor_gets_the_texture_and_then_what_changes(void **state)
{
	struct resource *texture = show_texture(1);

	answer_update();
	expect_silence();
	console_flush(t.console, texture, RECT(3, 4, 5, 6));
	expect_update(3, 4, 5, 6);
	/* While that is not to be seen yet, all that comes is one update. */
	for (uint32_t i = 0; i < 1000; i++)
		console_flush(t.console, texture, RECT(i % 8, 10, 1, 1));
	expect_silence();
	answer_update();
	expect_update(0, 10, 8, 1);
	answer_update();
	expect_silence();
}

static void a_scanout_may_be_a_part_of_a_texture(void **state)
{
	struct resource *texture = make_texture(1, 2, TILED);

	show(texture, RECT(8, 4, 16, 10));
	expect_texture(CONSOLE_DMABUF_SCANOUT2, texture, RECT(8, 4, 16, 10));
	expect_update(0, 0, 16, 10);
	answer_update();
	console_flush(t.console, texture, RECT(0, 0, 9, 6));
	expect_update(0, 0, 1, 2);
	answer_update();
	console_flush(t.console, texture, RECT(0, 0, 8, 6));
	expect_silence();
}

static void one_texture_follows_another(void **state)
{
	show_texture(1);
	/* The old one's update is not answered yet; the guest frees it. */
	struct resource *second = make_texture(2, 2, DRM_FORMAT_MOD_LINEAR);
	show(second, RECT(0, 0, WIDTH, HEIGHT));
	resource_forget(resource_find(&t.table, 1));
	expect_texture(CONSOLE_DMABUF_SCANOUT2, second, RECT(0, 0, WIDTH, HEIGHT));
	expect_silence();
	answer_update();
	expect_update(0, 0, WIDTH, HEIGHT);
	console_forget(t.console, second);
	resource_forget(second);
	expect_no_texture();
	expect_silence();
}

static void textures_and_pixels_take_turns(void **state)
{
	struct resource *picture = NULL;

	assert_int_equal(resource_create(&t.table, 9, RESOURCE_2D, 0, &picture), 0);
	picture->width = picture->height = 8;
	show(picture, RECT(0, 0, 8, 8));
	expect_scanout(8, 8);
	expect(CONSOLE_UPDATE, sizeof(struct console_update) + 8 * 8 * 4);
	struct resource *texture = show_texture(1);
	/* Of the same size as before: it has to be told all the same. */
	show(picture, RECT(0, 0, 8, 8));
	expect_no_texture();
	expect_scanout(8, 8);
	expect(CONSOLE_UPDATE, sizeof(struct console_update) + 8 * 8 * 4);
	answer_update();
	show(texture, RECT(0, 0, WIDTH, HEIGHT));
	expect_texture(CONSOLE_DMABUF_SCANOUT2, texture, RECT(0, 0, WIDTH, HEIGHT));
	expect_update(0, 0, WIDTH, HEIGHT);
	show(NULL, RECT(0));
	expect_no_texture();
	expect_scanout(0, 0);
	expect_silence();
}

static void an_older_monitor_gets_what_it_understands(void **state)
{
	struct resource *tiled, *linear;

	connect_monitor(1);
	linear = make_texture(1, 2, DRM_FORMAT_MOD_LINEAR);
	show(linear, RECT(0, 0, WIDTH, HEIGHT));
	expect_texture(CONSOLE_DMABUF_SCANOUT, linear, RECT(0, 0, WIDTH, HEIGHT));
	expect_update(0, 0, WIDTH, HEIGHT);
	answer_update();
	/* Its pixels would be taken for rows. */
	tiled = make_texture(2, 2, TILED);
	show(tiled, RECT(0, 0, WIDTH, HEIGHT));
	expect_no_texture();
	console_flush(t.console, tiled, RECT(0, 0, 1, 1));
	expect_silence();
}

static void what_cannot_be_exported_is_not_shown(void **state)
{
	static const uint32_t formats[] = {0, 3, UINT32_MAX};

	for (uint32_t i = 0; i < ARRAY_LENGTH(formats); i++) {
		struct resource *texture = make_texture(i + 1, formats[i], DRM_FORMAT_MOD_LINEAR);
		show(texture, RECT(0, 0, WIDTH, HEIGHT));
		console_flush(t.console, texture, RECT(0, 0, WIDTH, HEIGHT));
		expect_silence();
	}
	/* Where no file can be opened neither. */
	struct resource *texture = make_texture(10, 2, TILED);
	struct rlimit before, none;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	show(texture, RECT(0, 0, WIDTH, HEIGHT));
	turn();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	expect_silence();
	show_texture(11);
}

static void a_monitor_that_goes_on_gets_it_again(void **state)
{
	struct resource *texture = show_texture(1);

	/* The old socket's update is never answered. */
	connect_monitor(3);
	expect_texture(CONSOLE_DMABUF_SCANOUT2, texture, RECT(0, 0, WIDTH, HEIGHT));
	expect_update(0, 0, WIDTH, HEIGHT);
	console_reset(t.console);
	expect_no_texture();
	expect_silence();
}

static void an_answer_to_nothing_ends_the_console(void **state)
{
	show_texture(1);
	answer_update();
	turn();
	answer_update();
	while (receive())
		continue;
	char byte;
	assert_int_equal(read(t.monitor, &byte, 1), 0);
	connect_monitor(3);
	receive();
	expect_update(0, 0, WIDTH, HEIGHT);
	answer(CONSOLE_DMABUF_UPDATE, &byte, 1);
	while (receive())
		continue;
	assert_int_equal(read(t.monitor, &byte, 1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_monitor_gets_the_texture_and_then_what_changes),
		TEST(a_scanout_may_be_a_part_of_a_texture),
		TEST(one_texture_follows_another),
		TEST(textures_and_pixels_take_turns),
		TEST(an_older_monitor_gets_what_it_understands),
		TEST(what_cannot_be_exported_is_not_shown),
		TEST(a_monitor_that_goes_on_gets_it_again),
		TEST(an_answer_to_nothing_ends_the_console),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
