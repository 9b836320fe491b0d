/* guest-proxy/clients/listener.c and display_socket.c: names, locks, systemd's socket, and being
 * out of fds. */
#include "guest-proxy/clients/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/log.h"
#include "tests/unit/clients_count.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/log_capture.h"

static char directory[64];
static struct wl_event_loop *loop;
static struct gpu gpu; /* its turn alone: the channel is a fake */
static struct clients *clients;

static int setup(void **state)
{
	strcpy(directory, "/tmp/wayferry-listener-XXXXXX");
	assert_non_null(mkdtemp(directory));
	setenv("XDG_RUNTIME_DIR", directory, 1);
	log_set_level(LOG_LEVEL_ERROR);
	loop = wl_event_loop_create();
	turn_init(&gpu.turn, loop);
	clients = clients_create(loop, &gpu);
	return 0;
}

static int teardown(void **state)
{
	clients_destroy(clients);
	turn_finish(&gpu.turn);
	wl_event_loop_destroy(loop);
	return rmdir(directory); /* fails if anything was left in it */
}

static int try_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int connect_name(const char *name)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return try_connect(path);
}

static void run(void)
{
	for (int i = 0; i < 5; i++)
		wl_event_loop_dispatch(loop, 0);
}

/* It may be anybody's: it is left alone. */
static void a_name_that_is_taken_by_a_file_is_no_display(void **state)
{
	char path[100];
	struct stat status;

	snprintf(path, sizeof(path), "%s/notes", directory);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	log_capture_begin();
	assert_null(listener_create(loop, clients, "notes", false, -1));
	log_capture_end();
	assert_true(log_captured("/notes is there and is no socket: give --socket another name"));
	assert_int_equal(stat(path, &status), 0);
	unlink(path);
}

static void the_first_free_display_is_taken(void **state)
{
	struct listener *first = listener_create(loop, clients, NULL, false, -1);
	struct listener *second = listener_create(loop, clients, NULL, false, -1);
	assert_string_equal(listener_display(first), "wayland-0");
	assert_string_equal(listener_display(second), "wayland-1");
	listener_destroy(first);
	first = listener_create(loop, clients, NULL, false, -1);
	assert_string_equal(listener_display(first), "wayland-0");
	int fd = connect_name("wayland-1");
	run();
	assert_int_equal(clients_count(clients), 1);
	close(fd);
	listener_destroy(first);
	listener_destroy(second);
}

static void beside_other_compositors_the_names_are_ours(void **state)
{
	struct listener *first = listener_create(loop, clients, NULL, true, -1);
	struct listener *second = listener_create(loop, clients, NULL, true, -1);
	assert_string_equal(listener_display(first), "wayferry-1");
	assert_string_equal(listener_display(second), "wayferry-2");
	listener_destroy(first);
	listener_destroy(second);
}

static void a_name_in_use_is_refused(void **state)
{
	struct listener *listener = listener_create(loop, clients, "mine", false, -1);
	assert_non_null(listener);
	assert_string_equal(listener_display(listener), "mine");
	assert_null(listener_create(loop, clients, "mine", false, -1));
	int fd = connect_name("mine"); /* and not broken by the attempt */
	assert_true(fd >= 0);
	close(fd);
	listener_destroy(listener);
}

static void a_socket_left_behind_is_replaced(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/wayland-0", directory);
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
	close(dead);
	struct listener *listener = listener_create(loop, clients, NULL, false, -1);
	assert_string_equal(listener_display(listener), "wayland-0");
	int fd = connect_name("wayland-0");
	assert_true(fd >= 0);
	close(fd);
	listener_destroy(listener);
}

static void an_absolute_path_needs_no_runtime_directory(void **state)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/display", directory);
	unsetenv("XDG_RUNTIME_DIR");
	struct listener *listener = listener_create(loop, clients, path, false, -1);
	assert_non_null(listener);
	assert_string_equal(listener_display(listener), path);
	listener_destroy(listener);
	assert_null(listener_create(loop, clients, "name", false, -1));
}

static void bad_places_are_refused(void **state)
{
	char name[200];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_null(listener_create(loop, clients, name, false, -1));
	assert_null(listener_create(loop, clients, "../up", false, -1));
	assert_null(listener_create(loop, clients, "/nonexistent/display", false, -1));
	chmod(directory, 0777);
	assert_null(listener_create(loop, clients, NULL, false, -1));
	chmod(directory, 0700);
	setenv("XDG_RUNTIME_DIR", "tmp", 1);
	assert_null(listener_create(loop, clients, NULL, false, -1));
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	assert_null(listener_create(loop, clients, NULL, false, -1));
}

static int listen_at(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s", directory, name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void a_passed_socket_is_adopted_and_left_in_place(void **state)
{
	struct sockaddr_un address;
	int fd = listen_at(&address, "passed");
	struct listener *listener = listener_create(loop, clients, NULL, false, fd);
	assert_non_null(listener);
	assert_string_equal(listener_display(listener), "passed");
	int client = connect_name("passed");
	run();
	assert_int_equal(clients_count(clients), 1);
	close(client);
	listener_destroy(listener);
	assert_int_equal(access(address.sun_path, F_OK), 0); /* it is systemd's to remove */
	assert_int_equal(fcntl(fd, F_GETFD), -1);            /* but the fd was ours */
	unlink(address.sun_path);
}

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void out_of_fds_waits_without_spinning_and_recovers(void **state)
{
	struct listener *listener = listener_create(loop, clients, NULL, false, -1);
	int fd = connect_name("wayland-0");
	struct rlimit limit, none;
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = (rlim_t)fd + 1;
	int fillers[64], n = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	while (n < 64 && (fillers[n] = dup(fd)) >= 0)
		n++;
	double start = cpu_seconds();
	for (int i = 0; i < 4; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_true(cpu_seconds() - start < 0.1);
	assert_int_equal(clients_count(clients), 0);
	while (n > 0)
		close(fillers[--n]);
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 10 && clients_count(clients) == 0; i++)
		wl_event_loop_dispatch(loop, 100);
	assert_int_equal(clients_count(clients), 1);
	close(fd);
	listener_destroy(listener);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_that_is_taken_by_a_file_is_no_display),
		TEST(the_first_free_display_is_taken),
		TEST(beside_other_compositors_the_names_are_ours),
		TEST(a_name_in_use_is_refused),
		TEST(a_socket_left_behind_is_replaced),
		TEST(an_absolute_path_needs_no_runtime_directory),
		TEST(bad_places_are_refused),
		TEST(a_passed_socket_is_adopted_and_left_in_place),
		TEST(out_of_fds_waits_without_spinning_and_recovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
