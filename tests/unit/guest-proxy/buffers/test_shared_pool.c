/* guest-proxy/buffers/shared_pool.c: the compositor is given clients' pools themselves. */
#include "guest-proxy/buffers/shared_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/sigbus_guard.h"
#include "tests/unit/fd_count.h"
#include "tests/unit/surface_rig.h"

#define SIZE 8192 /* two buffers of 32 x 32 */
#define XRGB WL_SHM_FORMAT_XRGB8888

static struct surface_rig rig;
static int fds_before, fd;
static uint32_t surface, pool, buffers[2];
static uint8_t *map;

static int open_memory(int seals)
{
	int memory = memfd_create("pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(memory, SIZE), 0);
	assert_int_equal(fcntl(memory, F_ADD_SEALS, seals), 0);
	return memory;
}

static void make_pool(int memory)
{
	fd = memory;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	pool = rig_create_pool(&rig, fd, SIZE);
	for (int i = 0; i < 2; i++)
		buffers[i] = rig_create_buffer(&rig, pool, i * 4096, 32, 32, 128, XRGB);
}

static int setup(void **state)
{
	fds_before = fd_count();
	surface_rig_init(&rig);
	fake_channel->takes_files = true;
	surface = rig_create_surface(&rig);
	make_pool(open_memory(F_SEAL_SHRINK));
	return 0;
}

static int teardown(void **state)
{
	surface_rig_finish(&rig);
	munmap(map, SIZE);
	close(fd);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

static void show(uint32_t buffer)
{
	rig_request(&rig, surface, "attach", RIG_ARGS({.id = buffer}, {.i = 0}, {.i = 0}));
	rig_request(&rig, surface, "damage", RIG_ARGS({.i = 0}, {.i = 0}, {.i = 32}, {.i = 32}));
	rig_request(&rig, surface, "commit", NULL);
}

static struct rig_buffer *shown(void)
{
	return &rig.buffers[rig_surface_of(&rig, surface)->current];
}

static void the_compositor_sees_the_clients_memory(void **state)
{
	for (int i = 0; i < 2; i++) {
		memset(map + i * 4096, 'a' + i, 4096);
		show(buffers[i]);
		assert_int_equal(shown()->offset, i * 4096);
		assert_int_equal(shown()->blob->map[shown()->offset], 'a' + i);
	}
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 2);
	assert_int_equal(rig.connection.copied_bytes, 0);
	assert_int_equal(rig.connection.frames, 2);
	assert_int_equal(rig.connection.shared_frames, 2);
	assert_int_equal(rig.buffers_made, 2);
	/* Again: nothing new is made. */
	rig_release(&rig, rig_up_id(&rig, buffers[0]));
	map[0] = 'c';
	show(buffers[0]);
	assert_int_equal(shown()->blob->map[0], 'c');
	assert_int_equal(rig.buffers_made, 2);
}

static void buffers_are_released_when_the_compositor_does(void **state)
{
	show(buffers[0]);
	assert_int_equal(rig.releases, 0);
	rig_release(&rig, rig_up_id(&rig, buffers[0]));
	assert_int_equal(rig.releases, 1);
}

static void what_the_client_destroys_the_compositor_loses(void **state)
{
	show(buffers[0]);
	show(buffers[1]);
	rig_request(&rig, pool, "destroy", NULL);
	/* No file descriptor is kept for a pool that stays as it is: this one is ours. */
	assert_int_equal(rig.connection.n_shared_pools, 0);
	assert_int_equal(rig.buffers_destroyed, 0);
	rig_request(&rig, buffers[0], "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 1);
	assert_int_equal(rig.connection.n_pools, 1);
	rig_request(&rig, buffers[1], "destroy", NULL);
	assert_int_equal(rig.buffers_destroyed, 2);
	assert_int_equal(rig.connection.n_pools, 0);
	for (uint32_t i = 0; i < RIG_OBJECTS; i++)
		assert_null(rig.pools[i]);
	assert_int_equal(channel_counters(fake_channel)->blobs, 0);
}

static void a_pool_that_the_client_destroys_first_is_shared_all_the_same(void **state)
{
	rig_request(&rig, pool, "destroy", NULL);
	assert_int_equal(rig.connection.n_shared_pools, 1);
	show(buffers[1]);
	assert_int_equal(rig.connection.shared_frames, 1);
	assert_int_equal(rig.connection.n_shared_pools, 0);
	rig_request(&rig, buffers[0], "destroy", NULL); /* which the compositor never heard of */
	assert_int_equal(rig.buffers_destroyed, 0);
}

static void a_commit_waits_until_the_host_has_the_memory(void **state)
{
	fake_channel->memory_pending = true;
	show(buffers[0]);
	assert_true(rig.connection.held);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 0);
	fake_channel_memory(0);
	rig.connection.held = rig.connection.memory_due = false;
	relay_push(rig.connection.relay, RELAY_DOWN, NULL, 0, NULL, 0);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 1);
	assert_int_equal(rig.connection.shared_frames, 1);
}

