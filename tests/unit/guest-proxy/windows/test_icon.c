/* guest-proxy/windows/icon.c: what a client gives its window as an icon is what the host gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/sigbus_guard.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/surface_rig.h"

#define XRGB WL_SHM_FORMAT_XRGB8888
#define LARGE 1024 /* pixels; four megabytes */

static struct surface_rig rig;
static int fds_before, fd;
static uint32_t manager, icon, icon_up, pool;
static uint8_t *map;
static struct {
	unsigned count;
	uint32_t buffer; /* the compositor's id */
	int32_t scale;
} added;

static void (*rig_receives)(struct rig_peer *, const struct rig_message *);

static void compositor_receives(struct rig_peer *peer, const struct rig_message *message)
{
	if (strcmp(message->name, "add_buffer") == 0) {
		assert_int_equal(message->id, icon_up);
		added.count++;
		added.buffer = message->args[0].id;
		added.scale = message->args[1].i;
	}
	rig_receives(peer, message);
}

static int setup(void **state)
{
	fds_before = fd_count();
	surface_rig_init(&rig);
	rig_receives = rig.compositor.receive;
	rig.compositor.receive = compositor_receives;
	memset(&added, 0, sizeof(added));
	rig_event(&rig, rig_up_id(&rig, rig.registry), "global",
		RIG_ARGS({.u = 9}, {.s = "xdg_toplevel_icon_manager_v1"}, {.u = 1}));
	manager = rig_bind(rig.connection.relay, &rig.client, rig.registry, 9,
		"xdg_toplevel_icon_manager_v1", 1);
	icon = rig_new_id(&rig.client);
	rig_request(&rig, manager, "create_icon", RIG_ARGS({.id = icon}));
	icon_up = rig_up_id(&rig, icon);
	fd = memfd_create("pool", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, LARGE * LARGE * 4), 0);
	map = mmap(NULL, LARGE * LARGE * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	pool = rig_create_pool(&rig, fd, LARGE * LARGE * 4);
	return 0;
}

