/* host-bridge/vhost/frontend_listener.c, and who is served */
#include "host-bridge/vhost/frontend_listener.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/vhost_user_world.h"

static char socket_path[64];

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fd_close(&fd);
	return fd;
}

static bool is_closed(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void one_frontend_is_served_at_a_time(void **state)
{
	struct stat st;
	struct vhost_user *vu = vhost_user_create(t.loop, socket_path, -1, &vtable, &device);
	assert_non_null(vu);
	assert_int_equal(stat(socket_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	int first = connect_to(socket_path);
	settle();
	assert_true(connected(vu));
	int second = connect_to(socket_path);
	settle();
	assert_true(is_closed(second));
	assert_false(is_closed(first));
	assert_null(vhost_user_create(t.loop, socket_path, -1, &vtable, &device));
	close(first);
	close(second);
	settle();
	assert_false(connected(vu));
	first = connect_to(socket_path);
	settle();
	assert_true(connected(vu));
	close(first);
	vhost_user_destroy(vu);
	assert_int_equal(access(socket_path, F_OK), -1);
}

static void one_that_comes_back_at_once_is_served(void **state)
{
	struct vhost_user *vu = vhost_user_create(t.loop, socket_path, -1, &vtable, &device);
	assert_non_null(vu);
	int old = connect_to(socket_path);
	settle();
	/*
	 * Events are handled in the order in which their fds became ready: the new connection
	 * before the old one's end. There is a message unread in the old one.
	 */
	for (int i = 0; i < 3; i++) {
		const struct vhost_user_header header = {
			VHOST_USER_SET_OWNER, VHOST_USER_VERSION, 0};
		memset(device.calls, 0, sizeof(device.calls));
		int new = connect_to(socket_path);
		assert_int_equal(write(old, &header, sizeof(header)), sizeof(header));
		close(old);
		settle();
		assert_true(connected(vu));
		assert_false(is_closed(new));
		assert_string_equal(device.calls, "rlm");
		old = new;
	}
	close(old);
	vhost_user_destroy(vu);
}

static void one_that_cannot_send_any_more_makes_way(void **state)
{
	struct vhost_user *vu = vhost_user_create(t.loop, socket_path, -1, &vtable, &device);
	assert_non_null(vu);
	int first = connect_to(socket_path);
	settle();
	int ends[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(vhost_user_adopt(vu, fd_dup(ends[0])), -EBUSY);
	shutdown(first, SHUT_WR);
	assert_int_equal(vhost_user_adopt(vu, ends[0]), 0);
	assert_true(is_closed(first));
	close(first);
	close(ends[1]);
	vhost_user_destroy(vu);
}

static void a_stale_socket_is_replaced_and_a_file_is_not(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
	close(stale);
	struct vhost_user *vu = vhost_user_create(t.loop, socket_path, -1, &vtable, &device);
	assert_non_null(vu);
	/* What has taken its place since is not ours to remove. */
	unlink(socket_path);
	int file = open(socket_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	vhost_user_destroy(vu);
	assert_int_equal(access(socket_path, F_OK), 0);
	assert_null(vhost_user_create(t.loop, socket_path, -1, &vtable, &device));
	assert_int_equal(access(socket_path, F_OK), 0);
	unlink(socket_path);
	close(file);
	char long_path[200];
	memset(long_path, 'x', sizeof(long_path));
	long_path[199] = 0;
	assert_null(vhost_user_create(t.loop, long_path, -1, &vtable, &device));
}

static void a_listening_socket_may_be_handed_over(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	struct vhost_user *vu = vhost_user_create(t.loop, NULL, fd, &vtable, &device);
	assert_non_null(vu);
	int client = connect_to(socket_path);
	settle();
	assert_true(connected(vu));
	close(client);
	vhost_user_destroy(vu);
	assert_int_equal(access(socket_path, F_OK), 0); /* not ours */
	unlink(socket_path);
}

static int set_up_listening(void **state)
{
	snprintf(socket_path, sizeof(socket_path), "test-vhost-user-%d.sock", (int)getpid());
	unlink(socket_path);
	return set_up(state);
}

#define LISTEN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_listening, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTEN_TEST(one_frontend_is_served_at_a_time),
		LISTEN_TEST(one_that_comes_back_at_once_is_served),
		LISTEN_TEST(one_that_cannot_send_any_more_makes_way),
		LISTEN_TEST(a_stale_socket_is_replaced_and_a_file_is_not),
		LISTEN_TEST(a_listening_socket_may_be_handed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
