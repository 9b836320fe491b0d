/* protocol/base/sigbus_guard.c */
#include "protocol/base/sigbus_guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fd_count.h"

#define PAGE ((size_t)4096)
#define FULL 0xaa

struct mapping {
	int fd;
	size_t size;
	volatile uint8_t *bytes;
	struct sigbus_guard *guard;
};

static int fds_before;

static int set_up(void **state)
{
	fds_before = fd_count();
	return 0;
}

static int tear_down(void **state)
{
	return fd_count() == fds_before ? 0 : -1;
}

/* A file of @pages full of FULL, mapped. */
static struct mapping map_file(size_t pages)
{
	struct mapping m = {.fd = memfd_create("guarded", MFD_CLOEXEC), .size = pages * PAGE};
	assert_int_equal(ftruncate(m.fd, (off_t)m.size), 0);
	m.bytes = mmap(NULL, m.size, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, 0);
	assert_true(m.bytes != MAP_FAILED);
	memset((uint8_t *)m.bytes, FULL, m.size);
	return m;
}

static struct mapping map_guarded(size_t pages, int wake_fd)
{
	struct mapping m = map_file(pages);
	assert_int_equal(sigbus_guard_create((uint8_t *)m.bytes, m.size, PROT_READ | PROT_WRITE,
				 wake_fd, &m.guard),
		0);
	return m;
}

static void unmap(struct mapping *m)
{
	sigbus_guard_destroy(m->guard);
	munmap((uint8_t *)m->bytes, m->size);
	close(m->fd);
}

static void reading_behind_the_end_reads_zeros_and_is_told(void **state)
{
	struct mapping m = map_guarded(3, -1);
	assert_int_equal(ftruncate(m.fd, PAGE), 0);
	assert_int_equal(m.bytes[0], FULL);
	assert_false(sigbus_guard_hit(m.guard));
	errno = ENOTTY;
	assert_int_equal(m.bytes[2 * PAGE], 0);
	assert_int_equal(errno, ENOTTY);
	assert_true(sigbus_guard_hit(m.guard));
	for (size_t i = 0; i < m.size; i++)
		assert_int_equal(m.bytes[i], 0);
	unmap(&m);
}

static void writing_behind_the_end_goes_nowhere(void **state)
{
	struct mapping m = map_guarded(2, -1);
	uint8_t byte;
	assert_int_equal(ftruncate(m.fd, 0), 0);
	m.bytes[PAGE] = 7;
	assert_true(sigbus_guard_hit(m.guard));
	assert_int_equal(m.bytes[PAGE], 7);
	assert_int_equal(ftruncate(m.fd, 2 * PAGE), 0);
	assert_int_equal(pread(m.fd, &byte, 1, PAGE), 1);
	assert_int_equal(byte, 0);
	unmap(&m);
}

static void of_several_mappings_only_the_truncated_ones_are_hit(void **state)
{
	struct mapping m[5];
	for (size_t i = 0; i < 5; i++)
		m[i] = map_guarded(1 + i, -1);
	unmap(&m[2]);
	for (size_t i = 1; i < 5; i += 2)
		assert_int_equal(ftruncate(m[i].fd, 0), 0);
	for (size_t i = 0; i < 5; i++) {
		if (i == 2)
			continue;
		assert_int_equal(m[i].bytes[m[i].size - 1], i % 2 == 0 ? FULL : 0);
		assert_true(sigbus_guard_hit(m[i].guard) == (i % 2 != 0));
	}
	for (size_t i = 0; i < 5; i++)
		if (i != 2)
			unmap(&m[i]);
}

static void a_moved_mapping_is_guarded_where_it_is(void **state)
{
	struct mapping m = map_guarded(2, -1), other = map_guarded(1, -1);
	assert_int_equal(ftruncate(m.fd, 64 * PAGE), 0);
	m.bytes = mremap((uint8_t *)m.bytes, m.size, 64 * PAGE, MREMAP_MAYMOVE);
	assert_true(m.bytes != MAP_FAILED);
	m.size = 64 * PAGE;
	sigbus_guard_move(m.guard, (uint8_t *)m.bytes, m.size);
	assert_int_equal(ftruncate(m.fd, PAGE), 0);
	assert_int_equal(m.bytes[63 * PAGE], 0);
	assert_true(sigbus_guard_hit(m.guard));
	assert_int_equal(other.bytes[0], FULL);
	unmap(&m);
	unmap(&other);
}

