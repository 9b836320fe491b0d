/* host-bridge/policy/buffers/policy_dmabuf.c, with a real relay and made-up resources */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "host-bridge/virtio/guest_memory.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/formats/vhost_user.h"
#include "tests/unit/dmabuf_offer.h"

#define PARAMS "zwp_linux_buffer_params_v1"
#define MOD_HI(modifier)                                                                           \
	{                                                                                          \
		.u = (uint32_t)((modifier) >> 32)                                                  \
	}
#define MOD_LO(modifier)                                                                           \
	{                                                                                          \
		.u = (uint32_t)(modifier)                                                          \
	}
#define BLOB_BYTES 8192
#define TILED UINT64_C(0x0100000000000001)

static struct {
	int memfd, special; /* special: no regular file, as dma-bufs are none */
	struct guest_memory *memory;
	struct resource_table table;
	struct resource_pages pages;
	struct resource dmabuf, file, slot, guest, flat, empty;
} t;

static int set_up_blobs(void **state)
{
	set_up(state);
	memset(&t, 0, sizeof(t));
	memset(&offer, 0, sizeof(offer));
	t.memfd = fd_memfd("blobs", 4 * BLOB_BYTES);
	t.special = eventfd(0, EFD_CLOEXEC);
	t.memory = guest_memory_create();
	struct vhost_user_memory regions = {.n_regions = 1,
		.regions = {
			{.guest_address = 0x10000, .user_address = 0x10000, .size = BLOB_BYTES}}};
	int ram = fd_dup(t.memfd);
	assert_int_equal(guest_memory_set(t.memory, &regions, &ram, 1), 0);
	t.table.memory = t.memory;
	t.table.udmabuf = -1;
	t.pages = (struct resource_pages){.guest_address = 0x10000, .length = BLOB_BYTES};
	struct resource own = {.kind = RESOURCE_BLOB_HOST,
		.size = BLOB_BYTES,
		.fd = t.special,
		.fd_owned = true,
		.table = &t.table};
	t.dmabuf = t.file = t.slot = t.guest = own;
	t.file.fd = t.memfd;
	t.file.fd_offset = 4096;
	t.slot.fd = t.memfd;
	t.slot.fd_owned = false;
	t.slot.mapped = true;
	t.slot.fd_offset = BLOB_BYTES;
	t.guest.kind = RESOURCE_BLOB_GUEST;
	t.guest.fd = -1;
	t.guest.fd_owned = false;
	t.guest.pages = &t.pages;
	t.guest.n_pages = 1;
	t.flat = t.empty = t.guest;
	t.flat.kind = t.empty.kind = RESOURCE_2D;
	t.empty.n_pages = 0;
	return 0;
}

static int tear_down_blobs(void **state)
{
	relay_destroy(world.relay);
	world.relay = NULL;
	assert_int_equal(world.policy.counters->shadow_bytes, 0);
	guest_memory_destroy(t.memory);
	fd_close(&t.memfd);
	fd_close(&t.special);
	return tear_down(state);
}

static void again(void **state)
{
	tear_down_blobs(state);
	set_up_blobs(state);
}

static void bind_quietly(bool has_dmabuf)
{
	bind_formats(has_dmabuf);
	captured_clear(&world.sent[RELAY_DOWN]);
}

static uint32_t new_params(void)
{
	uint32_t id = world.next_id++;
	request("zwp_linux_dmabuf_v1", "create_params", offer.manager.down, ARGS({.id = id}));
	if (offer.manager.up)
		take_up("zwp_linux_dmabuf_v1", "create_params");
	return id;
}

static ssize_t add(uint32_t params, struct wire_handle handle, uint32_t plane, uint32_t offset,
	uint32_t stride, uint64_t modifier)
{
	return push(RELAY_DOWN, PARAMS, "add", params,
		ARGS({.i = 0}, {.u = plane}, {.u = offset}, {.u = stride}, MOD_HI(modifier),
			MOD_LO(modifier)),
		handle);
}

