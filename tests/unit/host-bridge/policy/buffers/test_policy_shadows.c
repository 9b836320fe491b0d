/* host-bridge/policy/buffers/policy_shadows.c, with real guest memory */
#include "host-bridge/policy/buffers/hooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "host-bridge/virtio/guest_memory.h"
#include "host-bridge/vhost/visible_region.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/policy_world.h"

#define RAM UINT64_C(0x100000) /* guest address */
#define RAM_BYTES UINT64_C(0x100000)
#define STRIDE 64
#define ROWS 32 /* of a buffer */
#define BUFFER_BYTES (STRIDE * ROWS)
#define POOL_BYTES (3 * BUFFER_BYTES)

static struct {
	struct guest_memory *memory;
	struct visible_region *region;
	struct resource_table table;
	uint8_t *ram; /* the pool is at its start */
	int fd;       /* what the compositor got */
	struct pair shm, compositor, pool;
	uint32_t surface;
} t;

static uint8_t shadow_byte(int buffer, int row)
{
	uint8_t byte = 0;
	assert_int_equal(pread(t.fd, &byte, 1, buffer * BUFFER_BYTES + row * STRIDE), 1);
	return byte;
}

/* Paints rows of a buffer in the guest. */
static void paint(int buffer, int first, int end, uint8_t value)
{
	memset(t.ram + buffer * BUFFER_BYTES + first * STRIDE, value,
		(size_t)(end - first) * STRIDE);
}

/* A blob of guest memory, which has only RAM_BYTES. */
static struct resource *create_blob(uint64_t size)
{
	struct resource *blob;
	struct resource_pages *pages = malloc(sizeof(*pages));

	*pages = (struct resource_pages){RAM, (uint32_t)size};
	assert_int_equal(resource_create(&t.table, 1, RESOURCE_BLOB_GUEST, size, &blob), 0);
	assert_int_equal(resource_set_pages(blob, pages, 1), 0);
	return blob;
}

static ssize_t push_pool(uint64_t blob_bytes, int32_t size)
{
	return push(RELAY_DOWN, "wl_shm", "create_pool", t.shm.down,
		ARGS({.id = t.pool.down}, {.i = 0}, {.i = size}),
		resource_handle(create_blob(blob_bytes)));
}

/* Guest memory, and a surface. */
static int set_up_surface(void **state)
{
	int fd = fd_memfd("guest", RAM_BYTES);
	struct vhost_user_memory table = {.n_regions = 1,
		.regions = {{.guest_address = RAM, .user_address = RAM, .size = RAM_BYTES}}};

	memset(&t, 0, sizeof(t));
	t.fd = -1;
	t.ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	t.memory = guest_memory_create();
	assert_int_equal(guest_memory_set(t.memory, &table, &fd, 1), 0);
	t.region = visible_region_create(1 << 20);
	resource_table_init(&t.table, t.memory, t.region);
	start((struct policy){0});
	t.shm = bind_global("wl_shm");
	t.compositor = bind_global("wl_compositor");
	t.surface = world.next_id++;
	t.pool.down = world.next_id++;
	request("wl_compositor", "create_surface", t.compositor.down, ARGS({.id = t.surface}));
	captured_clear(&world.sent[RELAY_UP]);
	return 0;
}

/* And a pool of three buffers, painted with 1. */
static int set_up_pool(void **state)
{
	set_up_surface(state);
	assert_int_equal(push_pool(POOL_BYTES, POOL_BYTES), 0);
	take_up("wl_shm", "create_pool");
	assert_int_equal(args[2].i, POOL_BYTES);
	t.fd = args[1].handle.fd;
	paint(0, 0, 3 * ROWS, 1);
	return 0;
}

static int tear_down_all(void **state)
{
	fd_close(&t.fd);
	relay_destroy(world.relay);
	world.relay = NULL;
	assert_int_equal(world.policy.counters->shadow_bytes, 0);
	tear_down(state);
	resource_table_finish(&t.table);
	assert_int_equal(t.table.count, 0);
	visible_region_destroy(t.region);
	guest_memory_destroy(t.memory);
	munmap(t.ram, RAM_BYTES);
	return 0;
}

static uint32_t create_buffer_of(int number, uint32_t format, int rows)
{
	uint32_t id = world.next_id++;
	request("wl_shm_pool", "create_buffer", t.pool.down,
		ARGS({.id = id}, {.i = number * BUFFER_BYTES}, {.i = STRIDE / 4}, {.i = rows},
			{.i = STRIDE}, {.u = format}));
	return id;
}