static void what_the_host_does_not_take_is_copied(void **state)
{
	fake_channel->memory_pending = true;
	map[0] = 'x';
	show(buffers[0]);
	fake_channel_memory(-ENOMEM);
	fake_channel->memory_pending = fake_channel->takes_files = false;
	rig.connection.held = rig.connection.memory_due = false;
	relay_push(rig.connection.relay, RELAY_DOWN, NULL, 0, NULL, 0);
	assert_int_equal(rig_surface_of(&rig, surface)->commits, 1);
	assert_int_equal(rig.connection.shared_frames, 0);
	assert_int_equal(rig.connection.copied_bytes, 4096);
	assert_int_equal(shown()->blob->map[0], 'x');
	assert_int_equal(rig.releases, 1);
	assert_int_equal(rig.connection.n_shared_pools, 0);
}

static void memory_that_can_be_taken_away_is_copied(void **state)
{
	static const int seals[] = {0, F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_WRITE};
	for (size_t i = 0; i < ARRAY_LENGTH(seals); i++) {
		int memory = open_memory(seals[i]);
		uint32_t other = rig_create_pool(&rig, memory, SIZE);
		close(memory);
		show(rig_create_buffer(&rig, other, 0, 32, 32, 128, XRGB));
		assert_int_equal(rig.connection.shared_frames, 0);
		assert_int_equal(rig.connection.copied_bytes, (i + 1) * 4096);
	}
}

static void a_pool_that_has_grown_is_given_once_more(void **state)
{
	show(buffers[0]);
	assert_int_equal(ftruncate(fd, 2 * SIZE), 0);
	rig_request(&rig, pool, "resize", RIG_ARGS({.i = 2 * SIZE}));
	uint32_t large = rig_create_buffer(&rig, pool, 0, 32, 128, 128, XRGB);
	show(large);
	assert_int_equal(shown()->blob->size, 2 * SIZE);
	show(buffers[0]);
	assert_int_equal(shown()->blob->size, SIZE);
	assert_int_equal(rig.connection.shared_frames, 3);
	assert_int_equal(rig.buffers_made, 2);
}

static void a_file_smaller_than_its_pool_is_copied_and_fails(void **state)
{
	assert_int_equal(sigbus_guard_install(), 0); /* cmocka has put its own */
	rig_request(&rig, pool, "resize", RIG_ARGS({.i = 3 * SIZE}));
	uint32_t large = rig_create_buffer(&rig, pool, 2 * SIZE, 32, 32, 128, XRGB);
	rig_request(&rig, surface, "attach", RIG_ARGS({.id = large}, {.i = 0}, {.i = 0}));
	rig_bad_request(&rig, surface, "commit", NULL, large, WL_SHM_ERROR_INVALID_FD);
}

static void no_more_file_descriptors_are_kept_than_may_be(void **state)
{
	for (int i = 0; i < SHARED_POOLS_MAX + 8; i++)
		rig_create_pool(&rig, fd, SIZE);
	assert_int_equal(rig.connection.n_shared_pools, SHARED_POOLS_MAX);
}

static void a_buffer_that_is_gone_at_its_commit_is_copied(void **state)
{
	map[0] = 'y';
	rig_request(&rig, surface, "attach", RIG_ARGS({.id = buffers[0]}, {.i = 0}, {.i = 0}));
	rig_request(&rig, buffers[0], "destroy", NULL);
	rig_request(&rig, surface, "commit", NULL);
	assert_int_equal(rig.connection.shared_frames, 0);
	assert_int_equal(shown()->blob->map[0], 'y');
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_compositor_sees_the_clients_memory),
		TEST(buffers_are_released_when_the_compositor_does),
		TEST(what_the_client_destroys_the_compositor_loses),
		TEST(a_pool_that_the_client_destroys_first_is_shared_all_the_same),
		TEST(a_commit_waits_until_the_host_has_the_memory),
		TEST(what_the_host_does_not_take_is_copied),
		TEST(memory_that_can_be_taken_away_is_copied),
		TEST(a_pool_that_has_grown_is_given_once_more),
		TEST(a_file_smaller_than_its_pool_is_copied_and_fails),
		TEST(no_more_file_descriptors_are_kept_than_may_be),
		TEST(a_buffer_that_is_gone_at_its_commit_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
