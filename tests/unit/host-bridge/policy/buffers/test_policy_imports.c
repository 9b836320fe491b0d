/* host-bridge/policy/buffers/policy_imports.c, with a real relay and made-up resources */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/buffers/policy_layouts.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/policy_world.h"

#define PARAMS "zwp_linux_buffer_params_v1"
#define BLOB_BYTES 65536
#define XR24 DRM_FORMAT_XRGB8888

static struct {
	int special, memfd;
	struct resource gpu, memory; /* a dma-buf, and a file */
	struct pair shm;
	uint32_t dmabuf; /* ours at the compositor */
} t;

static void modifier(uint32_t format, uint32_t high, uint32_t low)
{
	event("zwp_linux_dmabuf_v1", "modifier", t.dmabuf,
		ARGS({.u = format}, {.u = high}, {.u = low}));
}

static int begin(bool imports, uint32_t version)
{
	start((struct policy){.imports = imports});
	memset(&t, 0, sizeof(t));
	t.special = eventfd(0, EFD_CLOEXEC); /* no regular file, as dma-bufs are none */
	t.memfd = fd_memfd("blob", BLOB_BYTES);
	t.gpu = t.memory = (struct resource){
		.kind = RESOURCE_BLOB_HOST, .size = BLOB_BYTES, .fd = t.special, .fd_owned = true};
	t.memory.fd = t.memfd;
	t.shm = bind_global("wl_shm");
	event("wl_registry", "global", REGISTRY,
		ARGS({.u = 70}, {.s = "zwp_linux_dmabuf_v1"}, {.u = version}));
	captured_clear(&world.sent[RELAY_DOWN]);
	return 0;
}

static int set_up_imports(void **state)
{
	begin(true, 4);
	take_up("wl_registry", "bind");
	assert_int_equal(args[0].u, 70);
	assert_int_equal(args[2].u, 3); /* without feedback */
	t.dmabuf = args[3].id;
	modifier(XR24, 0, 0);
	modifier(DRM_FORMAT_ARGB8888, 0x01000000, 1); /* tiled only */
	modifier(DRM_FORMAT_NV12, 0, 0);
	event("zwp_linux_dmabuf_v1", "format", t.dmabuf, ARGS({.u = XR24}));
	assert_int_equal(world.sent[RELAY_DOWN].size, 0); /* the guest hears nothing of it */
	return 0;
}

static int tear_down_imports(void **state)
{
	relay_destroy(world.relay);
	world.relay = NULL;
	fd_close(&t.special);
	fd_close(&t.memfd);
	return tear_down(state);
}

struct made {
	struct pair pool;
	uint32_t buffer; /* the guest's id */
};

/* The guest's requests for a buffer of 64 x 50 in @blob. What the compositor gets of the buffer is
 * left to be taken. */
static struct made make_buffer(struct resource *blob, int32_t stride, uint32_t format)
{
	struct made made = {.pool = {.down = world.next_id++}, .buffer = world.next_id++};

	assert_int_equal(push(RELAY_DOWN, "wl_shm", "create_pool", t.shm.down,
				 ARGS({.id = made.pool.down}, {.i = 0}, {.i = BLOB_BYTES}),
				 blob_handle(blob)),
		0);
	take_up("wl_shm", "create_pool");
	made.pool.up = args[0].id;
	wire_handle_finish(&args[1].handle);
	request("wl_shm_pool", "create_buffer", made.pool.down,
		ARGS({.id = made.buffer}, {.i = 512}, {.i = 64}, {.i = 50}, {.i = stride},
			{.u = format}));
	return made;
}

/* The compositor gets params with the blob: their id. */
static uint32_t take_params(int32_t stride)
{
	struct stat blob, got;
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "zwp_linux_dmabuf_v1", "create_params",
		t.dmabuf, args);
	uint32_t params = args[0].id;
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "add", params, args);
	assert_int_equal(fstat(args[0].handle.fd, &got), 0);
	assert_int_equal(fstat(t.special, &blob), 0);
	assert_int_equal(got.st_ino, blob.st_ino);
	wire_handle_finish(&args[0].handle);
	assert_int_equal(args[1].u, 0);
	assert_int_equal(args[2].u, 512);
	assert_int_equal(args[3].u, stride);
	assert_int_equal(args[4].u, 0);
	assert_int_equal(args[5].u, 0);
	return params;
}

static uint32_t take_trial(void)
{
	uint32_t params = take_params(256);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "create", params, args);
	assert_int_equal(args[0].i, 64);
	assert_int_equal(args[1].i, 50);
	assert_int_equal(args[2].u, XR24);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	return params;
}