static uint32_t create_buffer(int number)
{
	return create_buffer_of(number, WL_SHM_FORMAT_XRGB8888, ROWS);
}

static void attach(uint32_t buffer)
{
	request("wl_surface", "attach", t.surface, ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
}

static void damage(const char *kind, int y, int height)
{
	request("wl_surface", kind, t.surface, ARGS({.i = 0}, {.i = y}, {.i = 10}, {.i = height}));
}

static void commit(void)
{
	request("wl_surface", "commit", t.surface, ARGS({0}));
	captured_clear(&world.sent[RELAY_UP]);
}

/* The rows of @buffer's shadow that have @value: "first..last", or "none". */
static const char *rows_with(int buffer, uint8_t value)
{
	static char text[32];
	int first = -1, last = -1;

	for (int row = 0; row < ROWS; row++) {
		if (shadow_byte(buffer, row) != value)
			continue;
		if (first < 0)
			first = row;
		assert_true(last < 0 || last == row - 1);
		last = row;
	}
	if (first < 0)
		return "none";
	snprintf(text, sizeof(text), "%d..%d", first, last);
	return text;
}

static void a_buffer_is_copied_when_it_is_shown_and_not_before(void **state)
{
	uint32_t buffer = create_buffer(1);
	assert_string_equal(rows_with(1, 1), "none");
	attach(buffer);
	damage("damage_buffer", 3, 1);
	assert_string_equal(rows_with(1, 1), "none");
	commit();
	assert_string_equal(rows_with(1, 1), "0..31"); /* never shown before: all of it */
	assert_string_equal(rows_with(0, 1), "none");
	assert_string_equal(rows_with(2, 1), "none");
	assert_int_equal(world.policy.counters->copied_bytes, BUFFER_BYTES);
}

static void only_damaged_rows_are_copied_again(void **state)
{
	uint32_t buffer = create_buffer(0);
	attach(buffer);
	commit();
	paint(0, 0, ROWS, 2);
	attach(buffer);
	damage("damage_buffer", 4, 2);
	damage("damage", 7, 1);
	commit();
	assert_string_equal(rows_with(0, 2), "4..7");
	assert_int_equal(world.policy.counters->copied_bytes, BUFFER_BYTES + 4 * STRIDE);
}

static void nothing_is_copied_without_a_new_buffer(void **state)
{
	attach(create_buffer(0));
	commit();
	paint(0, 0, ROWS, 2);
	damage("damage_buffer", 0, ROWS);
	commit();
	attach(0);
	damage("damage_buffer", 0, ROWS);
	commit();
	assert_string_equal(rows_with(0, 2), "none");
}

static void a_buffer_gets_what_it_missed_while_another_was_shown(void **state)
{
	uint32_t front = create_buffer(0), back = create_buffer(1);
	attach(front);
	commit();
	attach(back);
	commit();
	paint(0, 0, ROWS, 3);
	paint(1, 0, ROWS, 3);
	attach(front);
	damage("damage_buffer", 10, 2);
	commit();
	assert_string_equal(rows_with(0, 3), "10..11");
	attach(back);
	damage("damage_buffer", 14, 1);
	commit();
	assert_string_equal(rows_with(1, 3), "10..14");
}

static void a_buffer_that_missed_too_much_is_copied_whole(void **state)
{
	uint32_t old = create_buffer(0), current = create_buffer(1);
	attach(old);
	commit();
	for (int i = 0; i < 20; i++) {
		attach(current);
		damage("damage_buffer", 1, 1);
		commit();
	}
	paint(0, 0, ROWS, 4);
	attach(old);
	damage("damage_buffer", 2, 1);
	commit();
	assert_string_equal(rows_with(0, 4), "0..31");
}

static void a_buffer_shown_on_another_surface_is_copied_whole(void **state)
{
	uint32_t buffer = create_buffer(0);
	attach(buffer);
	commit();
	paint(0, 0, ROWS, 5);
	t.surface = world.next_id++;
	request("wl_compositor", "create_surface", t.compositor.down, ARGS({.id = t.surface}));
	attach(buffer);
	damage("damage_buffer", 2, 1);
	commit();
	assert_string_equal(rows_with(0, 5), "0..31");
}

static void behind_a_buffer_without_a_shadow_all_is_copied(void **state)
{
	struct pair manager = bind_global("wp_single_pixel_buffer_manager_v1");
	uint32_t buffer = create_buffer(0), pixel = world.next_id++;
	request("wp_single_pixel_buffer_manager_v1", "create_u32_rgba_buffer", manager.down,
		ARGS({.id = pixel}, {.u = 0}, {.u = 0}, {.u = 0}, {.u = UINT32_MAX}));
	attach(buffer);
	commit();
	paint(0, 0, ROWS, 6);
	attach(pixel);
	damage("damage_buffer", 0, 1);
	commit();
	damage("damage_buffer", 2, 1); /* with no buffer of its own */
	commit();
	assert_string_equal(rows_with(0, 6), "none");
	attach(buffer);
	damage("damage_buffer", 4, 1);
	commit();
	assert_string_equal(rows_with(0, 6), "0..31");
}

static void surface_damage_is_scaled_to_the_buffer(void **state)
{
	uint32_t buffer = create_buffer(0);
	attach(buffer);
	commit();
	paint(0, 0, ROWS, 6);
	request("wl_surface", "set_buffer_scale", t.surface, ARGS({.i = 2}));
	attach(buffer);
	damage("damage", 3, 2);
	commit();
	assert_string_equal(rows_with(0, 6), "6..9");
}

static void surface_damage_under_a_transform_is_everything(void **state)
{
	uint32_t buffer = create_buffer(0);
	attach(buffer);
	commit();
	paint(0, 0, ROWS, 7);
	request("wl_surface", "set_buffer_transform", t.surface,
		ARGS({.i = WL_OUTPUT_TRANSFORM_90}));
	attach(buffer);
	damage("damage", 3, 2);
	commit();
	assert_string_equal(rows_with(0, 7), "0..31");
}

static void surface_damage_under_a_viewport_is_everything(void **state)
{
	struct pair viewporter = bind_global("wp_viewporter");
	uint32_t buffer = create_buffer(0);
	attach(buffer);
	commit();
	paint(0, 0, ROWS, 8);
	request("wp_viewporter", "get_viewport", viewporter.down,
		ARGS({.id = world.next_id++}, {.id = t.surface}));
	attach(buffer);
	damage("damage", 3, 2);
	commit();
	assert_string_equal(rows_with(0, 8), "0..31");
}

static void wild_damage_stays_inside_the_buffer(void **state)
{
	static const struct {
		int y, height;
		const char *rows;
	} cases[] = {
		{-5, 7, "0..1"},
		{30, 1000, "30..31"},
		{INT32_MIN, INT32_MAX, "none"},
		{INT32_MAX, INT32_MAX, "none"},
		{0, INT32_MAX, "0..31"},
		{INT32_MIN, INT32_MIN, "none"},
		{5, 0, "none"},
		{32, 1, "none"},
	};
	uint32_t buffer = create_buffer(1);
	attach(buffer);
	commit();
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		request("wl_surface", "set_buffer_scale", t.surface, ARGS({.i = 1}));
		paint(0, 0, 3 * ROWS, (uint8_t)(50 + i));
		attach(buffer);
		damage(i % 2 ? "damage" : "damage_buffer", cases[i].y, cases[i].height);
		commit();
		assert_string_equal(rows_with(1, (uint8_t)(50 + i)), cases[i].rows);
		assert_string_equal(rows_with(0, (uint8_t)(50 + i)), "none");
		assert_string_equal(rows_with(2, (uint8_t)(50 + i)), "none");
	}
	request("wl_surface", "set_buffer_scale", t.surface, ARGS({.i = INT32_MAX}));
	attach(buffer);
	damage("damage", INT32_MAX, INT32_MAX);
	commit();
}

