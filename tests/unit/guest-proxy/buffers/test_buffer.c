/* guest-proxy/buffers/buffer.c: wl_shm as a client meets it. */
#include "guest-proxy/buffers/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/surface_rig.h"

static struct surface_rig rig;
static int fd;
static uint32_t pool;

static int setup(void **state)
{
	surface_rig_init(&rig);
	fd = memfd_create("pool", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 65536), 0);
	pool = rig_create_pool(&rig, fd, 4096);
	return 0;
}

static int teardown(void **state)
{
	surface_rig_finish(&rig);
	close(fd);
	return 0;
}

struct bad_buffer {
	int32_t offset, width, height, stride;
	uint32_t format, code;
};

static void refuse(const struct bad_buffer *bad)
{
	uint32_t id = rig_new_id(&rig.client);
	rig_bad_request(&rig, pool, "create_buffer",
		RIG_ARGS({.id = id}, {.i = bad->offset}, {.i = bad->width}, {.i = bad->height},
			{.i = bad->stride}, {.u = bad->format}),
		pool, bad->code);
}

static void buffers_that_do_not_fit_are_refused(void **state)
{
	static const struct bad_buffer bad[] = {
		{-1, 1, 1, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 0, 1, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 1, 0, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, -1, 1, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 1, -1, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 1, 1, -4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 2, 1, 7, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 32, 33, 128, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{4, 32, 32, 128, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{4096, 1, 1, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{INT32_MAX, 1, 1, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, INT32_MAX, 1, INT32_MAX, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 1, INT32_MAX, 4, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 0x40000001, 1, 4, 0,
			WL_SHM_ERROR_INVALID_STRIDE}, /* width * 4 wraps in 32 bits */
		{0, 65536, 65536, INT32_MAX, 0, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 1, 1, 4, WL_SHM_FORMAT_NV12, WL_SHM_ERROR_INVALID_FORMAT},
		{0, 1, 1, 4, 0x12345678, WL_SHM_ERROR_INVALID_FORMAT},
		{0, 1, 1, 4, WL_SHM_FORMAT_RGB565,
			WL_SHM_ERROR_INVALID_FORMAT}, /* the compositor has not offered it */
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		refuse(&bad[i]);
		teardown(NULL);
		setup(NULL);
	}
}

static void a_buffer_may_fill_its_pool(void **state)
{
	rig_create_buffer(&rig, pool, 0, 32, 32, 128, WL_SHM_FORMAT_ARGB8888);
	rig_create_buffer(&rig, pool, 4092, 1, 1, 4, WL_SHM_FORMAT_XRGB8888);
	rig_create_buffer(&rig, pool, 0, 1, 1024, 4, WL_SHM_FORMAT_XRGB8888);
}

static void formats_are_those_that_the_compositor_offers_and_we_can_copy(void **state)
{
	uint32_t shm = rig_up_id(&rig, rig.shm);
	uint64_t before = relay_counters(rig.connection.relay)->messages[RELAY_UP];
	rig_event(&rig, shm, "format", RIG_ARGS({.u = WL_SHM_FORMAT_RGB565}));
	rig_event(&rig, shm, "format", RIG_ARGS({.u = WL_SHM_FORMAT_NV12}));
	rig_event(&rig, shm, "format", RIG_ARGS({.u = 0x12345678}));
	assert_int_equal(relay_counters(rig.connection.relay)->messages[RELAY_UP] - before, 3);
	assert_int_equal(rig.connection.n_formats, 2);
	rig_create_buffer(&rig, pool, 0, 16, 16, 32, WL_SHM_FORMAT_RGB565);
}

/* wl_shm checks the first plane's rows; here the others have to be in the pool, too. */
static void planes_have_to_be_in_the_pool(void **state)
{
	static const struct bad_buffer bad[] = {
		{0, 64, 64, 64, WL_SHM_FORMAT_NV12, WL_SHM_ERROR_INVALID_STRIDE},
		{1024, 64, 34, 64, WL_SHM_FORMAT_NV12, WL_SHM_ERROR_INVALID_STRIDE},
		{0, 65, 32, 64, WL_SHM_FORMAT_NV12, WL_SHM_ERROR_INVALID_STRIDE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		rig_event(&rig, rig_up_id(&rig, rig.shm), "format",
			RIG_ARGS({.u = WL_SHM_FORMAT_NV12}));
		rig_create_buffer(&rig, pool, 1024, 64, 32, 64, WL_SHM_FORMAT_NV12);
		refuse(&bad[i]);
		teardown(NULL);
		setup(NULL);
	}
}

static void a_flood_of_formats_is_bounded(void **state)
{
	for (int i = 0; i < 1000; i++)
		rig_event(&rig, rig_up_id(&rig, rig.shm), "format",
			RIG_ARGS({.u = WL_SHM_FORMAT_RGB565}));
	assert_int_equal(rig.connection.n_formats, 1);
}

static void a_pool_grows_and_never_shrinks(void **state)
{
	rig_request(&rig, pool, "resize", RIG_ARGS({.i = 65536}));
	rig_create_buffer(&rig, pool, 61440, 32, 32, 128, WL_SHM_FORMAT_ARGB8888);
	rig_bad_request(&rig, pool, "resize", RIG_ARGS({.i = 4096}), pool, WL_SHM_ERROR_INVALID_FD);
}

static void pools_of_no_size_or_no_memory_are_refused(void **state)
{
	uint32_t id = rig_new_id(&rig.client);
	rig_bad_request(&rig, rig.shm, "create_pool",
		RIG_ARGS({.id = id}, {.handle = wire_handle_fd(fd_dup(fd))}, {.i = 0}), rig.shm,
		WL_SHM_ERROR_INVALID_STRIDE);
	teardown(NULL);
	setup(NULL);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	id = rig_new_id(&rig.client);
	rig_bad_request(&rig, rig.shm, "create_pool",
		RIG_ARGS({.id = id}, {.handle = wire_handle_fd(ends[0])}, {.i = 4096}), rig.shm,
		WL_SHM_ERROR_INVALID_FD);
	close(ends[1]);
}

static void pools_are_bounded_and_live_as_long_as_their_buffers(void **state)
{
	uint32_t buffer = rig_create_buffer(&rig, pool, 0, 32, 32, 128, WL_SHM_FORMAT_ARGB8888);
	rig_request(&rig, pool, "destroy", NULL);
	assert_int_equal(rig.connection.n_pools, 1);
	rig_request(&rig, buffer, "destroy", NULL);
	assert_int_equal(rig.connection.n_pools, 0);
	int fds = fd_count();
	for (int i = 0; i < 1900; i++) /* Xwayland has thousands */
		rig_create_pool(&rig, fd, 4096);
	assert_int_equal(fd_count(), fds);
	const uint32_t others = BUFFER_POOLS_MAX - 1900; /* it would take long to make them */
	rig.connection.n_pools += others;
	uint32_t id = rig_new_id(&rig.client);
	rig_bad_request(&rig, rig.shm, "create_pool",
		RIG_ARGS({.id = id}, {.handle = wire_handle_fd(fd_dup(fd))}, {.i = 1}), 1,
		WL_DISPLAY_ERROR_NO_MEMORY);
	rig.connection.n_pools -= others;
}

static void the_host_never_hears_of_pools(void **state)
{
	uint64_t objects = relay_counters(rig.connection.relay)->objects;
	uint32_t buffer = rig_create_buffer(&rig, pool, 0, 32, 32, 128, WL_SHM_FORMAT_ARGB8888);
	rig_request(&rig, buffer, "destroy", NULL);
	rig_request(&rig, pool, "destroy", NULL);
	assert_int_equal(rig.buffers_made, 0);
	assert_int_equal(relay_counters(rig.connection.relay)->objects, objects - 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buffers_that_do_not_fit_are_refused),
		TEST(a_buffer_may_fill_its_pool),
		TEST(formats_are_those_that_the_compositor_offers_and_we_can_copy),
		TEST(planes_have_to_be_in_the_pool),
		TEST(a_flood_of_formats_is_bounded),
		TEST(a_pool_grows_and_never_shrinks),
		TEST(pools_of_no_size_or_no_memory_are_refused),
		TEST(pools_are_bounded_and_live_as_long_as_their_buffers),
		TEST(the_host_never_hears_of_pools),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
