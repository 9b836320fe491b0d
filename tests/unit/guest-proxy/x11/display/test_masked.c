/* guest-proxy/x11/display: windows that have a shape are shown by copies */
#include "guest-proxy/x11/display/masked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "guest-proxy/x11/display/buffer.h"
#include "protocol/base/fd.h"
#include "tests/unit/wayland_messages.h"

#define WIDTH 4
#define HEIGHT 2
#define BYTES (WIDTH * HEIGHT * 4)
#define ROW (WIDTH * 4)
#define PIXEL 0x00112233u

/* Xwayland's ids. */
enum id {
	DISPLAY = 1,
	REGISTRY,
	SHM,
	COMPOSITOR,
	SURFACE,
	POOL,
	FIRST, /* buffers */
	SECOND,
};

struct world {
	struct session session;
	struct relay_hooks *hooks;
	struct masked masked;
	struct mask *mask;
	char log[8192]; /* requests to the compositor, and events to Xwayland that are not its own
			 */
	bool quiet;     /* buffers of Xwayland's are made */
	int pixels[8];  /* the files of copies */
	size_t n_pixels;
};

static int handle_send(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct world *world = data;
	uint32_t header[2];
	memcpy(header, bytes, sizeof(header));
	const struct relay_object *object = relay_object_at(world->session.relay, to, header[0]);
	assert_non_null(object);
	const struct wl_interface *interface = object->interface->wl;
	const struct wl_message *messages = to == RELAY_UP ? interface->methods : interface->events;
	size_t used = strlen(world->log);
	if (n_handles > 0 && !world->quiet)
		world->pixels[world->n_pixels++] = handles[0].fd;
	else if (n_handles > 0)
		close(handles[0].fd);
	if (object->id[RELAY_UP] != DISPLAY)
		snprintf(world->log + used, sizeof(world->log) - used, "%s.%s ", interface->name,
			messages[header[1] & 0xffff].name);
	return 0;
}

static void push(struct world *world, enum relay_end from, const char *interface,
	const char *message, uint32_t id, const union wire_arg *args, int fd)
{
	uint8_t bytes[256];
	struct wire_handle handle = wire_handle_fd(fd);
	size_t size = encode_message(from, interface, message, id, args, bytes, sizeof(bytes));
	assert_int_equal(relay_push(world->session.relay, from, bytes, size, &handle, fd >= 0), 0);
}

static void down(struct world *world, const char *interface, const char *message, uint32_t id,
	const union wire_arg *args)
{
	push(world, RELAY_DOWN, interface, message, id, args, -1);
}

static struct relay_object *object(struct world *world, uint32_t id)
{
	struct relay_object *object = relay_object_at(world->session.relay, RELAY_DOWN, id);
	assert_non_null(object);
	return object;
}

