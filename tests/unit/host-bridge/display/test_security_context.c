/* host-bridge/display/security_context.c, against a compositor that is played here */
#include "host-bridge/display/security_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"

#define MANAGER "wp_security_context_manager_v1"

static char directory[64];
static struct security_context_config config;
static struct security_context context;
static struct display_search search;
static struct sockaddr_un taken;
static int display = -1, server = -1, fds_before;

static void begin_display(void)
{
	unlink(search.first.sun_path);
	display = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(display, (struct sockaddr *)&search.first, sizeof(search.first)), 0);
	assert_int_equal(listen(display, 8), 0);
}

static int set_up(void **state)
{
	fds_before = fd_count();
	strcpy(directory, "/tmp/wayferry-context-XXXXXX");
	assert_non_null(mkdtemp(directory));
	config = (struct security_context_config){
		.app_id = "wayferry.work", .instance_id = "work-17"};
	snprintf(config.directory, sizeof(config.directory), "%s/wayferry", directory);
	search = (struct display_search){.first.sun_family = AF_UNIX};
	snprintf(search.first.sun_path, sizeof(search.first.sun_path), "%s/wayland-7", directory);
	taken = (struct sockaddr_un){0};
	begin_display();
	security_context_open(&context, &config);
	return 0;
}

static int tear_down(void **state)
{
	security_context_close(&context);
	fd_close(&server);
	fd_close(&display);
	unlink(search.first.sun_path);
	assert_int_equal(fd_count(), fds_before);
	rmdir(config.directory); /* nothing may be left in it */
	return rmdir(directory);
}

static int connect_once(void)
{
	return security_context_connect(&context, &search, &taken, geteuid(), 0);
}

static void send_event(uint32_t object, uint32_t opcode, const void *args, size_t size)
{
	uint8_t bytes[8192];
	store_u32(bytes, object);
	store_u32(bytes + 4, (uint32_t)(8 + size) << 16 | opcode);
	memcpy(bytes + 8, args, size);
	assert_int_equal(write(server, bytes, 8 + size), 8 + size);
}

static void send_global(uint32_t name, const char *interface)
{
	uint8_t args[64] = {0};
	size_t length = strlen(interface) + 1;
	store_u32(args, name);
	store_u32(args + 4, (uint32_t)length);
	memcpy(args + 8, interface, length);
	store_u32(args + 8 + align_up(length, 4), 1);
	send_event(2, 0, args, 12 + align_up(length, 4));
}

static void send_done(uint32_t callback)
{
	send_event(callback, 0, (const uint8_t[4]){0}, 4);
}