static void planes_behind_the_first_are_copied_too(void **state)
{
	attach(create_buffer_of(0, DRM_FORMAT_NV12, ROWS));
	commit();
	assert_string_equal(rows_with(0, 1), "0..31");
	assert_string_equal(rows_with(1, 1), "0..31");
}

static void a_destroyed_buffer_that_is_attached_is_still_shown(void **state)
{
	uint32_t buffer = create_buffer(0);
	attach(buffer);
	request("wl_buffer", "destroy", buffer, ARGS({0}));
	request("wl_shm_pool", "destroy", t.pool.down, ARGS({0}));
	commit();
	assert_string_equal(rows_with(0, 1), "0..31");
	assert_int_equal(world.policy.counters->shadow_bytes, 0);
}

/* One page of the guest, many times: a pool that is large, and costs the guest nothing. */
static void a_long_copy_is_done_in_pieces(void **state)
{
	enum { LARGE = 256 << 20, PIECE = 256 << 10 };
	struct resource_pages *pages = malloc(LARGE / 4096 * sizeof(*pages));
	struct resource *resource;
	uint32_t pool = world.next_id++, buffer = world.next_id++;
	static const uint64_t turn_ends_ns = 0; /* long ago */
	uint64_t n_pauses = 0;

	for (int i = 0; i < LARGE / 4096; i++)
		pages[i] = (struct resource_pages){.guest_address = RAM, .length = 4096};
	assert_int_equal(resource_create(&t.table, 99, RESOURCE_BLOB_GUEST, LARGE, &resource), 0);
	assert_int_equal(resource_set_pages(resource, pages, LARGE / 4096), 0);
	assert_int_equal(
		push(RELAY_DOWN, "wl_shm", "create_pool", t.shm.down,
			ARGS({.id = pool}, {.i = 0}, {.i = LARGE}), resource_handle(resource)),
		0);
	request("wl_shm_pool", "create_buffer", pool,
		ARGS({.id = buffer}, {.i = 0}, {.i = 8192}, {.i = 8192}, {.i = 32768},
			{.u = WL_SHM_FORMAT_XRGB8888}));
	attach(buffer);
	captured_clear(&world.sent[RELAY_UP]);
	world.connection.turn_ends_ns = &turn_ends_ns;
	request("wl_surface", "commit", t.surface, ARGS({0}));
	assert_true(world.connection.held);
	/* Nothing that another surface's commit, or one of ours, could show before. */
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	while (world.connection.held) {
		uint64_t before = world.policy.counters->copied_bytes;
		world.connection.held = false;
		n_pauses++;
		assert_int_equal(relay_push(world.relay, RELAY_DOWN, NULL, 0, NULL, 0), 0);
		assert_in_range(world.policy.counters->copied_bytes - before, 1, PIECE);
	}
	take_up("wl_surface", "attach");
	take_up("wl_surface", "commit");
	assert_int_equal(world.policy.counters->copied_bytes, LARGE);
	assert_int_equal(world.policy.counters->copy_pauses, n_pauses);
	resource_forget(resource);
}

