/* guest-proxy/pool.c */
#include "guest-proxy/pool.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static uint32_t count;

static struct sigaction handler;

/* cmocka puts its own handler in place before each test. */
static void use_handler(void)
{
	sigaction(SIGBUS, &handler, NULL);
}

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
	use_handler();
	struct pool *pool;
	uint8_t bytes[PAGE];
	static const uint8_t zeros[PAGE];
	int fd = make_file(2);
	assert_int_equal(pool_create(fd, 2 * PAGE, &count, &pool), 0);
	pool_begin_access(pool);
	memcpy(bytes, pool->data + PAGE, PAGE);
	assert_true(pool_end_access(pool));

	assert_int_equal(ftruncate(fd, PAGE), 0);
	memset(bytes, 1, sizeof(bytes));
	pool_begin_access(pool);
	memcpy(bytes, pool->data + PAGE, PAGE);
	assert_false(pool_end_access(pool));
	assert_memory_equal(bytes, zeros, PAGE);

	/* It stays so, and cannot be grown. */
	pool_begin_access(pool);
	assert_false(pool_end_access(pool));
	assert_true(pool_resize(pool, 3 * PAGE) < 0);
	close(fd);
	pool_unref(pool);
}

static void a_truncated_pool_does_not_harm_another(void **state)
{
	use_handler();
	struct pool *bad, *good;
	int bad_fd = make_file(1), good_fd = make_file(1);
	assert_int_equal(pool_create(bad_fd, PAGE, &count, &bad), 0);
	assert_int_equal(pool_create(good_fd, PAGE, &count, &good), 0);
	assert_int_equal(ftruncate(bad_fd, 0), 0);
	volatile uint8_t byte;
	pool_begin_access(bad);
	byte = bad->data[0];
	assert_false(pool_end_access(bad));
	pool_begin_access(good);
	byte = good->data[0];
	assert_true(pool_end_access(good));
	(void)byte;
	close(bad_fd);
	close(good_fd);
	pool_unref(bad);
	pool_unref(good);
	assert_int_equal(count, 0);
}

static void a_fault_elsewhere_is_still_deadly(void **state)
{
	use_handler();
	struct pool *pool, *other;
	int fd = make_file(1), other_fd = make_file(1);
	assert_int_equal(pool_create(fd, PAGE, &count, &pool), 0);
	assert_int_equal(pool_create(other_fd, PAGE, &count, &other), 0);
	assert_int_equal(ftruncate(other_fd, 0), 0);
	pid_t child = fork();
	if (child == 0) {
		alarm(10);
		close(STDERR_FILENO); /* a sanitizer would describe the crash */
		pool_begin_access(pool);
		_exit(other->data[0] == 0 ? 42 : 43);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	/* A sanitizer exits with a status of its own. */
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS
					: WEXITSTATUS(status) != 42 && WEXITSTATUS(status) != 43);
	close(fd);
	close(other_fd);
	pool_unref(pool);
	pool_unref(other);
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
		cmocka_unit_test(a_fault_elsewhere_is_still_deadly),
		cmocka_unit_test(what_cannot_be_mapped_is_refused),
	};
	struct pool *pool; /* the first one installs it */
	if (pool_create(make_file(1), PAGE, &count, &pool) < 0)
		return 1;
	pool_unref(pool);
	sigaction(SIGBUS, NULL, &handler);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
