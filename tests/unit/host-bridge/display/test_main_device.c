/* host-bridge/display/main_device.c: compositors that say what they should not. What a good one
 * says is test_render_node.c's. */
#include "host-bridge/display/main_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Objects of the one who asks, in the order in which it makes them; and opcodes of events. */
enum { DISPLAY = 1, REGISTRY, GLOBALS_KNOWN, DMABUF, FEEDBACK, FEEDBACK_KNOWN };
enum { ERROR = 0, GLOBAL = 0, MAIN_DEVICE = 2 };

#define HEADER(object, opcode, size) (object), ((uint32_t)(size) << 16 | (opcode))
/* wl_registry.global(7, "zwp_linux_dmabuf_v1", 4) */
#define LINUX_DMABUF                                                                               \
	HEADER(REGISTRY, GLOBAL, 40), 7, 20, 0x5f70777a, 0x756e696c, 0x6d645f78, 0x66756261,       \
		0x0031765f, 4

/* What is answered by a compositor that says these @bytes and no more. */
static int answer_to(const void *bytes, size_t size)
{
	dev_t device;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[1], bytes, size), size);
	shutdown(ends[1], SHUT_WR);
	int error = main_device_ask(ends[0], &device, NULL);
	close(ends[0]);
	close(ends[1]);
	return error;
}

#define ANSWER_TO(...)                                                                             \
	answer_to((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}))

static void what_is_no_message_is_an_error(void **state)
{
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 4)), -EPROTO);
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 9)), -EPROTO);
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 0xffff)), -EPROTO);
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 8)), -EPROTO);
	/* A name that is longer than its message, and one without an end. */
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 16), 7, 0xfffffff0), -EPROTO);
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 24), 7, 4, 0x41414141, 4), -EPROTO);
	/* The rest does not come. */
	assert_int_equal(ANSWER_TO(HEADER(REGISTRY, GLOBAL, 40), 7), -EPIPE);
}

static void a_device_has_the_size_of_one(void **state)
{
	assert_int_equal(ANSWER_TO(LINUX_DMABUF, HEADER(GLOBALS_KNOWN, 0, 12), 0,
				 HEADER(FEEDBACK, MAIN_DEVICE, 20), 8, 1, 2),
		0);
	assert_int_equal(ANSWER_TO(HEADER(FEEDBACK, MAIN_DEVICE, 16), 4, 1), -EPROTO);
	assert_int_equal(ANSWER_TO(HEADER(FEEDBACK, MAIN_DEVICE, 20), 12, 1, 2), -EPROTO);
	assert_int_equal(ANSWER_TO(HEADER(FEEDBACK, MAIN_DEVICE, 12), 0xffffffff), -EPROTO);
}

static void who_is_refused_does_not_wait(void **state)
{
	assert_int_equal(ANSWER_TO(HEADER(DISPLAY, ERROR, 24), DISPLAY, 0, 4, 0), -EPROTO);
	assert_int_equal(ANSWER_TO(LINUX_DMABUF, HEADER(GLOBALS_KNOWN, 0, 12), 0,
				 HEADER(FEEDBACK_KNOWN, 0, 12), 0),
		-EOPNOTSUPP);
}

/* It ends, and AddressSanitizer has nothing to say. */
static void anything_may_be_said(void **state)
{
	uint32_t words[64];

	srand(1);
	for (int i = 0; i < 20000; i++) {
		const size_t n = 1 + (size_t)rand() % 64;
		for (size_t at = 0; at < n; at++)
			words[at] = rand() % 2
				? (uint32_t)rand() % 32
				: (uint32_t)(rand() % 20 * 4) << 16 | (uint32_t)rand() % 4;
		answer_to(words, n * sizeof(*words));
	}
}

static int silences; /* as many waits see nothing come, without any time */

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (timeout_ms > 0 && silences > 0) {
		silences--;
		return 0;
	}
	return (int)syscall(SYS_poll, fds, n, timeout_ms);
}

static struct {
	unsigned called, silent_s, patience; /* how often it waits */
} waited;

static bool still(void *data, unsigned silent_s)
{
	waited.called++;
	waited.silent_s = silent_s;
	return waited.called <= waited.patience;
}

static int ask_silent(int socket, unsigned patience)
{
	const struct main_device_wait wait = {still, NULL};
	dev_t device;

	waited.called = 0;
	waited.patience = patience;
	return main_device_ask(socket, &device, &wait);
}

/* Whoever waits hears of it, and the answer counts however late it comes. */
static void silence_is_told_and_ends_nothing(void **state)
{
	static const uint32_t late[] = {HEADER(GLOBALS_KNOWN, 0, 12), 0};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	silences = 4;
	assert_int_equal(ask_silent(ends[0], 3), -ETIMEDOUT);
	assert_int_equal(waited.called, 4);
	assert_int_equal(waited.silent_s, 4 * MAIN_DEVICE_LOOK_S);
	assert_int_equal(write(ends[1], late, sizeof(late)), sizeof(late));
	silences = 1000;
	assert_int_equal(ask_silent(ends[0], 1000), -EOPNOTSUPP);
	assert_int_equal(waited.called, 1000);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_message_is_an_error),
		cmocka_unit_test(a_device_has_the_size_of_one),
		cmocka_unit_test(who_is_refused_does_not_wait),
		cmocka_unit_test(anything_may_be_said),
		cmocka_unit_test(silence_is_told_and_ends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