static void memory_that_goes_away_is_no_crash(void **state)
{
	uint32_t buffer = create_buffer(0);
	guest_memory_clear(t.memory);
	attach(buffer);
	commit();
	assert_string_equal(rows_with(0, 1), "none");
	assert_null(relay_failure(world.relay));
}

static void pools_cannot_take_more_memory_than_there_is_for_them(void **state)
{
	quota_charge(&world.quota, QUOTA_SHADOW_BYTES, (UINT64_C(1) << 30) - 4096);
	assert_int_equal(push_pool(8192, 4096), -EPROTO);
	expect_error(1, 2);
	assert_non_null(strstr(args[2].s, "limit of shadow-bytes"));
	quota_release(&world.quota, QUOTA_SHADOW_BYTES, (UINT64_C(1) << 30) - 4096);
}

static void a_pool_grows_within_its_blob(void **state)
{
	assert_int_equal(push_pool(POOL_BYTES, BUFFER_BYTES), 0);
	take_up("wl_shm", "create_pool");
	t.fd = args[1].handle.fd;
	paint(0, 0, 3 * ROWS, 1);
	request("wl_shm_pool", "resize", t.pool.down, ARGS({.i = POOL_BYTES}));
	attach(create_buffer(2));
	commit();
	assert_string_equal(rows_with(2, 1), "0..31");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_pool, tear_down_all)
#define TEST_WITHOUT_POOL(name) cmocka_unit_test_setup_teardown(name, set_up_surface, tear_down_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_buffer_is_copied_when_it_is_shown_and_not_before),
		TEST(only_damaged_rows_are_copied_again),
		TEST(nothing_is_copied_without_a_new_buffer),
		TEST(a_buffer_gets_what_it_missed_while_another_was_shown),
		TEST(a_buffer_that_missed_too_much_is_copied_whole),
		TEST(a_buffer_shown_on_another_surface_is_copied_whole),
		TEST(behind_a_buffer_without_a_shadow_all_is_copied),
		TEST(surface_damage_is_scaled_to_the_buffer),
		TEST(surface_damage_under_a_transform_is_everything),
		TEST(surface_damage_under_a_viewport_is_everything),
		TEST(wild_damage_stays_inside_the_buffer),
		TEST(planes_behind_the_first_are_copied_too),
		TEST(a_destroyed_buffer_that_is_attached_is_still_shown),
		TEST(a_long_copy_is_done_in_pieces),
		TEST(memory_that_goes_away_is_no_crash),
		TEST_WITHOUT_POOL(pools_cannot_take_more_memory_than_there_is_for_them),
		TEST_WITHOUT_POOL(a_pool_grows_within_its_blob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
