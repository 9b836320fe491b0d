/* guest-proxy/x11/server.c: displays beside those of others */
#include "guest-proxy/x11/server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_BYTES 64

static int wanted;

static void count_wanted(void *data)
{
	wanted++;
}

static const struct server_listener listener = {.wanted = count_wanted};

/* A display that nobody here has, above those that are looked for. */
static int own_number(void)
{
	return 1000 + (int)(getpid() % 60000);
}

static void lock_path(char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "/tmp/.X%d-lock", own_number());
}

static void socket_path(char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "/tmp/.X11-unix/X%d", own_number());
}

static int bind_socket(bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socket_path(address.sun_path + abstract);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	size_t length = offsetof(struct sockaddr_un, sun_path) + abstract +
		strlen(address.sun_path + abstract);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)length), 0);
	return fd;
}

static void looking_for_a_display_starts_no_x_server_of_another(void **state)
{
	struct wl_event_loop *loop = wl_event_loop_create();
	struct server *first = server_create(loop, own_number(), "Xwayland", &listener);
	assert_non_null(first);
	assert_null(server_create(loop, own_number(), "Xwayland", &listener));
	wl_event_loop_dispatch(loop, 0);
	assert_int_equal(wanted, 0);
	server_destroy(first);
	wl_event_loop_destroy(loop);
}

/* Its lock is written before its sockets listen. */
static void a_display_that_is_being_opened_is_taken(void **state)
{
	char lock[PATH_BYTES], path[PATH_BYTES], text[16];
	struct wl_event_loop *loop = wl_event_loop_create();
	lock_path(lock);
	socket_path(path);
	mkdir("/tmp/.X11-unix", 01777);
	int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "%10d\n", (int)getpid());
	assert_int_equal(write(fd, text, 11), 11);
	close(fd);
	int bound = bind_socket(false);
	assert_null(server_create(loop, own_number(), "Xwayland", &listener));
	assert_int_equal(access(lock, F_OK), 0);
	assert_int_equal(access(path, F_OK), 0);

	/* Whoever had it is gone, and the number is another process's. */
	close(bound);
	struct server *server = server_create(loop, own_number(), "Xwayland", &listener);
	assert_non_null(server);
	server_destroy(server);
	assert_int_equal(access(lock, F_OK), -1);
	assert_int_equal(access(path, F_OK), -1);
	wl_event_loop_destroy(loop);
}

static void the_socket_of_another_stays(void **state)
{
	char lock[PATH_BYTES], path[PATH_BYTES];
	struct wl_event_loop *loop = wl_event_loop_create();
	lock_path(lock);
	socket_path(path);
	mkdir("/tmp/.X11-unix", 01777);
	int named = bind_socket(false), abstract = bind_socket(true);
	assert_null(server_create(loop, own_number(), "Xwayland", &listener));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(lock, F_OK), -1);
	close(named);
	close(abstract);
	unlink(path);
	wl_event_loop_destroy(loop);
}

/* What the service manager made outlives us; something else is not taken for a display. */
static void adopted_sockets_stay(void **state)
{
	char lock[PATH_BYTES], path[PATH_BYTES];
	struct wl_event_loop *loop = wl_event_loop_create();
	lock_path(lock);
	socket_path(path);
	mkdir("/tmp/.X11-unix", 01777);
	int fds[SERVER_SOCKETS] = {bind_socket(false), bind_socket(true)};
	int kept[SERVER_SOCKETS] = {dup(fds[0]), dup(fds[1])};
	assert_int_equal(listen(fds[0], 1) | listen(fds[1], 1), 0);
	struct server *server = server_adopt(loop, fds, "Xwayland", &listener);
	assert_non_null(server);
	assert_int_equal(strtol(server_display(server) + 1, NULL, 10), own_number());
	assert_int_equal(access(lock, F_OK), 0);
	server_destroy(server);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(lock, F_OK), -1);

	int wrong[SERVER_SOCKETS] = {kept[0], socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_null(server_adopt(loop, wrong, "Xwayland", &listener));
	assert_int_equal(fcntl(kept[0], F_GETFD), -1);
	close(kept[1]);
	unlink(path);
	wl_event_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looking_for_a_display_starts_no_x_server_of_another),
		cmocka_unit_test(a_display_that_is_being_opened_is_taken),
		cmocka_unit_test(the_socket_of_another_stays),
		cmocka_unit_test(adopted_sockets_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