static ssize_t create_immed(
	uint32_t params, uint32_t buffer, int32_t width, int32_t height, uint32_t format)
{
	return push(RELAY_DOWN, PARAMS, "create_immed", params,
		ARGS({.id = buffer}, {.i = width}, {.i = height}, {.u = format}, {.u = 0}),
		no_handle);
}

/* Ways */

static void expect_shm(uint32_t buffer, int32_t start, int32_t offset)
{
	struct stat passed, file;

	captured_take(
		&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm", "create_pool", offer.shm.up, args);
	uint32_t pool = args[0].id;
	assert_int_equal(args[2].i, start + offset + 64 * 16);
	fstat(args[1].handle.fd, &passed);
	fstat(t.memfd, &file);
	assert_int_equal(passed.st_ino == file.st_ino, start > 0);
	wire_handle_finish(&args[1].handle);
	captured_take(
		&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "create_buffer", pool, args);
	assert_int_equal(args[1].i, start + offset);
	assert_int_equal(args[2].i, 16);
	assert_int_equal(args[3].i, 16);
	assert_int_equal(args[4].i, 64);
	assert_int_equal(args[5].u, WL_SHM_FORMAT_XRGB8888);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_shm_pool", "destroy", pool, args);
}

static void expect_dmabuf(int32_t offset)
{
	struct stat passed, file;

	take_up(PARAMS, "add");
	fstat(args[0].handle.fd, &passed);
	fstat(t.special, &file);
	assert_int_equal(passed.st_ino, file.st_ino);
	wire_handle_finish(&args[0].handle);
	assert_int_equal(args[1].u, 0);
	assert_int_equal(args[2].u, offset);
	assert_int_equal(args[3].u, 64);
}

static void the_way_of_a_buffer_is_that_of_its_memory(void **state)
{
	const struct {
		struct resource *blob;
		bool compositor, dmabuf; /* the compositor has it; it gets one */
		int32_t start;
		size_t counter;
	} cases[] = {
		{&t.dmabuf, true, true, 0, offsetof(struct policy_counters, dmabufs_handed_on)},
		{&t.file, true, false, 4096, offsetof(struct policy_counters, dmabufs_as_shm)},
		{&t.slot, true, false, BLOB_BYTES,
			offsetof(struct policy_counters, dmabufs_as_shm)},
		{&t.guest, true, false, 0, offsetof(struct policy_counters, dmabufs_shadowed)},
		{&t.flat, true, false, 0, offsetof(struct policy_counters, dmabufs_shadowed)},
		{&t.file, false, false, 4096, offsetof(struct policy_counters, dmabufs_as_shm)},
		{&t.slot, false, false, BLOB_BYTES,
			offsetof(struct policy_counters, dmabufs_as_shm)},
		{&t.guest, false, false, 0, offsetof(struct policy_counters, dmabufs_shadowed)},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		bind_quietly(cases[i].compositor);
		uint32_t params = new_params(), buffer = world.next_id++;
		assert_int_equal(
			add(params, blob_handle(cases[i].blob), 0, 1024, 64, DRM_FORMAT_MOD_LINEAR),
			0);
		assert_int_equal(world.sent[RELAY_UP].size, 0);
		assert_int_equal(create_immed(params, buffer, 16, 16, DRM_FORMAT_XRGB8888), 0);
		if (cases[i].dmabuf) {
			expect_dmabuf(1024);
			take_up(PARAMS, "create_immed");
		} else {
			expect_shm(buffer, cases[i].start, 1024);
		}
		assert_int_equal(world.sent[RELAY_UP].size, 0);
		assert_int_equal(
			*(uint64_t *)(void *)((char *)world.policy.counters + cases[i].counter), 1);
		/* The blob is held until the wl_buffer goes. */
		request(PARAMS, "destroy", params, ARGS({0}));
		assert_int_equal(cases[i].blob->refs, 1);
		request("wl_buffer", "destroy", buffer, ARGS({0}));
		assert_int_equal(cases[i].blob->refs, 0);
		again(state);
	}
}

static void a_dma_buf_starts_where_its_blob_does(void **state)
{
	bind_quietly(true);
	uint32_t params = new_params();
	t.dmabuf.fd_offset = 4096;
	add(params, blob_handle(&t.dmabuf), 0, 1024, 64, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(create_immed(params, world.next_id++, 16, 16, DRM_FORMAT_XRGB8888), 0);
	expect_dmabuf(4096 + 1024);
}

/* Of XRGB8888 there may be planes with what a GPU has compressed; only their starts can be checked.
 */
static void a_tiled_picture_is_handed_on_as_it_is_described(void **state)
{
	static const uint32_t offsets[] = {0, 4096, 8191}, strides[] = {512, 64, 1};
	bind_quietly(true);
	uint32_t params = new_params();
	for (uint32_t i = 0; i < 3; i++)
		add(params, blob_handle(&t.dmabuf), i, offsets[i], strides[i], TILED);
	assert_int_equal(create_immed(params, world.next_id++, 100, 50, DRM_FORMAT_XRGB8888), 0);
	for (uint32_t i = 0; i < 3; i++) {
		take_up(PARAMS, "add");
		wire_handle_finish(&args[0].handle);
		assert_int_equal(args[1].u, i);
		assert_int_equal(args[2].u, offsets[i]);
		assert_int_equal(args[3].u, strides[i]);
		assert_true(((uint64_t)args[4].u << 32 | args[5].u) == TILED);
	}
	take_up(PARAMS, "create_immed");
	assert_int_equal(args[1].i, 100);
	assert_int_equal(args[3].u, DRM_FORMAT_XRGB8888);
}

/* A guest's OpenGL driver says what it always says; the host's has chosen. */
static void a_texture_has_the_layout_that_its_maker_said(void **state)
{
	bind_quietly(true);
	uint32_t params = new_params();
	t.dmabuf.kind = RESOURCE_3D;
	t.dmabuf.stride = 768;
	t.dmabuf.modifier = TILED;
	add(params, blob_handle(&t.dmabuf), 0, 0, 64, DRM_FORMAT_MOD_INVALID);
	assert_int_equal(create_immed(params, world.next_id++, 16, 16, DRM_FORMAT_XRGB8888), 0);
	take_up(PARAMS, "add");
	wire_handle_finish(&args[0].handle);
	assert_int_equal(args[3].u, 768);
	assert_true(((uint64_t)args[4].u << 32 | args[5].u) == TILED);
}

/* A guest was told how an image is laid out, so it cannot say that it is otherwise. */
static void an_image_has_the_layout_that_its_guest_was_told(void **state)
{
	static const uint64_t rows = DRM_FORMAT_MOD_LINEAR, unknown = DRM_FORMAT_MOD_INVALID;
	const struct {
		uint64_t told, says;
		bool good;
	} cases[] = {{TILED, TILED, true}, {TILED, rows, false}, {TILED, unknown, false},
		{TILED, TILED + 1, false}, {rows, rows, true}, {rows, unknown, true},
		{rows, TILED, false}};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		bind_quietly(i % 2);
		uint32_t params = new_params();
		t.dmabuf.is_image = true;
		t.dmabuf.modifier = cases[i].told;
		assert_int_equal(add(params, blob_handle(&t.dmabuf), 0, 0, 64, cases[i].says),
			cases[i].good ? 0 : -EPROTO);
		if (!cases[i].good)
			expect_error(params, 4);
		again(state);
	}
}

static void a_buffer_that_was_asked_for_comes_as_an_event(void **state)
{
	for (int compositor = 0; compositor < 2; compositor++) {
		bind_quietly(compositor);
		uint32_t params = new_params(), up_params = 0;
		add(params, blob_handle(compositor ? &t.dmabuf : &t.slot), 0, 0, 64,
			DRM_FORMAT_MOD_INVALID);
		request(PARAMS, "create", params,
			ARGS({.i = 16}, {.i = 16}, {.u = DRM_FORMAT_XRGB8888}, {.u = 0}));
		if (compositor) {
			expect_dmabuf(0);
			up_params = take_up(PARAMS, "create");
			event(PARAMS, "created", up_params, ARGS({.id = WIRE_SERVER_ID_START}));
		} else {
			expect_shm(0, BLOB_BYTES, 0);
		}
		captured_take(&world.sent[RELAY_DOWN], RELAY_UP, PARAMS, "created", params, args);
		uint32_t buffer = args[0].id;
		assert_true(buffer >= WIRE_SERVER_ID_START);
		assert_int_equal(world.refs, 1);
		request("wl_buffer", "destroy", buffer, ARGS({0}));
		take_up("wl_buffer", "destroy");
		assert_int_equal(world.refs, 0);
		again(state);
	}
}

static void a_buffer_that_cannot_be_shown_fails(void **state)
{
	const struct {
		struct resource *blob;
		uint64_t modifier;
		uint32_t format, flags;
	} cases[] = {
		{&t.slot, TILED, DRM_FORMAT_XRGB8888, 0},
		{&t.slot, DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_ABGR8888, 0}, /* not wl_shm's */
		{&t.slot, DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_XRGB8888, 1},
		{&t.empty, DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_XRGB8888, 0},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		for (int immediately = 0; immediately < 2; immediately++) {
			bind_quietly(true);
			uint32_t params = new_params(), buffer = world.next_id++;
			add(params, blob_handle(cases[i].blob), 0, 0, 64, cases[i].modifier);
			ssize_t result = immediately
				? push(RELAY_DOWN, PARAMS, "create_immed", params,
					  ARGS({.id = buffer}, {.i = 16}, {.i = 16},
						  {.u = cases[i].format}, {.u = cases[i].flags}),
					  no_handle)
				: push(RELAY_DOWN, PARAMS, "create", params,
					  ARGS({.i = 16}, {.i = 16}, {.u = cases[i].format},
						  {.u = cases[i].flags}),
					  no_handle);
			assert_int_equal(result, immediately ? -EPROTO : 0);
			if (immediately)
				expect_error(params, 7);
			else
				captured_take(&world.sent[RELAY_DOWN], RELAY_UP, PARAMS, "failed",
					params, args);
			again(state);
		}
	}
}

static void what_the_compositor_refuses_is_let_go(void **state)
{
	bind_quietly(true);
	uint32_t params = new_params();
	add(params, blob_handle(&t.dmabuf), 0, 0, 64, TILED);
	request(PARAMS, "create", params,
		ARGS({.i = 16}, {.i = 16}, {.u = DRM_FORMAT_XRGB8888}, {.u = 0}));
	expect_dmabuf(0);
	event(PARAMS, "failed", take_up(PARAMS, "create"), ARGS({0}));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, PARAMS, "failed", params, args);
	assert_int_equal(world.refs, 0);
}

