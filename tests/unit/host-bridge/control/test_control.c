/* host-bridge/control/control.c, control_names.c */
#include "host-bridge/control/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host-bridge/control/control_names.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/fd_count.h"

static char directory[64], path[CONTROL_PATH_BYTES];
static struct wl_event_loop *loop;
static struct control *control;
static int fds_before, answers;
static size_t answer_bytes;

static void answer(void *data, enum control_request request, bool json, FILE *out)
{
	assert_ptr_equal(data, &loop);
	answers++;
	fprintf(out, "%s\n", control_request_text(request, json));
	for (size_t i = 0; i < answer_bytes; i += 10)
		fputs("123456789\n", out);
}

static int set_up(void **state)
{
	const struct control_name name = {"work", 12};

	fds_before = (int)fd_count();
	answers = 0;
	answer_bytes = 0;
	strcpy(directory, "/tmp/wayferry-control-XXXXXX");
	assert_non_null(mkdtemp(directory));
	setenv("XDG_RUNTIME_DIR", directory, 1);
	assert_int_equal(control_path(&name, path), 0);
	loop = wl_event_loop_create();
	control = control_create(loop, path, answer, &loop);
	return 0;
}

static int tear_down(void **state)
{
	control_destroy(control);
	wl_event_loop_destroy(loop);
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
	rmdir(directory);
	assert_int_equal(fd_count(), fds_before);
	return 0;
}

static int connect_to_it(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Whether the connection has ended, within some turns; what it said is added to @text. */
static bool ends(int fd, char *text, size_t size)
{
	size_t n = strlen(text);

	for (int turns = 0; turns < 1000; turns++) {
		wl_event_loop_dispatch(loop, 1);
		ssize_t got = recv(fd, text + n, size - n - 1, 0);
		n += got > 0 ? (size_t)got : 0;
		text[n] = 0;
		if (got == 0)
			return true;
	}
	return false;
}

static void assert_answer(const char *request, const char *expected)
{
	char text[256] = "";
	int fd = connect_to_it();

	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	assert_true(ends(fd, text, sizeof(text)));
	assert_string_equal(text, expected);
	close(fd);
}

static void a_request_gets_one_answer_and_the_end(void **state)
{
	assert_non_null(control);
	assert_answer("list\n", "list\n.\n");
	assert_answer("list json\n", "list json\n.\n");
	assert_answer("show\n", "show\n.\n");
	assert_answer("show json\nlist\n", "show json\n.\n");
	assert_int_equal(answers, 4);
}

static void what_is_no_request_gets_no_report(void **state)
{
	assert_answer("quit\n", "there is no such request\n.\n");
	assert_answer("\n", "there is no such request\n.\n");
	assert_int_equal(answers, 0);
}

static void a_line_that_is_too_long_is_not_waited_for(void **state)
{
	char text[16] = "", request[CONTROL_REQUEST_BYTES];
	int fd = connect_to_it();

	memset(request, 'x', sizeof(request));
	assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
	assert_true(ends(fd, text, sizeof(text)));
	assert_string_equal(text, "");
	close(fd);
}

static void half_a_request_is_waited_for(void **state)
{
	char text[16] = "";
	int fd = connect_to_it();

	assert_int_equal(send(fd, "li", 2, 0), 2);
	for (int i = 0; i < 5; i++)
		wl_event_loop_dispatch(loop, 5);
	assert_int_equal(send(fd, "st\n", 3, 0), 3);
	assert_true(ends(fd, text, sizeof(text)));
	assert_string_equal(text, "list\n.\n");
	close(fd);
}

static void of_too_many_connections_the_oldest_goes(void **state)
{
	int fds[CONTROL_CONNECTIONS + 1];
	char text[16] = "";

	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		fds[i] = connect_to_it();
		for (int turns = 0; turns < 5; turns++)
			wl_event_loop_dispatch(loop, CONTROL_ACCEPT_MS);
	}
	assert_int_equal(recv(fds[0], text, 1, 0), 0);
	assert_int_equal(recv(fds[1], text, 1, 0), -1);
	assert_int_equal(send(fds[CONTROL_CONNECTIONS], "show\n", 5, 0), 5);
	assert_true(ends(fds[CONTROL_CONNECTIONS], text, sizeof(text)));
	assert_string_equal(text, "show\n.\n");
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
}

static void who_does_not_read_holds_nobody_up(void **state)
{
	int slow = connect_to_it();

	answer_bytes = CONTROL_ANSWER_BYTES / 2;
	assert_int_equal(send(slow, "show\n", 5, 0), 5);
	for (int i = 0; i < 10 && answers == 0; i++)
		wl_event_loop_dispatch(loop, CONTROL_ACCEPT_MS);
	assert_int_equal(answers, 1);
	answer_bytes = 0;
	assert_answer("list\n", "list\n.\n");
	close(slow);
}

static void an_answer_that_is_too_long_does_not_come(void **state)
{
	char text[16] = "";
	int fd = connect_to_it();

	answer_bytes = CONTROL_ANSWER_BYTES;
	assert_int_equal(send(fd, "show\n", 5, 0), 5);
	assert_true(ends(fd, text, sizeof(text)));
	assert_string_equal(text, "");
	close(fd);
}

static void the_socket_is_the_users_alone(void **state)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	strcpy(strrchr(path, '/'), "");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	/* A directory that others can look into has none. */
	assert_int_equal(chmod(path, 0755), 0);
	strcat(path, "/other.13.control");
	assert_null(control_create(loop, path, answer, &loop));
	assert_int_equal(chmod(directory, 0700), 0);
	strcpy(strrchr(path, '/'), "/work.12.control");
}

/* As a process of the same number would have left it. */
static void a_socket_that_is_left_is_replaced(void **state)
{
	control_destroy(control);
	control = control_create(loop, path, answer, &loop);
	assert_non_null(control);
	assert_answer("list\n", "list\n.\n");
}

static void names_of_sockets_are_taken_apart(void **state)
{
	static const char *const wrong[] = {"work.gpu", "work.control", ".12.control",
		"work.12.control.new", "work.0.control", "work.1x.control", "work..control",
		"a.b.12.control", "control", ".control", "work.99999999999.control",
		"12345678901234567890123456789012345678901234567890123456789012345.1.control"};
	struct control_name name;

	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		assert_false(control_name_parse(wrong[i], &name));
	assert_true(control_name_parse("my-box_2.417.control", &name));
	assert_string_equal(name.vm, "my-box_2");
	assert_int_equal(name.pid, 417);
	assert_true(control_name_is(&name, "my-box_2"));
	assert_true(control_name_is(&name, "417"));
	assert_false(control_name_is(&name, "my-box"));
	assert_true(control_name_parse("417.control", &name));
	assert_string_equal(name.vm, "");
	assert_false(control_name_is(&name, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_request_gets_one_answer_and_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_no_request_gets_no_report, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_line_that_is_too_long_is_not_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_a_request_is_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			of_too_many_connections_the_oldest_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_does_not_read_holds_nobody_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_answer_that_is_too_long_does_not_come, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_socket_is_the_users_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_socket_that_is_left_is_replaced, set_up, tear_down),
		cmocka_unit_test(names_of_sockets_are_taken_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