static void the_owners_event_loop_is_woken_once(void **state)
{
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct mapping m = map_guarded(2, wake_fd);
	uint64_t count = 0;
	assert_int_equal(m.bytes[PAGE], FULL);
	assert_true(read(wake_fd, &count, sizeof(count)) < 0);
	assert_int_equal(ftruncate(m.fd, 0), 0);
	assert_int_equal(m.bytes[PAGE], 0);
	assert_int_equal(m.bytes[0], 0);
	assert_int_equal(read(wake_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	unmap(&m);
	close(wake_fd);
}

static void protection_stays_as_it_was(void **state)
{
	struct mapping m = map_file(1);
	assert_int_equal(mprotect((uint8_t *)m.bytes, m.size, PROT_READ), 0);
	assert_int_equal(
		sigbus_guard_create((uint8_t *)m.bytes, m.size, PROT_READ, -1, &m.guard), 0);
	assert_int_equal(ftruncate(m.fd, 0), 0);
	assert_int_equal(m.bytes[0], 0);
	/* The kernel would be the one to write: no signal. */
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(read(ends[0], (uint8_t *)m.bytes, 1), -1);
	assert_int_equal(errno, EFAULT);
	close(ends[0]);
	close(ends[1]);
	unmap(&m);
}

/* What is to be deadly happens in a child, with the default action behind ours. */
static int run_in_child(void (*act)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(10);
		signal(SIGBUS, SIG_DFL);
		act();
		_exit(42);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void fault_elsewhere(void)
{
	struct mapping m = map_guarded(1, -1), other = map_file(1);
	if (ftruncate(m.fd, 0) < 0 || ftruncate(other.fd, 0) < 0 || m.bytes[0] != 0)
		_exit(43);
	_exit(other.bytes[0] == 0 ? 44 : 45);
}

static void fault_where_no_guard_is_any_more(void)
{
	struct mapping m = map_guarded(1, -1);
	sigbus_guard_destroy(m.guard);
	if (ftruncate(m.fd, 0) < 0)
		_exit(43);
	_exit(m.bytes[0] == 0 ? 44 : 45);
}

static void send_signal(void)
{
	struct mapping m = map_guarded(1, -1);
	kill(getpid(), SIGBUS);
	_exit(m.bytes[0] == FULL ? 44 : 45);
}

static void everything_else_is_still_deadly(void **state)
{
	static void (*const acts[])(void) = {
		fault_elsewhere, fault_where_no_guard_is_any_more, send_signal};
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		int status = run_in_child(acts[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGBUS);
	}
}

static sigjmp_buf caught;

static void catch (int number)
{
	siglongjmp(caught, 1);
}

static void others_get_what_is_not_ours(void **state)
{
	signal(SIGBUS, catch);
	struct mapping m = map_guarded(1, -1), other = map_file(1);
	assert_int_equal(ftruncate(m.fd, 0), 0);
	assert_int_equal(ftruncate(other.fd, 0), 0);
	if (sigsetjmp(caught, 1) == 0) {
		assert_int_equal(m.bytes[0], 0);
		assert_int_equal(other.bytes[0], 0);
		fail();
	}
	assert_true(sigbus_guard_hit(m.guard));
	unmap(&m);
	unmap(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_behind_the_end_reads_zeros_and_is_told),
		TEST(writing_behind_the_end_goes_nowhere),
		TEST(of_several_mappings_only_the_truncated_ones_are_hit),
		TEST(a_moved_mapping_is_guarded_where_it_is),
		TEST(the_owners_event_loop_is_woken_once),
		TEST(protection_stays_as_it_was),
		TEST(everything_else_is_still_deadly),
		TEST(others_get_what_is_not_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
