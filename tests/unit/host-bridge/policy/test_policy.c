/* host-bridge/policy*.c, with a real relay and made-up resources */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "host-bridge/resources/resources.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/policy_world.h"

/* Globals */

static void guests_see_listed_interfaces_only(void **state)
{
	static const char *const allowed[] = {"ext_background_effect_manager_v1",
		"gtk_primary_selection_device_manager", "org_kde_kwin_server_decoration_manager",
		"wl_compositor", "wl_data_device_manager", "wl_output", "wl_seat", "wl_shell",
		"wl_shm", "wl_subcompositor", "wp_alpha_modifier_v1", "wp_color_manager_v1",
		"wp_color_representation_manager_v1", "wp_commit_timing_manager_v1",
		"wp_content_type_manager_v1", "wp_cursor_shape_manager_v1", "wp_fifo_manager_v1",
		"wp_fractional_scale_manager_v1", "wp_pointer_warp_v1", "wp_presentation",
		"wp_single_pixel_buffer_manager_v1", "wp_tearing_control_manager_v1",
		"wp_viewporter", "xdg_activation_v1", "xdg_system_bell_v1",
		"xdg_toplevel_drag_manager_v1", "xdg_toplevel_icon_manager_v1",
		"xdg_toplevel_tag_manager_v1", "xdg_wm_base", "xdg_wm_dialog_v1",
		"zwp_idle_inhibit_manager_v1", "zwp_input_timestamps_manager_v1",
		"zwp_linux_dmabuf_v1", "zwp_pointer_constraints_v1", "zwp_pointer_gestures_v1",
		"zwp_primary_selection_device_manager_v1", "zwp_relative_pointer_manager_v1",
		"zwp_tablet_manager_v1", "zwp_tablet_manager_v2", "zwp_text_input_manager_v1",
		"zwp_text_input_manager_v2", "zwp_text_input_manager_v3",
		"zxdg_decoration_manager_v1", "zxdg_exporter_v1", "zxdg_exporter_v2",
		"zxdg_importer_v1", "zxdg_importer_v2", "zxdg_output_manager_v1", "zxdg_shell_v6"};
	size_t n_allowed = 0;

	for (size_t i = 0; i < n_interfaces; i++) {
		uint32_t version = 1;
		bool listed = false;
		for (size_t j = 0; j < ARRAY_LENGTH(allowed); j++)
			listed |= strcmp(allowed[j], interfaces[i].wl->name) == 0;
		if (policy_allow_global(&world.policy, &interfaces[i], &version) != listed)
			fail_msg("%s", interfaces[i].wl->name);
		n_allowed += listed;
	}
	assert_true(n_allowed >= 30);
}

static void a_denied_global_is_not_announced(void **state)
{
	event("wl_registry", "global", REGISTRY,
		ARGS({.u = 7}, {.s = "ext_session_lock_manager_v1"}, {.u = 1}));
	event("wl_registry", "global", REGISTRY,
		ARGS({.u = 8}, {.s = "zwlr_screencopy_manager_v1"}, {.u = 1}));
	event("wl_registry", "global", REGISTRY, ARGS({.u = 9}, {.s = "wl_compositor"}, {.u = 4}));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_registry", "global", REGISTRY, args);
	assert_string_equal(args[1].s, "wl_compositor");
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
}