/* The wl_buffer of linux-dmabuf that the compositor is to make. */
static uint32_t take_immed(void)
{
	uint32_t params = take_params(256);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "create_immed", params, args);
	uint32_t buffer = args[0].id;
	assert_int_equal(args[1].i, 64);
	assert_int_equal(args[2].i, 50);
	assert_int_equal(args[3].u, XR24);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "destroy", params, args);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	return buffer;
}

static uint32_t take_shm(const struct made *made, int32_t stride)
{
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "create_buffer",
		made->pool.up, args);
	uint32_t buffer = args[0].id;
	assert_int_equal(args[1].i, 512);
	assert_int_equal(args[2].i, 64);
	assert_int_equal(args[3].i, 50);
	assert_int_equal(args[4].i, stride);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	return buffer;
}

/* The compositor has imported the buffer that was tried. */
static void answer_trial(uint32_t params)
{
	event(PARAMS, "created", params, ARGS({.id = WIRE_SERVER_ID_START}));
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_buffer", "destroy",
		WIRE_SERVER_ID_START, args);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "destroy", params, args);
}

static void the_first_is_tried_and_the_others_are_imported(void **state)
{
	struct made made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	uint32_t params = take_trial();
	assert_true(world.connection.imports.waiting);
	answer_trial(params);
	assert_false(world.connection.imports.waiting);
	uint32_t buffer = take_immed();
	/* It is the guest's wl_buffer. */
	event("wl_buffer", "release", buffer, NULL);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_buffer", "release", made.buffer, args);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	assert_false(world.connection.imports.waiting);
	buffer = take_immed();
	assert_int_equal(world.policy.counters->shm_as_dmabufs, 2);
	assert_int_equal(world.quota.entries[QUOTA_DMABUF_FDS].use, 2);
	request("wl_buffer", "destroy", made.buffer, NULL);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_buffer", "destroy", buffer, args);
	assert_int_equal(world.quota.entries[QUOTA_DMABUF_FDS].use, 1);
}

static void where_the_import_fails_they_stay_what_they_are(void **state)
{
	struct made made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	uint32_t params = take_trial();
	event(PARAMS, "failed", params, NULL);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "destroy", params, args);
	uint32_t buffer = take_shm(&made, 256);
	assert_false(world.connection.imports.waiting);
	event("wl_buffer", "release", buffer, NULL);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_buffer", "release", made.buffer, args);
	made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	take_shm(&made, 256);
	assert_null(relay_failure(world.relay));
	assert_int_equal(world.policy.counters->shm_as_dmabufs, 0);
	assert_int_equal(world.quota.entries[QUOTA_DMABUF_FDS].use, 0);
}

static void what_no_gpu_reads_stays_what_it_is(void **state)
{
	/* Rows of another length, memory that is a file, a format that is not linear there. */
	struct made made = make_buffer(&t.gpu, 320, WL_SHM_FORMAT_XRGB8888);
	take_shm(&made, 320);
	made = make_buffer(&t.memory, 256, WL_SHM_FORMAT_XRGB8888);
	take_shm(&made, 256);
	made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_ARGB8888);
	take_shm(&made, 256);
	assert_false(world.connection.imports.waiting);
}

/* Nor do GPUs read from anywhere. */
static void a_buffer_that_begins_at_an_odd_place_stays_what_it_is(void **state)
{
	struct made made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	answer_trial(take_trial());
	take_immed();
	request("wl_shm_pool", "create_buffer", made.pool.down,
		ARGS({.id = world.next_id++}, {.i = 64}, {.i = 64}, {.i = 50}, {.i = 256},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "create_buffer",
		made.pool.up, args);
	assert_int_equal(args[1].i, 64);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

/* The guest's request for a buffer of @width x 50; the params of its trial. */
static uint32_t try_wide(const struct made *made, int32_t width)
{
	request("wl_shm_pool", "create_buffer", made->pool.down,
		ARGS({.id = world.next_id++}, {.i = 512}, {.i = width}, {.i = 50}, {.i = 512},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	uint32_t params = take_params(512);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "create", params, args);
	assert_int_equal(args[0].i, width);
	assert_true(world.connection.imports.waiting);
	return params;
}

static void what_is_larger_than_all_before_is_tried(void **state)
{
	struct made made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	answer_trial(take_trial());
	take_immed();
	uint32_t params = try_wide(&made, 128);
	event(PARAMS, "failed", params, NULL);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "destroy", params, args);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "create_buffer",
		made.pool.up, args);
	assert_int_equal(args[2].i, 128);
	assert_false(world.connection.imports.waiting);
	/* Others still work, and larger ones are tried again. */
	make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	take_immed();
	answer_trial(try_wide(&made, 127));
	params = take_params(512);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "create_immed", params, args);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, PARAMS, "destroy", params, args);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

