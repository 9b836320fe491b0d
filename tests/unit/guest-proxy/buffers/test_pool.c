/* guest-proxy/buffers/pool.c */
#include "guest-proxy/buffers/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static uint32_t count;

static int make_file(size_t pages)
{
	int fd = memfd_create("pool", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(pages * PAGE)), 0);
	return fd;
}

static void the_pool_shows_what_the_client_draws_later(void **state)
{
	struct pool *pool;
	int fd = make_file(2);
	assert_int_equal(pool_create(fd, 2 * PAGE, &count, &pool), 0);
	assert_int_equal(count, 1);
	assert_int_equal(pwrite(fd, "drawn", 5, PAGE), 5);
	assert_memory_equal(pool->data + PAGE, "drawn", 5);
	close(fd);
	pool_unref(pool);
	assert_int_equal(count, 0);
}

static void a_grown_pool_shows_old_and_new_bytes(void **state)
{
	struct pool *pool;
	int fd = make_file(1);
	assert_int_equal(pool_create(fd, PAGE, &count, &pool), 0);
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	assert_int_equal(pwrite(fd, "old", 3, 0), 3);
	assert_int_equal(pwrite(fd, "new", 3, 3 * PAGE), 3);
	assert_int_equal(pool_resize(pool, 4 * PAGE), 0);
	assert_memory_equal(pool->data, "old", 3);
	assert_memory_equal(pool->data + 3 * PAGE, "new", 3);
	close(fd);
	pool_unref(pool);
}

static void a_truncated_pool_reads_as_zeros_and_says_so(void **state)
{
	struct pool *pool;
	uint8_t bytes[PAGE];
	static const uint8_t zeros[PAGE];
	int fd = make_file(2);
	assert_int_equal(pool_create(fd, 2 * PAGE, &count, &pool), 0);
	memcpy(bytes, pool->data + PAGE, PAGE);
	assert_false(pool_truncated(pool));

	assert_int_equal(ftruncate(fd, PAGE), 0);
	memset(bytes, 1, sizeof(bytes));
	memcpy(bytes, pool->data + PAGE, PAGE);
	assert_true(pool_truncated(pool));
	assert_memory_equal(bytes, zeros, PAGE);

	/* It stays so, and cannot be grown. */
	assert_true(pool_truncated(pool));
	assert_true(pool_resize(pool, 3 * PAGE) < 0);
	close(fd);
	pool_unref(pool);
}

static void a_truncated_pool_does_not_harm_another(void **state)
{
	struct pool *bad, *good;
	int bad_fd = make_file(1), good_fd = make_file(1);
	assert_int_equal(pool_create(bad_fd, PAGE, &count, &bad), 0);
	assert_int_equal(pool_create(good_fd, PAGE, &count, &good), 0);
	assert_int_equal(ftruncate(bad_fd, 0), 0);
	volatile uint8_t byte;
	byte = bad->data[0];
	assert_true(pool_truncated(bad));
	byte = good->data[0];
	assert_false(pool_truncated(good));
	(void)byte;
	close(bad_fd);
	close(good_fd);
	pool_unref(bad);
	pool_unref(good);
	assert_int_equal(count, 0);
}

static void what_cannot_be_mapped_is_refused(void **state)
{
	struct pool *pool;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pool_create(ends[0], PAGE, &count, &pool), -ENODEV);
	assert_int_equal(pool_create(-1, PAGE, &count, &pool), -EBADF);
	assert_int_equal(count, 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pool_shows_what_the_client_draws_later),
		cmocka_unit_test(a_grown_pool_shows_old_and_new_bytes),
		cmocka_unit_test(a_truncated_pool_reads_as_zeros_and_says_so),
		cmocka_unit_test(a_truncated_pool_does_not_harm_another),
		cmocka_unit_test(what_cannot_be_mapped_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