/* The compositor meets the one who asks it. */
static void meet(void)
{
	static const uint32_t expected[] = {1, 12 << 16 | 1, 2, 1, 12 << 16, 3};
	uint8_t bytes[64];

	fd_close(&server);
	assert_int_equal(connect_once(), -EAGAIN);
	server = accept4(display, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(read(server, bytes, sizeof(bytes)), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

/* It has the protocol, and gets a context: the listening socket and what ends it, to @fds. */
static void take_context(int fds[FD_MESSAGE_MAX])
{
	static const char expected[] =
		"\2\0\0\0\0\0\70\0\55\0\0\0\37\0\0\0wp_security_context_manager_"
		"v1\0\0\1\0\0\0\4\0\0\0"
		"\4\0\0\0\1\0\14\0\5\0\0\0"
		"\5\0\0\0\1\0\30\0\11\0\0\0wayferry\0\0\0\0"
		"\5\0\0\0\2\0\34\0\16\0\0\0wayferry.work\0\0\0"
		"\5\0\0\0\3\0\24\0\10\0\0\0work-17\0"
		"\5\0\0\0\4\0\10\0\5\0\0\0\0\0\10\0\4\0\0\0\0\0\10\0\1\0\0\0\0\0\14\0\6\0\0\0";
	uint8_t bytes[512];
	size_t n_fds;

	send_global(44, "wl_compositor");
	send_global(45, MANAGER);
	send_done(3);
	assert_int_equal(connect_once(), -EAGAIN);
	assert_int_equal(fd_recv(server, bytes, sizeof(bytes), fds, &n_fds), sizeof(expected) - 1);
	assert_memory_equal(bytes, expected, sizeof(expected) - 1);
	assert_int_equal(n_fds, 2);
	assert_int_equal(connect_once(), -EAGAIN);
}

static bool hung_up(int fd)
{
	struct pollfd pollfd = {.fd = fd};
	return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & POLLHUP);
}

/* Another connection comes by @listener and nowhere else. */
static void expect_connection_by(int listener)
{
	int fd = connect_once();
	assert_true(fd >= 0);
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	close(fd);
	close(peer);
}

static void connections_are_made_in_the_context(void **state)
{
	int fds[FD_MESSAGE_MAX];
	struct stat status;

	meet();
	take_context(fds);
	send_done(6);
	expect_connection_by(fds[0]);
	expect_connection_by(fds[0]);
	assert_int_equal(context.state, CONTEXT_IN_EFFECT);
	assert_int_equal(stat(config.directory, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(stat(context.address.sun_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_false(hung_up(fds[1]));
	security_context_close(&context);
	assert_true(hung_up(fds[1]));
	close(fds[0]);
	close(fds[1]);
}

static void the_next_compositor_gets_it_too_and_nothing_that_was_meant_for_the_last(void **state)
{
	int fds[FD_MESSAGE_MAX], old, byte;

	meet();
	take_context(fds);
	send_done(6);
	old = connect_once();
	assert_true(old >= 0);
	fd_close(&server);
	close(fds[0]);
	security_context_handle(&context);
	assert_int_equal(context.state, CONTEXT_NO_COMPOSITOR);
	assert_true(hung_up(fds[1]));
	assert_int_equal(recv(old, &byte, 1, 0), 0); /* and does not wait */
	close(old);
	close(fds[1]);
	meet();
	take_context(fds);
	send_done(6);
	expect_connection_by(fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static void without_the_protocol_connections_are_direct_or_none(void **state)
{
	meet();
	send_global(1, "wl_compositor");
	send_global(2, "wp_security_context_manager_v2");
	send_done(3);
	expect_connection_by(display);
	expect_connection_by(display);
	config.mode = SECURITY_CONTEXT_REQUIRE;
	assert_int_equal(connect_once(), -EPROTONOSUPPORT);
	/* The next compositor may have it. */
	fd_close(&server);
	meet();
}

static void a_compositor_that_refuses_is_taken_as_it_is(void **state)
{
	int fds[FD_MESSAGE_MAX];

	meet();
	take_context(fds);
	close(fds[0]);
	close(fds[1]);
	send_event(1, 0, "\5\0\0\0\1\0\0\0\4\0\0\0no!", 16);
	fd_close(&server);
	/* One is for us, to see when this compositor is gone. */
	int fd = connect_once();
	assert_true(fd >= 0);
	close(fd);
	server = accept(display, NULL, NULL);
	close(accept(display, NULL, NULL));
	assert_int_equal(context.state, CONTEXT_REFUSED);
	expect_connection_by(display);
	config.mode = SECURITY_CONTEXT_REQUIRE;
	assert_int_equal(connect_once(), -EPROTONOSUPPORT);
	close(accept(display, NULL, NULL));
	config.mode = SECURITY_CONTEXT_AUTO;
	/* The next one is asked, although nobody looked in between. */
	fd_close(&server);
	fd_close(&display);
	begin_display();
	meet();
}

static void what_is_named_gets_the_context_when_it_comes(void **state)
{
	int fds[FD_MESSAGE_MAX];
	struct sockaddr_un first = search.first;

	/* Found: at the place of the tests' display. Named: one that is not there yet. */
	strcpy(search.directory, directory);
	snprintf(search.first.sun_path, sizeof(search.first.sun_path), "%s/named", directory);
	meet();
	take_context(fds);
	send_done(6);
	expect_connection_by(fds[0]);
	int found = display, before = server;
	server = -1;
	begin_display();
	meet();
	assert_true(hung_up(fds[1]));
	assert_string_equal(taken.sun_path, search.first.sun_path);
	close(found);
	close(before);
	close(fds[0]);
	close(fds[1]);
	unlink(first.sun_path);
	search.directory[0] = 0;
}

static void a_compositor_that_refuses_and_goes_is_forgotten(void **state)
{
	int fds[FD_MESSAGE_MAX];

	meet();
	take_context(fds);
	close(fds[0]);
	close(fds[1]);
	send_event(1, 0, "\5\0\0\0\1\0\0\0\4\0\0\0no!", 16);
	fd_close(&server);
	fd_close(&display);
	assert_int_equal(connect_once(), -ECONNREFUSED);
	begin_display();
	meet();
}

static void a_compositor_that_is_not_there_is_no_context(void **state)
{
	fd_close(&display);
	assert_int_equal(connect_once(), -ECONNREFUSED);
	unlink(search.first.sun_path);
	assert_int_equal(connect_once(), -ENOENT);
}

static void messages_come_in_any_pieces_and_sizes(void **state)
{
	static const uint8_t long_args[8000] = {0};
	int fds[FD_MESSAGE_MAX];

	meet();
	send_event(9, 3, long_args, sizeof(long_args));
	send_event(9, 3, long_args, 4088);
	assert_int_equal(connect_once(), -EAGAIN);
	send_event(9, 3, long_args, 0);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(write(server, &"\7\0\0\0\0\0\10\0"[i], 1), 1);
		assert_int_equal(connect_once(), -EAGAIN);
	}
	take_context(fds);
	close(fds[0]);
	close(fds[1]);
	/* Nonsense ends it. */
	send_event(9, 3, long_args, 0);
	assert_int_equal(write(server, "\7\0\0\0\0\0\7\0", 8), 8);
	security_context_handle(&context);
	assert_int_equal(context.fd, -1);
}

static void off_makes_nothing(void **state)
{
	enum security_context_mode mode;

	security_context_close(&context);
	assert_int_equal(access(context.address.sun_path, F_OK), -1);
	config.mode = SECURITY_CONTEXT_OFF;
	security_context_open(&context, &config);
	assert_int_equal(context.listener, -1);
	assert_true(security_context_mode_from_name("require", &mode));
	assert_int_equal(mode, SECURITY_CONTEXT_REQUIRE);
	assert_false(security_context_mode_from_name("on", &mode));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_made_in_the_context),
		TEST(the_next_compositor_gets_it_too_and_nothing_that_was_meant_for_the_last),
		TEST(without_the_protocol_connections_are_direct_or_none),
		TEST(a_compositor_that_refuses_is_taken_as_it_is),
		TEST(a_compositor_that_refuses_and_goes_is_forgotten),
		TEST(what_is_named_gets_the_context_when_it_comes),
		TEST(a_compositor_that_is_not_there_is_no_context),
		TEST(messages_come_in_any_pieces_and_sizes),
		TEST(off_makes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
