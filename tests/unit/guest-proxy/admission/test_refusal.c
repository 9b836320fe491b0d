/* guest-proxy/admission/refusal.c */
#include "guest-proxy/admission/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

static int try_connect(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)address, length), 0);
	return fd;
}

static void those_who_wait_are_told_that_nobody_will_come(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(address.sun_family);
	uint32_t words[64];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 5), 0);
	length = sizeof(address);
	getsockname(fd, (struct sockaddr *)&address, &length); /* the kernel made up a name */
	int first = try_connect(&address, length), second = try_connect(&address, length);

	refusal_send_to_waiting(fd, "no device"); /* does not wait for a third */
	ssize_t size = read(first, words, sizeof(words));
	assert_int_equal(size, 32);
	assert_int_equal(words[0], 1);             /* wl_display */
	assert_int_equal(words[1], 32u << 16 | 0); /* error */
	assert_int_equal(words[2], 1);             /* about wl_display */
	assert_int_equal(words[3], 3);             /* implementation */
	assert_int_equal(words[4], strlen("no device") + 1);
	assert_string_equal((char *)&words[5], "no device");
	assert_int_equal(read(first, words, sizeof(words)), 0);
	assert_int_equal(read(second, words, sizeof(words)), 32);
	close(first);
	close(second);
	close(fd);
}

static void what_was_written_before_does_not_hide_the_error(void **state)
{
	static const char requests[100000];
	uint32_t words[64];
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(send(ends[0], requests, sizeof(requests), 0), sizeof(requests));
	refusal_send(ends[1], WL_DISPLAY_ERROR_NO_MEMORY, "too many");
	assert_int_equal(send(ends[0], requests, 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
	assert_int_equal(read(ends[0], words, sizeof(words)), 32);
	assert_int_equal(words[3], WL_DISPLAY_ERROR_NO_MEMORY);
	assert_string_equal((char *)&words[5], "too many");
	assert_int_equal(read(ends[0], words, sizeof(words)), 0); /* not ECONNRESET */
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_wait_are_told_that_nobody_will_come),
		cmocka_unit_test(what_was_written_before_does_not_hide_the_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