/* The machine has reached its limit: what was tried is shown as it is. */
static void a_limit_costs_the_import_alone(void **state)
{
	struct made made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	uint32_t params = take_trial();
	world.quota.entries[QUOTA_DMABUF_FDS].limit = 0;
	answer_trial(params);
	take_shm(&made, 256);
	assert_false(world.connection.imports.waiting);
}

/* Icons have to be of wl_shm: a compositor ends the connection for others. */
static void an_icon_is_of_wl_shm(void **state)
{
	struct made made = make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	answer_trial(take_trial());
	take_immed();
	struct pair manager = bind_global("xdg_toplevel_icon_manager_v1");
	uint32_t icon = world.next_id++, picture = world.next_id++;
	request("xdg_toplevel_icon_manager_v1", "create_icon", manager.down, ARGS({.id = icon}));
	request("wl_shm_pool", "create_buffer", made.pool.down,
		ARGS({.id = picture}, {.i = 512}, {.i = 50}, {.i = 50}, {.i = 256},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	request("wl_shm_pool", "destroy", made.pool.down, NULL);
	captured_clear(&world.sent[RELAY_UP]);

	request("xdg_toplevel_icon_v1", "add_buffer", icon, ARGS({.id = picture}, {.i = 2}));
	take_up("wl_registry", "bind");
	take_up("wl_shm", "create_pool");
	assert_int_equal(args[2].i, 512 + 50 * 256);
	uint32_t pool = args[0].id;
	wire_handle_finish(&args[1].handle);
	captured_take(
		&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "create_buffer", pool, args);
	uint32_t twin = args[0].id;
	assert_int_equal(args[1].i, 512);
	assert_int_equal(args[2].i, 50);
	assert_int_equal(args[3].i, 50);
	assert_int_equal(args[4].i, 256);
	assert_int_equal(args[5].u, WL_SHM_FORMAT_XRGB8888);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "destroy", pool, args);
	take_up("xdg_toplevel_icon_v1", "add_buffer");
	assert_int_equal(args[0].id, twin);
	assert_int_equal(args[1].i, 2);
	assert_int_equal(world.sent[RELAY_UP].size, 0);

	/* It is made once, and lives as long as the guest's. */
	event("wl_buffer", "release", twin, NULL);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
	request("xdg_toplevel_icon_v1", "add_buffer", icon, ARGS({.id = picture}, {.i = 1}));
	take_up("xdg_toplevel_icon_v1", "add_buffer");
	assert_int_equal(args[0].id, twin);
	assert_int_equal(world.quota.entries[QUOTA_SHM_POOLS].use, 2);
	request("wl_buffer", "destroy", picture, NULL);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_buffer", "destroy", twin, args);
	take_up("wl_buffer", "destroy");
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_int_equal(world.quota.entries[QUOTA_SHM_POOLS].use, 1);
}

static void a_guest_that_goes_leaves_nothing(void **state)
{
	make_buffer(&t.gpu, 256, WL_SHM_FORMAT_XRGB8888);
	take_trial();
	/* The teardown counts what is left. */
}

/* For images that a guest asks for in any layout. */
static void other_layouts_of_the_compositor_are_known(void **state)
{
	const struct policy_layouts *layouts = &world.connection.imports.layouts;
	uint64_t out[POLICY_LAYOUTS];

	assert_int_equal(policy_layouts_get(layouts, DRM_FORMAT_ARGB8888, out), 1);
	assert_true(out[0] == UINT64_C(0x0100000000000001));
	assert_int_equal(policy_layouts_get(layouts, XR24, out), 0);
}

static void without_buffers_of_a_gpu_nothing_is_bound(void **state)
{
	begin(false, 4);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	tear_down_imports(state);
	begin(true, 2); /* it has no modifiers */
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	tear_down_imports(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_imports, tear_down_imports)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_is_tried_and_the_others_are_imported),
		TEST(where_the_import_fails_they_stay_what_they_are),
		TEST(what_no_gpu_reads_stays_what_it_is),
		TEST(a_buffer_that_begins_at_an_odd_place_stays_what_it_is),
		TEST(what_is_larger_than_all_before_is_tried),
		TEST(a_limit_costs_the_import_alone),
		TEST(an_icon_is_of_wl_shm),
		TEST(a_guest_that_goes_leaves_nothing),
		TEST(other_layouts_of_the_compositor_are_known),
		cmocka_unit_test(without_buffers_of_a_gpu_nothing_is_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