static void make_buffer(struct world *world, uint32_t id, size_t file_bytes)
{
	uint32_t pixels[WIDTH * HEIGHT];
	for (size_t i = 0; i < WIDTH * HEIGHT; i++)
		pixels[i] = PIXEL + (uint32_t)i;
	int fd = fd_memfd("test", file_bytes);
	world->quiet = true;
	assert_int_equal(pwrite(fd, pixels, file_bytes, 0), file_bytes);
	push(world, RELAY_DOWN, "wl_shm", "create_pool", SHM,
		ARGS({.u = POOL}, {.u = 0}, {.i = BYTES}), fd);
	down(world, "wl_shm_pool", "create_buffer", POOL,
		ARGS({.u = id}, {.i = 0}, {.i = WIDTH}, {.i = HEIGHT}, {.i = ROW},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	uint32_t up = object(world, POOL)->id[RELAY_UP];
	down(world, "wl_shm_pool", "destroy", POOL, ARGS({0}));
	push(world, RELAY_UP, "wl_display", "delete_id", DISPLAY, ARGS({.u = up}), -1);
	world->quiet = false;
}

static void announce(struct world *world, uint32_t name, const char *interface, uint32_t id)
{
	push(world, RELAY_UP, "wl_registry", "global", REGISTRY,
		ARGS({.u = name}, {.s = interface}, {.u = 4}), -1);
	down(world, "wl_registry", "bind", REGISTRY,
		ARGS({.u = name}, {.s = interface}, {.u = 1}, {.u = id}));
}

static void set_up(struct world *world)
{
	static const struct relay_hook *const tables[] = {buffer_hooks, masked_hooks, NULL};
	static const struct relay_ops ops = {.send = handle_send};
	const uint8_t bits[HEIGHT * 4] = {0x5, 0, 0, 0, 0x8};
	memset(world, 0, sizeof(*world));
	struct session *session = &world->session;
	wl_list_init(&session->readable);
	world->hooks = relay_hooks_create(tables);
	session->relay = relay_create(world->hooks, &ops, world, "test", 0);
	down(world, "wl_display", "get_registry", DISPLAY, ARGS({.u = REGISTRY}));
	announce(world, 10, "wl_shm", SHM);
	announce(world, 11, "wl_compositor", COMPOSITOR);
	relay_ref_set(&session->shm, object(world, SHM));
	down(world, "wl_compositor", "create_surface", COMPOSITOR, ARGS({.u = SURFACE}));
	masked_init(&world->masked, session, object(world, SURFACE));
	world->mask = mask_create(WIDTH, HEIGHT, bits, false);
	make_buffer(world, FIRST, BYTES);
	make_buffer(world, SECOND, BYTES);
	world->log[0] = '\0';
}

static void tear_down(struct world *world)
{
	masked_finish(&world->masked);
	relay_ref_set(&world->session.shm, NULL);
	relay_destroy(world->session.relay);
	assert_int_equal(world->session.readable_count, 0);
	relay_hooks_destroy(world->hooks);
	for (size_t i = 0; i < world->n_pixels; i++)
		close(world->pixels[i]);
	free(world->mask);
}

static void assert_pixels(struct world *world, size_t copy, const uint32_t *expected)
{
	uint32_t pixels[WIDTH * HEIGHT];
	assert_int_equal(pread(world->pixels[copy], pixels, BYTES, 0), BYTES);
	assert_memory_equal(pixels, expected, BYTES);
}

static const uint32_t shaped[] = {0xff112233, 0, 0xff112235, 0, 0, 0, 0, 0xff11223a};

static bool show(struct world *world, uint32_t id, int32_t top, int32_t height)
{
	assert_true(masked_attach(&world->masked, object(world, id), 0, 0));
	masked_damage(&world->masked, top, height);
	world->log[0] = '\0';
	return masked_commit(&world->masked);
}

static void what_has_no_shape_is_not_copied(void **state)
{
	struct world world;
	set_up(&world);
	assert_false(masked_attach(&world.masked, object(&world, FIRST), 0, 0));
	assert_true(masked_commit(&world.masked));
	assert_string_equal(world.log, "");
	assert_int_equal(world.session.counters.copied_bytes, 0);
	tear_down(&world);
}

static void outside_of_the_shape_it_is_transparent(void **state)
{
	struct world world;
	set_up(&world);
	assert_false(masked_set(&world.masked, world.mask));
	assert_true(show(&world, FIRST, 0, HEIGHT));
	assert_string_equal(world.log,
		"wl_shm.create_pool wl_shm_pool.create_buffer "
		"wl_shm_pool.destroy wl_surface.attach ");
	assert_pixels(&world, 0, shaped);
	assert_int_equal(world.session.counters.copied_bytes, BYTES);
	/* A commit that shows nothing new copies nothing. */
	assert_true(masked_commit(&world.masked));
	assert_int_equal(world.session.counters.copied_bytes, BYTES);
	tear_down(&world);
}

/* The compositor has done with the copy that was made as number @copy. */
static void release(struct world *world, uint32_t id)
{
	push(world, RELAY_UP, "wl_buffer", "release", id, ARGS({0}), -1);
}

static uint32_t shown_copy(const struct world *world)
{
	uint32_t id = 0;
	for (uint32_t i = 2; i < 64; i++) {
		const struct relay_object *object =
			relay_object_at(world->session.relay, RELAY_UP, i);
		if (object && !object->destroyed && object->id[RELAY_DOWN] == 0 &&
			strcmp(object->interface->wl->name, "wl_buffer") == 0)
			id = i;
	}
	assert_int_not_equal(id, 0);
	return id;
}

static void only_rows_that_were_drawn_are_copied(void **state)
{
	struct world world;
	set_up(&world);
	masked_set(&world.masked, world.mask);
	assert_true(show(&world, FIRST, 0, HEIGHT));
	release(&world, shown_copy(&world));
	assert_true(show(&world, SECOND, 1, 1));
	assert_string_equal(world.log, "wl_surface.attach ");
	assert_int_equal(world.session.counters.copied_bytes, BYTES + ROW);
	assert_pixels(&world, 0, shaped);
	tear_down(&world);
}

static void buffers_are_given_back_when_others_are_shown(void **state)
{
	struct world world;
	set_up(&world);
	masked_set(&world.masked, world.mask);
	assert_true(show(&world, FIRST, 0, HEIGHT));
	assert_null(strstr(world.log, "release"));
	world.log[0] = '\0';
	assert_true(masked_attach(&world.masked, object(&world, SECOND), 0, 0));
	assert_string_equal(world.log, "wl_buffer.release ");
	/* Without a shape the compositor gets the buffer itself, and it is not given back. */
	world.log[0] = '\0';
	assert_true(masked_set(&world.masked, NULL));
	assert_string_equal(world.log, "wl_surface.attach wl_surface.damage ");
	world.log[0] = '\0';
	assert_false(masked_attach(&world.masked, object(&world, FIRST), 0, 0));
	assert_string_equal(world.log, "");
	tear_down(&world);
}

static void a_commit_waits_for_a_compositor_that_has_all_copies(void **state)
{
	struct world world;
	set_up(&world);
	masked_set(&world.masked, world.mask);
	for (int i = 0; i < MASKED_COPIES; i++)
		assert_true(show(&world, i % 2 ? FIRST : SECOND, 0, HEIGHT));
	uint32_t last = shown_copy(&world);
	assert_false(show(&world, FIRST, 0, HEIGHT));
	assert_false(masked_commit(&world.masked));
	assert_string_equal(world.log, "");
	release(&world, last);
	assert_string_equal(world.log, "wl_surface.attach wl_surface.commit ");
	/* Once. */
	world.log[0] = '\0';
	release(&world, last);
	assert_string_equal(world.log, "");
	tear_down(&world);
}

static void another_shape_is_shown_at_once(void **state)
{
	static const uint32_t expected[] = {0, 0xff112234, 0, 0, 0, 0, 0, 0};
	const uint8_t bits[HEIGHT * 4] = {0x2};
	struct world world;
	set_up(&world);
	struct mask *other = mask_create(WIDTH, HEIGHT, bits, false);
	/* The first shape of a window that the compositor shows itself. */
	assert_false(masked_attach(&world.masked, object(&world, FIRST), 0, 0));
	assert_true(masked_commit(&world.masked));
	assert_true(masked_set(&world.masked, world.mask));
	assert_true(masked_commit(&world.masked));
	assert_pixels(&world, 0, shaped);
	assert_true(masked_set(&world.masked, other));
	assert_true(masked_commit(&world.masked));
	assert_pixels(&world, 1, expected);
	masked_finish(&world.masked);
	free(other);
	tear_down(&world);
}

static void a_file_that_is_too_short_is_transparent_there(void **state)
{
	uint32_t expected[WIDTH * HEIGHT] = {0xff112233, 0, 0, 0, 0, 0, 0, 0xff000000};
	struct world world;
	set_up(&world);
	make_buffer(&world, SECOND + 1, 8);
	masked_set(&world.masked, world.mask);
	assert_true(show(&world, SECOND + 1, 0, HEIGHT));
	expected[2] = 0xff000000;
	assert_pixels(&world, 0, expected);
	tear_down(&world);
}

static void so_many_files_are_kept_open_and_those_of_shaped_windows(void **state)
{
	struct world world;
	set_up(&world);
	masked_set(&world.masked, world.mask);
	assert_true(show(&world, SECOND, 0, HEIGHT));
	for (uint32_t i = 1; i <= BUFFERS_READABLE + 10; i++) {
		make_buffer(&world, SECOND + i, BYTES);
		world.log[0] = '\0';
	}
	assert_int_equal(world.session.readable_count, BUFFERS_READABLE);
	assert_null(buffer_readable(object(&world, FIRST)));
	assert_non_null(buffer_readable(object(&world, SECOND)));
	down(&world, "wl_buffer", "destroy", SECOND, ARGS({0}));
	assert_int_equal(world.session.readable_count, BUFFERS_READABLE - 1);
	/* A buffer that went meanwhile is nothing to show. */
	assert_false(masked_set(&world.masked, NULL));
	assert_true(masked_commit(&world.masked));
	tear_down(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_shape_is_not_copied),
		cmocka_unit_test(outside_of_the_shape_it_is_transparent),
		cmocka_unit_test(only_rows_that_were_drawn_are_copied),
		cmocka_unit_test(buffers_are_given_back_when_others_are_shown),
		cmocka_unit_test(a_commit_waits_for_a_compositor_that_has_all_copies),
		cmocka_unit_test(another_shape_is_shown_at_once),
		cmocka_unit_test(a_file_that_is_too_short_is_transparent_there),
		cmocka_unit_test(so_many_files_are_kept_open_and_those_of_shaped_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