static int teardown(void **state)
{
	surface_rig_finish(&rig);
	munmap(map, LARGE * LARGE * 4);
	close(fd);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

static uint32_t create_buffer(int32_t size)
{
	return rig_create_buffer(&rig, pool, 0, size, size, size * 4, XRGB);
}

static void add(uint32_t buffer, int32_t scale)
{
	rig_request(&rig, icon, "add_buffer", RIG_ARGS({.id = buffer}, {.i = scale}));
}

static const struct rig_buffer *got(void)
{
	return &rig.buffers[added.buffer];
}

static void the_host_gets_a_copy_that_lives_as_long_as_the_icon(void **state)
{
	memset(map, 'i', 64 * 64 * 4);
	uint32_t buffer = create_buffer(64);
	add(buffer, 2);
	assert_int_equal(added.count, 1);
	assert_int_equal(added.scale, 2);
	assert_int_equal(got()->width, 64);
	assert_int_equal(got()->height, 64);
	assert_int_equal(got()->format, XRGB);
	assert_memory_equal(got()->blob->map, map, 64 * 64 * 4);
	assert_int_equal(rig.connection.frames, 0);
	/* What the client does with its own buffer now is of no matter. */
	memset(map, 0, 64 * 64 * 4);
	rig_request(&rig, buffer, "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 0);
	assert_int_equal(got()->blob->map[0], 'i');
	rig_request(&rig, icon, "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 1);
}

/* Compositors read it when they like, also when the icon has been destroyed. */
static void a_windows_icon_keeps_its_memory(void **state)
{
	uint32_t ids[2] = {rig_create_surface(&rig), 0}, toplevel, wm_base, shown;

	rig_event(&rig, rig_up_id(&rig, rig.registry), "global",
		RIG_ARGS({.u = 10}, {.s = "xdg_wm_base"}, {.u = 1}));
	wm_base = rig_bind(rig.connection.relay, &rig.client, rig.registry, 10, "xdg_wm_base", 1);
	ids[1] = rig_new_id(&rig.client);
	rig_request(&rig, wm_base, "get_xdg_surface", RIG_ARGS({.id = ids[1]}, {.id = ids[0]}));
	toplevel = rig_new_id(&rig.client);
	rig_request(&rig, ids[1], "get_toplevel", RIG_ARGS({.id = toplevel}));
	memset(map, 'w', 64 * 64 * 4);
	add(create_buffer(64), 1);
	shown = added.buffer;
	rig_request(&rig, manager, "set_icon", RIG_ARGS({.id = toplevel}, {.id = icon}));
	rig_request(&rig, icon, "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 0);
	assert_int_equal(rig.buffers[shown].blob->map[0], 'w');
	rig_request(&rig, toplevel, "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 1);
}

static void each_picture_has_memory_of_its_own(void **state)
{
	uint32_t first;

	map[0] = 1;
	add(create_buffer(16), 1);
	first = added.buffer;
	map[0] = 2;
	add(create_buffer(16), 1);
	assert_int_not_equal(added.buffer, first);
	assert_int_equal(rig.buffers[first].blob->map[0], 1);
	assert_int_equal(got()->blob->map[0], 2);
	rig_request(&rig, icon, "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 2);
	assert_true(wl_list_empty(&rig.connection.swapchains));
}

static int resume(void)
{
	return relay_push(rig.connection.relay, RELAY_DOWN, NULL, 0, NULL, 0);
}

static void the_client_waits_for_memory_of_the_host(void **state)
{
	fake_channel->memory_pending = true;
	add(create_buffer(16), 1);
	assert_int_equal(added.count, 0);
	assert_int_equal(resume(), 0); /* for something else */
	assert_int_equal(added.count, 0);
	fake_channel_memory(0);
	assert_int_equal(resume(), 0);
	assert_int_equal(added.count, 1);
}

static void an_icon_may_end_while_it_waits(void **state)
{
	fake_channel->memory_pending = true;
	add(create_buffer(16), 1);
	fake_channel_memory(0);
	assert_int_equal(added.count, 0); /* and teardown finds nothing left */
}

static void a_large_picture_is_copied_in_several_turns(void **state)
{
	map[LARGE * LARGE * 4 - 1] = 'z';
	uint32_t buffer = create_buffer(LARGE);
	rig.turn.work_start_ns = 1; /* somebody else has had all of this turn */
	assert_int_equal(rig_push(rig.connection.relay, &rig.client, icon, "add_buffer",
				 RIG_ARGS({.id = buffer}, {.i = 1})),
		0);
	assert_true(rig.connection.held);
	assert_int_equal(added.count, 0);
	rig_request(&rig, icon, "set_name", RIG_ARGS({.s = "name"})); /* and what is behind it */
	assert_int_equal(added.count, 1);
	assert_true(rig.held > 0);
	assert_int_equal(got()->blob->map[LARGE * LARGE * 4 - 1], 'z');
}

static void no_memory_is_the_clients_error(void **state)
{
	fake_channel->max_blob_bytes = 4096;
	rig_bad_request(&rig, icon, "add_buffer", RIG_ARGS({.id = create_buffer(64)}, {.i = 1}), 1,
		WL_DISPLAY_ERROR_NO_MEMORY);
}

static void a_truncated_pool_is_the_clients_error(void **state)
{
	uint32_t buffer = create_buffer(64);
	assert_int_equal(sigbus_guard_install(), 0); /* cmocka has put its own */
	assert_int_equal(ftruncate(fd, 0), 0);
	rig_bad_request(&rig, icon, "add_buffer", RIG_ARGS({.id = buffer}, {.i = 1}), buffer,
		WL_SHM_ERROR_INVALID_FD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_gets_a_copy_that_lives_as_long_as_the_icon),
		TEST(a_windows_icon_keeps_its_memory),
		TEST(each_picture_has_memory_of_its_own),
		TEST(the_client_waits_for_memory_of_the_host),
		TEST(an_icon_may_end_while_it_waits),
		TEST(a_large_picture_is_copied_in_several_turns),
		TEST(no_memory_is_the_clients_error),
		TEST(a_truncated_pool_is_the_clients_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