/* What the guest says wrongly */

struct bad_plane {
	uint32_t plane, offset, stride;
	uint64_t modifier;
};

/* Guests have no names for the host's devices. */
static void a_device_to_sample_from_is_not_handed_on(void **state)
{
	uint64_t device = 0xe200;
	bind_quietly(true);
	uint32_t params = new_params();
	request(PARAMS, "set_sampling_device", params, ARGS({.array = {&device, sizeof(device)}}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_int_equal(push(RELAY_DOWN, PARAMS, "set_sampling_device", params,
				 ARGS({.array = {&device, 4}}), no_handle),
		-EPROTO);
	expect_error(params, 8);
}

static void what_does_not_lie_in_its_blob_is_refused(void **state)
{
	static const struct {
		struct bad_plane planes[4];
		size_t n_planes;
		int32_t width, height;
		uint32_t format, code;
	} cases[] = {
		{{{0}}, 0, 16, 16, DRM_FORMAT_XRGB8888, 3},
		{{{1, 0, 64, 0}}, 1, 16, 16, DRM_FORMAT_XRGB8888, 3},
		{{{0, 0, 64, 0}, {2, 0, 64, 0}}, 2, 16, 16, DRM_FORMAT_XRGB8888, 3},
		{{{0, 0, 64, 0}}, 1, 16, 16, DRM_FORMAT_NV12, 3},
		{{{0, 0, 64, 0}}, 1, 16, 16, 0x12345678, 4},
		{{{0, 0, 64, 0}}, 1, 0, 16, DRM_FORMAT_XRGB8888, 5},
		{{{0, 0, 64, 0}}, 1, 16, -1, DRM_FORMAT_XRGB8888, 5},
		{{{0, 0, 64, 0}}, 1, INT32_MIN, INT32_MIN, DRM_FORMAT_XRGB8888, 5},
		{{{0, 0, 63, 0}}, 1, 16, 16, DRM_FORMAT_XRGB8888, 6},
		{{{0, 0, 0, 0}}, 1, 16, 16, DRM_FORMAT_XRGB8888, 6},
		{{{0, 0, 64, 0}}, 1, 16, 129, DRM_FORMAT_XRGB8888, 6},
		{{{0, 8192, 64, 0}}, 1, 16, 1, DRM_FORMAT_XRGB8888, 6},
		{{{0, UINT32_MAX, 64, 0}}, 1, 16, 16, DRM_FORMAT_XRGB8888, 6},
		{{{0, 0, UINT32_MAX, 0}}, 1, 16, 2, DRM_FORMAT_XRGB8888, 6},
		{{{0, 0, UINT32_MAX, 0}}, 1, INT32_MAX, INT32_MAX, DRM_FORMAT_XRGB8888, 6},
		{{{0, 0, 1u << 31, 0}}, 1, 16, 1 << 30, DRM_FORMAT_XRGB8888, 6},
		{{{0, 8192, 64, TILED}}, 1, 16, 16, DRM_FORMAT_XRGB8888, 6},
		{{{0, 0, 16, 0}, {1, 8100, 16, 0}}, 2, 16, 16, DRM_FORMAT_NV12, 6},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		bind_quietly(i % 2);
		uint32_t params = new_params();
		for (size_t j = 0; j < cases[i].n_planes; j++) {
			const struct bad_plane *plane = &cases[i].planes[j];
			assert_int_equal(add(params, blob_handle(&t.dmabuf), plane->plane,
						 plane->offset, plane->stride, plane->modifier),
				0);
		}
		if (create_immed(params, world.next_id, cases[i].width, cases[i].height,
			    cases[i].format) != -EPROTO)
			fail_msg("case %zu", i);
		expect_error(params, cases[i].code);
		again(state);
	}
}

static void planes_are_added_once_and_before_they_are_used(void **state)
{
	enum { TWICE, FIFTH, HUGE, AFTER, CREATED_TWICE, NO_BLOB, N_CASES };
	static const uint32_t codes[N_CASES] = {2, 1, 1, 0, 0, 7};
	for (int i = 0; i < N_CASES; i++) {
		bind_quietly(true);
		uint32_t params = new_params();
		struct wire_handle handle = i == NO_BLOB ? wire_handle_fd(fd_memfd("guest", 4096))
							 : blob_handle(&t.dmabuf);
		ssize_t result = 0;
		if (i != NO_BLOB && i != FIFTH && i != HUGE)
			result = add(params, blob_handle(&t.dmabuf), 0, 0, 64, 0);
		if (i == AFTER || i == CREATED_TWICE) {
			result = create_immed(params, world.next_id++, 16, 16, DRM_FORMAT_XRGB8888);
			captured_clear(&world.sent[RELAY_UP]);
		}
		assert_int_equal(result, 0);
		if (i == CREATED_TWICE) {
			wire_handle_finish(&handle);
			result = create_immed(params, world.next_id++, 16, 16, DRM_FORMAT_XRGB8888);
		} else {
			result = add(params, handle,
				i == FIFTH          ? 4
					: i == HUGE ? UINT32_MAX
						    : 0,
				0, 64, 0);
		}
		assert_int_equal(result, -EPROTO);
		expect_error(params, codes[i]);
		again(state);
	}
}

static void the_number_of_dma_bufs_is_bounded(void **state)
{
	bind_quietly(true);
	for (int i = 0; i < 513; i++) {
		uint32_t params = new_params(), buffer = world.next_id++;
		add(params, blob_handle(&t.dmabuf), 0, 0, 64, 0);
		ssize_t result = create_immed(params, buffer, 16, 16, DRM_FORMAT_XRGB8888);
		captured_clear(&world.sent[RELAY_UP]);
		if (i < 512) {
			assert_int_equal(result, 0);
			continue;
		}
		assert_int_equal(result, -EPROTO);
		expect_error(params, 7);
		assert_non_null(strstr(args[2].s, "limit of dmabuf-fds (512)"));
	}
}

/* Guest pages */

static void a_shadow_has_what_the_guest_drew(void **state)
{
	uint32_t pixels[2] = {0};
	bind_quietly(true);
	struct pair compositor = bind_global("wl_compositor");
	uint32_t surface = world.next_id++;
	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	take_up("wl_compositor", "create_surface");
	uint32_t params = new_params(), buffer = world.next_id++;
	add(params, blob_handle(&t.guest), 0, 1024, 64, DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(create_immed(params, buffer, 16, 16, DRM_FORMAT_XRGB8888), 0);
	take_up("wl_shm", "create_pool");
	int shadow = fd_dup(args[1].handle.fd);
	wire_handle_finish(&args[1].handle);
	captured_clear(&world.sent[RELAY_UP]);

	assert_int_equal(pwrite(t.memfd, (uint32_t[]){0xdeadbeef}, 4, 1024 + 15 * 64), 4);
	request("wl_surface", "attach", surface, ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	request("wl_surface", "damage", surface, ARGS({.i = 0}, {.i = 0}, {.i = 99}, {.i = 99}));
	request("wl_surface", "commit", surface, ARGS({0}));
	assert_int_equal(pread(shadow, pixels, 4, 1024 + 15 * 64), 4);
	assert_int_equal(pixels[0], 0xdeadbeef);
	assert_int_equal(world.policy.counters->copied_bytes, 16 * 64);
	fd_close(&shadow);
}

/* The end of a renderer */

static void a_picture_that_nobody_draws_any_more_ends_its_client(void **state)
{
	for (int as_dmabuf = 0; as_dmabuf < 2; as_dmabuf++) {
		struct resource *blob = as_dmabuf ? &t.dmabuf : &t.file;
		bind_quietly(as_dmabuf);
		struct pair compositor = bind_global("wl_compositor");
		uint32_t surface = world.next_id++;
		request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
		take_up("wl_compositor", "create_surface");
		uint32_t params = new_params(), buffer = world.next_id++;
		add(params, blob_handle(blob), 0, 0, 64, DRM_FORMAT_MOD_LINEAR);
		assert_int_equal(create_immed(params, buffer, 16, 16, DRM_FORMAT_XRGB8888), 0);
		captured_clear(&world.sent[RELAY_UP]);
		request("wl_surface", "attach", surface, ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
		request("wl_surface", "commit", surface, ARGS({0}));
		take_up("wl_surface", "attach");
		take_up("wl_surface", "commit");

		blob->abandoned = true;
		assert_int_equal(push(RELAY_DOWN, "wl_surface", "attach", surface,
					 ARGS({.id = buffer}, {.i = 0}, {.i = 0}), no_handle),
			-EPROTO);
		expect_error(1, 3); /* implementation */
		again(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_blobs, tear_down_blobs)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_way_of_a_buffer_is_that_of_its_memory),
		TEST(a_dma_buf_starts_where_its_blob_does),
		TEST(a_tiled_picture_is_handed_on_as_it_is_described),
		TEST(a_texture_has_the_layout_that_its_maker_said),
		TEST(an_image_has_the_layout_that_its_guest_was_told),
		TEST(a_buffer_that_was_asked_for_comes_as_an_event),
		TEST(a_buffer_that_cannot_be_shown_fails),
		TEST(what_the_compositor_refuses_is_let_go),
		TEST(a_device_to_sample_from_is_not_handed_on),
		TEST(what_does_not_lie_in_its_blob_is_refused),
		TEST(planes_are_added_once_and_before_they_are_used),
		TEST(the_number_of_dma_bufs_is_bounded),
		TEST(a_shadow_has_what_the_guest_drew),
		TEST(a_picture_that_nobody_draws_any_more_ends_its_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