static void a_denied_global_cannot_be_bound_by_its_number(void **state)
{
	event("wl_registry", "global", REGISTRY,
		ARGS({.u = 7}, {.s = "ext_session_lock_manager_v1"}, {.u = 1}));
	assert_int_equal(push(RELAY_DOWN, "wl_registry", "bind", REGISTRY,
				 ARGS({.u = 7}, {.s = "ext_session_lock_manager_v1"}, {.u = 1},
					 {.id = FIRST_ID}),
				 no_handle),
		-EPROTO);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

/* Pools and buffers */

static int memory_fd = -1;

static struct resource region_blob(uint64_t offset, uint64_t size)
{
	if (memory_fd < 0)
		memory_fd = fd_memfd("window", 1 << 20);
	return (struct resource){.kind = RESOURCE_BLOB_HOST,
		.size = size,
		.fd = memory_fd,
		.fd_offset = offset,
		.mapped = true,
		.map_offset = offset};
}

static int open_window(void **state)
{
	region_blob(0, 0); /* before fds are counted */
	return 0;
}

static int close_window(void **state)
{
	fd_close(&memory_fd);
	return 0;
}

/* A pool of @size bytes over @blob. */
static struct pair create_pool(struct pair shm, struct resource *blob, int32_t size)
{
	struct pair pool = {.down = world.next_id++};
	assert_int_equal(push(RELAY_DOWN, "wl_shm", "create_pool", shm.down,
				 ARGS({.id = pool.down}, {.i = 0}, {.i = size}), blob_handle(blob)),
		0);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm", "create_pool", shm.up, args);
	pool.up = args[0].id;
	return pool;
}

static void a_pool_is_its_blobs_place_in_the_window(void **state)
{
	struct pair shm = bind_global("wl_shm");
	struct resource blob = region_blob(8192, 4096);
	struct stat window, passed;

	struct pair pool = create_pool(shm, &blob, 4000);
	assert_int_equal(args[2].i, 8192 + 4000);
	assert_int_equal(args[1].handle.kind, WIRE_FD);
	assert_int_not_equal(args[1].handle.fd, memory_fd);
	fstat(memory_fd, &window);
	fstat(args[1].handle.fd, &passed);
	assert_int_equal(window.st_ino, passed.st_ino);
	wire_handle_finish(&args[1].handle);
	assert_int_equal(blob.refs, 1);
	request("wl_shm_pool", "destroy", pool.down, ARGS({0}));
	assert_int_equal(blob.refs, 0);
}

static void a_blob_is_held_until_pool_and_buffers_are_gone(void **state)
{
	struct pair shm = bind_global("wl_shm");
	struct resource blob = region_blob(8192, 4096);
	struct pair pool = create_pool(shm, &blob, 4096);
	uint32_t buffer = world.next_id++;

	wire_handle_finish(&args[1].handle);
	request("wl_shm_pool", "create_buffer", pool.down,
		ARGS({.id = buffer}, {.i = 1024}, {.i = 16}, {.i = 4}, {.i = 64},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	take_up("wl_shm_pool", "create_buffer");
	assert_int_equal(args[1].i, 8192 + 1024);
	request("wl_shm_pool", "destroy", pool.down, ARGS({0}));
	assert_int_equal(blob.refs, 1);
	request("wl_buffer", "destroy", buffer, ARGS({0}));
	assert_int_equal(blob.refs, 0);
}

static void memory_that_cannot_be_shared_is_no_pool(void **state)
{
	struct resource good = region_blob(4096, 4096), guest = good, unmapped = good,
			closed = good, far = good;
	guest.kind = RESOURCE_2D;
	guest.fd = -1;
	unmapped.mapped = false;
	closed.fd = -1;
	far.fd_offset = INT32_MAX - 4095;
	const struct {
		struct resource *blob; /* NULL: an ordinary fd */
		int32_t size;
		uint32_t code;
	} cases[] = {
		{NULL, 4096, WL_SHM_ERROR_INVALID_FD},
		{&guest, 4096, WL_SHM_ERROR_INVALID_FD},
		{&unmapped, 4096, WL_SHM_ERROR_INVALID_FD},
		{&closed, 4096, WL_SHM_ERROR_INVALID_FD},
		{&far, 4096, WL_SHM_ERROR_INVALID_FD},
		{&good, 4097, WL_SHM_ERROR_INVALID_FD},
		{&good, INT32_MAX, WL_SHM_ERROR_INVALID_FD},
		{&good, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{&good, -1, WL_SHM_ERROR_INVALID_STRIDE},
		{&good, INT32_MIN, WL_SHM_ERROR_INVALID_STRIDE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct pair shm = bind_global("wl_shm");
		struct wire_handle handle = cases[i].blob ? blob_handle(cases[i].blob)
							  : wire_handle_fd(fd_memfd("guest", 4096));
		assert_int_equal(
			push(RELAY_DOWN, "wl_shm", "create_pool", shm.down,
				ARGS({.id = world.next_id}, {.i = 0}, {.i = cases[i].size}),
				handle),
			-EPROTO);
		expect_error(shm.down, cases[i].code);
		tear_down(state);
		set_up(state);
	}
}

static void a_buffer_outside_of_its_pool_is_refused(void **state)
{
	static const struct {
		int32_t offset, width, height, stride;
		uint32_t format;
		bool good;
	} cases[] = {
		{0, 16, 16, 64, WL_SHM_FORMAT_ARGB8888, true},
		{0, 16, 64, 64, WL_SHM_FORMAT_ARGB8888, true},
		{0, 4096, 1, 4096, DRM_FORMAT_R8, true},
		{0, 64, 42, 64, DRM_FORMAT_NV12, true}, /* 42 rows of luma, 21 of chroma */
		{64, 64, 42, 64, DRM_FORMAT_NV12, true},
		{128, 64, 42, 64, DRM_FORMAT_NV12, false},
		{0, 64, 44, 64, DRM_FORMAT_NV12, false},
		{0, 64, 64, 64, DRM_FORMAT_NV12, false}, /* libwayland would let it pass */
		{0, 16, 64, 64, DRM_FORMAT_YUV420, false},
		{1, 16, 64, 64, WL_SHM_FORMAT_ARGB8888, false},
		{-1, 16, 16, 64, WL_SHM_FORMAT_ARGB8888, false},
		{-4096, 16, 16, 64, WL_SHM_FORMAT_ARGB8888, false},
		{INT32_MIN, 16, 16, 64, WL_SHM_FORMAT_ARGB8888, false},
		{INT32_MAX, 16, 16, 64, WL_SHM_FORMAT_ARGB8888, false},
		{0, 0, 16, 64, WL_SHM_FORMAT_ARGB8888, false},
		{0, -16, 16, 64, WL_SHM_FORMAT_ARGB8888, false},
		{0, 16, 0, 64, WL_SHM_FORMAT_ARGB8888, false},
		{0, 16, -1, 64, WL_SHM_FORMAT_ARGB8888, false},
		{0, 16, 16, 0, WL_SHM_FORMAT_ARGB8888, false},
		{0, 16, 16, -64, WL_SHM_FORMAT_ARGB8888, false},
		{0, 16, 16, 63, WL_SHM_FORMAT_ARGB8888, false},
		{0, 16, 16, 31, DRM_FORMAT_RGB565, false},
		{0, 16, 65, 64, WL_SHM_FORMAT_ARGB8888, false},
		{0, 1, INT32_MAX, INT32_MAX, WL_SHM_FORMAT_ARGB8888, false},
		{0, INT32_MAX, 1, INT32_MAX, DRM_FORMAT_ABGR16161616F, false},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct resource blob = region_blob(8192, 8192);
		struct pair shm = bind_global("wl_shm"), pool = create_pool(shm, &blob, 4096);
		wire_handle_finish(&args[1].handle);
		ssize_t result = push(RELAY_DOWN, "wl_shm_pool", "create_buffer", pool.down,
			ARGS({.id = world.next_id}, {.i = cases[i].offset}, {.i = cases[i].width},
				{.i = cases[i].height}, {.i = cases[i].stride},
				{.u = cases[i].format}),
			no_handle);
		if (cases[i].good) {
			assert_int_equal(result, 0);
			take_up("wl_shm_pool", "create_buffer");
			assert_int_equal(args[1].i, 8192 + cases[i].offset);
		} else {
			assert_int_equal(result, -EPROTO);
			expect_error(pool.down, WL_SHM_ERROR_INVALID_STRIDE);
		}
		tear_down(state);
		set_up(state);
	}
}

static void formats_that_cannot_be_checked_are_not_to_be_had(void **state)
{
	static struct resource blob; /* the pool has it until the relay goes, after the test */
	blob = region_blob(8192, 8192);
	struct pair shm = bind_global("wl_shm"), pool = create_pool(shm, &blob, 4096);

	wire_handle_finish(&args[1].handle);
	event("wl_shm", "format", shm.up, ARGS({.u = DRM_FORMAT_NV12}));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_shm", "format", shm.down, args);
	event("wl_shm", "format", shm.up, ARGS({.u = 0x30303030}));
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	assert_int_equal(push(RELAY_DOWN, "wl_shm_pool", "create_buffer", pool.down,
				 ARGS({.id = world.next_id}, {.i = 0}, {.i = 16}, {.i = 16},
					 {.i = 64}, {.u = 0x30303030}),
				 no_handle),
		-EPROTO);
	expect_error(pool.down, WL_SHM_ERROR_INVALID_FORMAT);
}

static void a_pool_grows_within_its_blob_and_never_shrinks(void **state)
{
	static const struct {
		int32_t size;
		bool good;
	} cases[] = {{4096, true}, {5000, true}, {8192, true}, {8193, false}, {4095, false},
		{0, false}, {-1, false}, {INT32_MAX, false}};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct resource blob = region_blob(4096, 8192);
		struct pair shm = bind_global("wl_shm"), pool = create_pool(shm, &blob, 4096);
		wire_handle_finish(&args[1].handle);
		ssize_t result = push(RELAY_DOWN, "wl_shm_pool", "resize", pool.down,
			ARGS({.i = cases[i].size}), no_handle);
		if (cases[i].good) {
			assert_int_equal(result, 0);
			take_up("wl_shm_pool", "resize");
			assert_int_equal(args[0].i, 4096 + cases[i].size);
		} else {
			assert_int_equal(result, -EPROTO);
			expect_error(pool.down, WL_SHM_ERROR_INVALID_FD);
		}
		tear_down(state);
		set_up(state);
	}
}

/* Focus */

static void text_is_asked_for_by_the_surface_with_the_keyboard_only(void **state)
{
	static const struct {
		const char *event;
		int surface; /* of two */
		bool active[2];
	} steps[] = {
		{NULL, 0, {false, false}},
		{"enter", 0, {true, false}},
		{"leave", 0, {false, false}},
		{"enter", 1, {false, true}},
	};
	struct pair compositor = bind_global("wl_compositor"), seat = bind_global("wl_seat"),
		    manager = bind_global("zwp_text_input_manager_v1"),
		    manager2 = bind_global("zwp_text_input_manager_v2"),
		    manager3 = bind_global("zwp_text_input_manager_v3");
	uint32_t surfaces[2], up[2], keyboard = world.next_id++, input = world.next_id++,
				     input2 = world.next_id++, input3 = world.next_id++;

	request("wl_seat", "get_keyboard", seat.down, ARGS({.id = keyboard}));
	take_up("wl_seat", "get_keyboard");
	uint32_t keyboard_up = args[0].id;
	request("zwp_text_input_manager_v1", "create_text_input", manager.down,
		ARGS({.id = input}));
	request("zwp_text_input_manager_v2", "get_text_input", manager2.down,
		ARGS({.id = input2}, {.id = seat.down}));
	request("zwp_text_input_manager_v3", "get_text_input", manager3.down,
		ARGS({.id = input3}, {.id = seat.down}));
	captured_clear(&world.sent[RELAY_UP]);
	for (int i = 0; i < 2; i++) {
		surfaces[i] = world.next_id++;
		request("wl_compositor", "create_surface", compositor.down,
			ARGS({.id = surfaces[i]}));
		take_up("wl_compositor", "create_surface");
		up[i] = args[0].id;
	}
	for (size_t step = 0; step < ARRAY_LENGTH(steps); step++) {
		const char *name = steps[step].event;
		if (name)
			event("wl_keyboard", name, keyboard_up,
				ARGS({.u = 1}, {.id = up[steps[step].surface]},
					{.array = {NULL, 0}}));
		for (int i = 0; i < 2; i++) {
			request("zwp_text_input_v1", "activate", input,
				ARGS({.id = seat.down}, {.id = surfaces[i]}));
			assert_int_equal(world.sent[RELAY_UP].size > 0, steps[step].active[i]);
			captured_clear(&world.sent[RELAY_UP]);
			request("zwp_text_input_v2", "enable", input2, ARGS({.id = surfaces[i]}));
			assert_int_equal(world.sent[RELAY_UP].size > 0, steps[step].active[i]);
			captured_clear(&world.sent[RELAY_UP]);
		}
		for (int i = 0; i < 3; i++) {
			static const char *const versions[] = {
				"zwp_text_input_v1", "zwp_text_input_v2", "zwp_text_input_v3"};
			request(versions[i], "show_input_panel",
				(const uint32_t[]){input, input2, input3}[i], ARGS({0}));
			assert_int_equal(world.sent[RELAY_UP].size > 0,
				steps[step].active[0] || steps[step].active[1]);
			captured_clear(&world.sent[RELAY_UP]);
		}
	}
	request("wl_surface", "destroy", surfaces[1], ARGS({0}));
}

/* Names */

/* A toplevel; what was sent for it is still captured, from get_toplevel on. */
static uint32_t create_toplevel(void)
{
	struct pair compositor = bind_global("wl_compositor"), wm_base = bind_global("xdg_wm_base");
	uint32_t surface = world.next_id++, xdg_surface = world.next_id++,
		 toplevel = world.next_id++;

	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	request("xdg_wm_base", "get_xdg_surface", wm_base.down,
		ARGS({.id = xdg_surface}, {.id = surface}));
	captured_clear(&world.sent[RELAY_UP]);
	request("xdg_surface", "get_toplevel", xdg_surface, ARGS({.id = toplevel}));
	return toplevel;
}

static void windows_of_a_machine_without_a_name_are_left_alone(void **state)
{
	uint32_t toplevel = create_toplevel();
	take_up("xdg_surface", "get_toplevel");
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	request("xdg_toplevel", "set_title", toplevel, ARGS({.s = "a\ttitle"}));
	take_up("xdg_toplevel", "set_title");
	assert_string_equal(args[0].s, "a\ttitle");
}

static void a_new_window_is_marked_before_it_names_itself(void **state)
{
	create_toplevel();
	take_up("xdg_surface", "get_toplevel");
	uint32_t up = args[0].id;
	assert_int_equal(take_up("xdg_toplevel", "set_title"), up);
	assert_string_equal(args[0].s, "[box]");
	assert_int_equal(take_up("xdg_toplevel", "set_app_id"), up);
	assert_string_equal(args[0].s, "wayferry.box");
}

static void titles_and_application_ids_carry_the_machines_name(void **state)
{
	uint32_t toplevel = create_toplevel();
	captured_clear(&world.sent[RELAY_UP]);
	request("xdg_toplevel", "set_title", toplevel, ARGS({.s = "[other] mail\n\x1b"}));
	take_up("xdg_toplevel", "set_title");
	assert_string_equal(args[0].s, "[box] [other] mail  ");
	request("xdg_toplevel", "set_title", toplevel, ARGS({.s = ""}));
	take_up("xdg_toplevel", "set_title");
	assert_string_equal(args[0].s, "[box]");
	request("xdg_toplevel", "set_app_id", toplevel, ARGS({.s = "org.gnome.Maps"}));
	take_up("xdg_toplevel", "set_app_id");
	assert_string_equal(args[0].s, "wayferry.box.org.gnome.Maps");
}

static void a_long_title_is_cut_between_characters(void **state)
{
	uint32_t toplevel = create_toplevel();
	captured_clear(&world.sent[RELAY_UP]);
	for (size_t shift = 0; shift < 3; shift++) {
		char title[4000] = "xxx";
		size_t length = shift;
		while (length + 3 < sizeof(title))
			length += (size_t)sprintf(title + length, "\xe2\x82\xac");
		request("xdg_toplevel", "set_title", toplevel, ARGS({.s = title}));
		take_up("xdg_toplevel", "set_title");
		size_t got = strlen(args[0].s);
		assert_in_range(got, POLICY_TEXT_BYTES - 8, POLICY_TEXT_BYTES - 1);
		assert_int_equal((got - strlen("[box] ") - shift) % 3, 0);
	}
}

static void names_of_machines_are_plain_words(void **state)
{
	char long_name[POLICY_VM_NAME_BYTES + 2];
	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 0;
	assert_true(policy_vm_name_good("debian-12_x"));
	assert_true(policy_vm_name_good(long_name + 1));
	assert_false(policy_vm_name_good(long_name));
	assert_false(policy_vm_name_good(""));
	assert_false(policy_vm_name_good("a b"));
	assert_false(policy_vm_name_good("a]"));
	/* Else a.b with the application c would be a with b.c. */
	assert_false(policy_vm_name_good("a.b"));
	assert_false(policy_vm_name_good("\xc3\xa9"));
}

/* Fds */

/* The fd that the guest gets for a keymap whose fd is @fd. */
static int relay_keymap(int fd)
{
	struct pair seat = bind_global("wl_seat");
	uint32_t keyboard = world.next_id++;
	request("wl_seat", "get_keyboard", seat.down, ARGS({.id = keyboard}));
	take_up("wl_seat", "get_keyboard");
	assert_int_equal(push(RELAY_UP, "wl_keyboard", "keymap", args[0].id,
				 ARGS({.u = 1}, {.i = 0}, {.u = 100}), wire_handle_fd(fd)),
		0);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_keyboard", "keymap", keyboard, args);
	assert_int_equal(args[1].handle.kind, WIRE_FD);
	return args[1].handle.fd;
}

static void a_keymap_is_a_file_for_the_guest(void **state)
{
	int fd = relay_keymap(fd_memfd_constant("keymap", "xkb", 3));
	char text[4] = "";
	assert_int_equal(pread(fd, text, 3, 0), 3);
	assert_string_equal(text, "xkb");
	close(fd);
}

static int open_pipe(void)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	return ends[0];
}

static int open_device(void)
{
	return open("/dev/zero", O_RDONLY);
}

static int open_for_writing(void)
{
	return open("/tmp", O_WRONLY | O_TMPFILE, 0600);
}

static int open_directory(void)
{
	return open("/", O_RDONLY);
}

static void what_is_no_file_to_read_becomes_an_empty_one(void **state)
{
	int (*const cases[])(void) = {open_pipe, open_device, open_for_writing, open_directory};
	struct stat status;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int fd = relay_keymap(cases[i]());
		assert_int_equal(fstat(fd, &status), 0);
		assert_true(S_ISREG(status.st_mode));
		assert_int_equal(status.st_size, 0);
		close(fd);
		tear_down(state);
		set_up(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_NAMED(name) cmocka_unit_test_setup_teardown(name, set_up_named, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_is_asked_for_by_the_surface_with_the_keyboard_only),
		TEST(guests_see_listed_interfaces_only),
		TEST(a_denied_global_is_not_announced),
		TEST(a_denied_global_cannot_be_bound_by_its_number),
		TEST(a_pool_is_its_blobs_place_in_the_window),
		TEST(a_blob_is_held_until_pool_and_buffers_are_gone),
		TEST(memory_that_cannot_be_shared_is_no_pool),
		TEST(a_buffer_outside_of_its_pool_is_refused),
		TEST(formats_that_cannot_be_checked_are_not_to_be_had),
		TEST(a_pool_grows_within_its_blob_and_never_shrinks),
		TEST(windows_of_a_machine_without_a_name_are_left_alone),
		TEST_NAMED(a_new_window_is_marked_before_it_names_itself),
		TEST_NAMED(titles_and_application_ids_carry_the_machines_name),
		TEST_NAMED(a_long_title_is_cut_between_characters),
		TEST(names_of_machines_are_plain_words),
		TEST(a_keymap_is_a_file_for_the_guest),
		TEST(what_is_no_file_to_read_becomes_an_empty_one),
	};
	return cmocka_run_group_tests(tests, open_window, close_window);
}
