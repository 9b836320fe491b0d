/* guest-proxy/listener.c: names, locks, systemd's socket, and being out of fds. */
#include "guest-proxy/listener.h"

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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake_channel.h"
#include "protocol/log.h"

static char directory[64];
static struct wl_event_loop *loop;
static struct gpu gpu; /* nobody looks at it: the channel is a fake */
static struct clients *clients;

static int setup(void **state)
{
	strcpy(directory, "/tmp/wayferry-listener-XXXXXX");
	assert_non_null(mkdtemp(directory));
	setenv("XDG_RUNTIME_DIR", directory, 1);
	log_set_level(LOG_LEVEL_ERROR);
	loop = wl_event_loop_create();
	clients = clients_create(loop, &gpu);
	return 0;
}

static int teardown(void **state)
{
	clients_destroy(clients);
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

static void the_first_free_display_is_taken(void **state)
{
	struct listener *first = listener_create(loop, clients, NULL);
	struct listener *second = listener_create(loop, clients, NULL);
	assert_string_equal(listener_display(first), "wayland-0");
	assert_string_equal(listener_display(second), "wayland-1");
	listener_destroy(first);
	first = listener_create(loop, clients, NULL);
	assert_string_equal(listener_display(first), "wayland-0");
	int fd = connect_name("wayland-1");
	run();
	assert_int_equal(clients_count(clients), 1);
	close(fd);
	listener_destroy(first);
	listener_destroy(second);
}

static void a_name_in_use_is_refused(void **state)
{
	struct listener *listener = listener_create(loop, clients, "mine");
	assert_non_null(listener);
	assert_string_equal(listener_display(listener), "mine");
	assert_null(listener_create(loop, clients, "mine"));
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
	struct listener *listener = listener_create(loop, clients, NULL);
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
	struct listener *listener = listener_create(loop, clients, path);
	assert_non_null(listener);
	assert_string_equal(listener_display(listener), path);
	listener_destroy(listener);
	assert_null(listener_create(loop, clients, "name"));
}

static void bad_places_are_refused(void **state)
{
	char name[200];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_null(listener_create(loop, clients, name));
	assert_null(listener_create(loop, clients, "../up"));
	assert_null(listener_create(loop, clients, "/nonexistent/display"));
	chmod(directory, 0777);
	assert_null(listener_create(loop, clients, NULL));
	chmod(directory, 0700);
	setenv("XDG_RUNTIME_DIR", "tmp", 1);
	assert_null(listener_create(loop, clients, NULL));
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	assert_null(listener_create(loop, clients, NULL));
}

/* In a child, where fd 3 and the environment are free to take. */
static int adopt(void)
{
	char text[32];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/passed", directory);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 5) < 0)
		return 1;
	dup2(fd, 3);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "1", 1);
	struct wl_event_loop *own_loop = wl_event_loop_create();
	struct clients *own_clients = clients_create(own_loop, &gpu);
	struct listener *listener = listener_create(own_loop, own_clients, NULL);
	if (!listener || strcmp(listener_display(listener), "passed") != 0)
		return 2;
	if (getenv("LISTEN_FDS") || getenv("LISTEN_PID"))
		return 3;
	int client = connect_name("passed");
	for (int i = 0; i < 5; i++)
		wl_event_loop_dispatch(own_loop, 0);
	if (clients_count(own_clients) != 1)
		return 4;
	close(client);
	listener_destroy(listener);
	if (access(address.sun_path, F_OK) != 0)
		return 5; /* it is systemd's to remove */
	unlink(address.sun_path);
	clients_destroy(own_clients);
	wl_event_loop_destroy(own_loop);
	return 0;
}

static void systemds_socket_is_adopted_and_left_in_place(void **state)
{
	pid_t child = fork();
	if (child == 0)
		_exit(adopt());
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void sockets_passed_to_another_process_are_not_ours(void **state)
{
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	struct listener *listener = listener_create(loop, clients, NULL);
	assert_string_equal(listener_display(listener), "wayland-0");
	assert_null(getenv("LISTEN_FDS"));
	listener_destroy(listener);
}

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void out_of_fds_waits_without_spinning_and_recovers(void **state)
{
	struct listener *listener = listener_create(loop, clients, NULL);
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
		TEST(the_first_free_display_is_taken),
		TEST(a_name_in_use_is_refused),
		TEST(a_socket_left_behind_is_replaced),
		TEST(an_absolute_path_needs_no_runtime_directory),
		TEST(bad_places_are_refused),
		TEST(systemds_socket_is_adopted_and_left_in_place),
		TEST(sockets_passed_to_another_process_are_not_ours),
		TEST(out_of_fds_waits_without_spinning_and_recovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
