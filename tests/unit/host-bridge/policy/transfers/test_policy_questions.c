/* host-bridge/policy/transfers/policy_questions.c, host-bridge/attendant: transfers that the user
 * is asked about, with the real process and a program that a test answers for */
#include "host-bridge/policy/transfers/policy_questions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/policy_world.h"

/* Tells the test what it is asked and its process id, and ends as it is told to. */
static const char script[] =
	"#!/bin/sh\n"
	"echo \"$$|$1|$WAYFERRY_MACHINE|$WAYFERRY_DIRECTION|$WAYFERRY_KIND|$WAYFERRY_TYPE|"
	"$WAYFERRY_MAX_BYTES|$WAYLAND_DISPLAY$WAYLAND_SOCKET\" >>\"$ASKED\"\n"
	"read answer <\"$ANSWERS\"\n"
	"case $answer in kill) kill -KILL $$ ;; esac\n"
	"exit $answer\n";

static struct {
	char directory[64], program[96], asked[96], answers[96];
	int questions; /* -1: there are none to be read */
	struct wl_event_loop *loop;
	struct attendant *attendant;
	struct pair source, device;
	uint32_t offer_up, offer_down; /* the last one */
} t;

static void write_program(void)
{
	strcpy(t.directory, "/tmp/wayferry-questions.XXXXXX");
	assert_non_null(mkdtemp(t.directory));
	snprintf(t.program, sizeof(t.program), "%s/ask", t.directory);
	snprintf(t.asked, sizeof(t.asked), "%s/asked", t.directory);
	snprintf(t.answers, sizeof(t.answers), "%s/answers", t.directory);
	int fd = open(t.program, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	close(fd);
	assert_int_equal(mkfifo(t.asked, 0600), 0);
	assert_int_equal(mkfifo(t.answers, 0600), 0);
	/* Open for both, so that it has no end between two writers. */
	t.questions = open(t.asked, O_RDWR | O_CLOEXEC);
	assert_true(t.questions >= 0);
	setenv("ASKED", t.asked, 1);
	setenv("ANSWERS", t.answers, 1);
	setenv("WAYLAND_SOCKET", "3", 1);
}

static void make_source_and_device(void)
{
	struct pair manager = bind_global("wl_data_device_manager"), seat = bind_global("wl_seat");

	user_presses(7);
	t.source.down = world.next_id++;
	request("wl_data_device_manager", "create_data_source", manager.down,
		ARGS({.id = t.source.down}));
	take_up("wl_data_device_manager", "create_data_source");
	t.source.up = args[0].id;
	t.device.down = world.next_id++;
	request("wl_data_device_manager", "get_data_device", manager.down,
		ARGS({.id = t.device.down}, {.id = seat.down}));
	take_up("wl_data_device_manager", "get_data_device");
	t.device.up = args[0].id;
}

static int begin(const char *program)
{
	struct policy policy = {.vm_name = "box"};
	const char *const none[] = {NULL};
	const struct attendant_config config = {
		.ask_program = program, .config_paths = none, .machine = "box"};

	assert_null(transfer_rules_set(&policy.rules, "clipboard", "to-guest", "ask"));
	assert_null(transfer_rules_set(&policy.rules, "clipboard", "to-host", "ask"));
	start(policy);
	t.offer_up = WIRE_SERVER_ID_START - 1;
	t.loop = wl_event_loop_create();
	world.connection.loop = t.loop;
	t.attendant = program ? attendant_start(t.loop, &config) : NULL;
	world.policy.attendant = t.attendant;
	attendant_note_display(t.attendant, "/run/display");
	make_source_and_device();
	return 0;
}

static int set_up_program(void **state)
{
	memset(&t, 0, sizeof(t));
	t.questions = -1;
	write_program();
	return begin(t.program);
}

static int set_up_nobody(void **state)
{
	memset(&t, 0, sizeof(t));
	t.questions = -1;
	return begin(NULL);
}

static int set_up_nonsense(void **state)
{
	memset(&t, 0, sizeof(t));
	t.questions = -1;
	return begin("/nonexistent/program");
}

static int tear_down_program(void **state)
{
	relay_destroy(world.relay);
	world.relay = NULL;
	policy_finish(&world.policy); /* its gates are in the loop */
	attendant_finish(t.attendant);
	wl_event_loop_destroy(t.loop);
	world.fds_before -= t.questions >= 0;
	fd_close(&t.questions);
	unlink(t.program);
	unlink(t.asked);
	unlink(t.answers);
	rmdir(t.directory);
	assert_true(policy_init(&world.policy));
	return tear_down(state);
}

/* --- the user's side --- */

struct asked {
	char line[1024], *fields[8];
};

/* The next question, which is waited for, in its parts. */
static struct asked *read_question(void)
{
	static struct asked asked;
	char *rest = asked.line;
	size_t n = 0;

	while (n < sizeof(asked.line) - 1 && read(t.questions, &asked.line[n], 1) == 1 &&
		asked.line[n] != '\n')
		n++;
	assert_int_equal(asked.line[n], '\n');
	asked.line[n] = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(asked.fields); i++) {
		asked.fields[i] = strsep(&rest, "|");
		assert_non_null(asked.fields[i]);
	}
	return &asked;
}

/* To the question that is open: an exit status, or "kill". */
static void answer(const char *word)
{
	int fd = open(t.answers, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(write(fd, word, strlen(word)) > 0);
	close(fd);
}

/* The loop turns until somebody is told what becomes of @end: contents, or its end. Their size. */
static size_t await_contents(int end)
{
	char bytes[64];
	size_t size = 0;
	ssize_t n;

	fcntl(end, F_SETFL, O_NONBLOCK);
	while ((n = read(end, bytes, sizeof(bytes))) != 0) {
		assert_true(n > 0 || errno == EAGAIN);
		size += n > 0 ? (size_t)n : 0;
		if (n < 0)
			wl_event_loop_dispatch(t.loop, 1000);
	}
	close(end);
	return size;
}

static void expect_waiting(int end)
{
	char byte;

	fcntl(end, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 5; i++)
		wl_event_loop_dispatch(t.loop, 0);
	assert_int_equal(read(end, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(world.sent[RELAY_UP].size, 0);
	assert_int_equal(world.sent[RELAY_DOWN].size, 0);
}

/* --- the two sides of transfers --- */

/* The guest asks for the host's selection of @type, whose source writes five bytes at once. */
static int guest_pastes(const char *type)
{
	int ends[2];

	event("wl_data_device", "data_offer", t.device.up, ARGS({.id = ++t.offer_up}));
	event("wl_data_offer", "offer", t.offer_up, ARGS({.s = type}));
	event("wl_data_device", "selection", t.device.up, ARGS({.id = t.offer_up}));
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_data_device", "data_offer",
		t.device.down, args);
	t.offer_down = args[0].id;
	captured_clear(&world.sent[RELAY_DOWN]);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(push(RELAY_DOWN, "wl_data_offer", "receive", t.offer_down,
				 ARGS({.s = type}), wire_handle_fd(ends[1])),
		0);
	if (world.sent[RELAY_UP].size > 0) {
		take_up("wl_data_offer", "receive");
		if (write(args[1].handle.fd, "12345", 5) < 0)
			assert_int_equal(errno, EPIPE); /* it is refused already */
		close(args[1].handle.fd);
	}
	return ends[0];
}

/* The host asks for what the guest has copied, a @type, which writes three bytes at once. */
static int host_pastes(const char *type)
{
	int ends[2];

	request("wl_data_source", "offer", t.source.down, ARGS({.s = type}));
	request("wl_data_device", "set_selection", t.device.down,
		ARGS({.id = t.source.down}, {.u = 7}));
	captured_clear(&world.sent[RELAY_UP]);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(push(RELAY_UP, "wl_data_source", "send", t.source.up, ARGS({.s = type}),
				 wire_handle_fd(ends[1])),
		0);
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, "wl_data_source", "send", t.source.down, args);
	assert_int_equal(args[1].handle.kind, WIRE_WRITE_PIPE);
	assert_int_equal(write(args[1].handle.fd, "123", 3), 3);
	close(args[1].handle.fd);
	return ends[0];
}

static void one_transfer_comes_once_the_user_says_so(void **state)
{
	int end = guest_pastes("text/plain");
	struct asked *asked = read_question();

	assert_string_equal(asked->fields[1],
		"Shall the machine box get the contents of this desktop's clipboard (text/plain), "
		"once?");
	assert_string_equal(asked->fields[2], "box");
	assert_string_equal(asked->fields[3], "to-guest");
	assert_string_equal(asked->fields[4], "clipboard");
	assert_string_equal(asked->fields[5], "text/plain");
	assert_string_equal(asked->fields[6], "");
	assert_string_equal(asked->fields[7], "/run/display");
	expect_waiting(end);
	answer("0");
	assert_int_equal(await_contents(end), 5);
	assert_int_equal(world.policy.counters->questions, 1);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 0);
}

static void texts_of_guests_are_plain(void **state)
{
	int end = host_pastes("text/<b>x;a=\"$(id)\" \xe2\x80\xae");

	struct asked *asked = read_question();
	assert_string_equal(asked->fields[5], "text/?b?x;a=???id??????");
	assert_string_equal(asked->fields[3], "to-host");
	answer("0");
	assert_int_equal(await_contents(end), 3);
}

static void a_no_is_one_to_all_that_wait(void **state)
{
	int first = guest_pastes("text/plain"), second = guest_pastes("text/html");
	int other = host_pastes("text/plain");

	read_question();
	expect_waiting(second);
	answer("1");
	assert_int_equal(await_contents(first), 0);
	assert_int_equal(await_contents(second), 0);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 2);
	/* The other way is another question. */
	assert_string_equal(read_question()->fields[3], "to-host");
	answer("0");
	assert_int_equal(await_contents(other), 3);
	assert_int_equal(world.policy.counters->questions, 2);
}

static void a_program_that_dies_has_not_answered(void **state)
{
	int first = guest_pastes("text/plain"), second = guest_pastes("text/plain");

	read_question();
	log_capture_begin();
	answer("kill");
	assert_int_equal(await_contents(first), 0);
	log_capture_end();
	assert_true(log_captured("ended by signal 9"));
	assert_true(log_captured("clipboard to-guest (text/plain) refused: there was no answer"));
	read_question();
	answer("7");
	assert_int_equal(await_contents(second), 0);
	assert_int_equal(world.policy.counters->questions_failed, 2);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 2);
}

static void a_question_ends_with_its_reader(void **state)
{
	int first = guest_pastes("text/plain"), second = guest_pastes("text/html");
	pid_t pid = (pid_t)atoi(read_question()->fields[0]);

	close(first);
	for (int i = 0; i < 5; i++)
		wl_event_loop_dispatch(t.loop, 0);
	assert_string_equal(read_question()->fields[5], "text/html");
	while (kill(pid, 0) == 0)
		usleep(1000);
	answer("0");
	assert_int_equal(await_contents(second), 5);
}

/* As windows do when the focus comes back to them, with another offer. */
static void an_offer_may_be_destroyed_meanwhile(void **state)
{
	int end = guest_pastes("text/plain");

	read_question();
	request("wl_data_offer", "destroy", t.offer_down, NULL);
	take_up("wl_data_offer", "destroy");
	captured_clear(&world.sent[RELAY_DOWN]);
	expect_waiting(end);
	answer("0");
	assert_int_equal(await_contents(end), 5);
}

static void contents_come_also_from_a_source_that_is_gone(void **state)
{
	int end = host_pastes("text/plain");

	read_question();
	request("wl_data_source", "destroy", t.source.down, NULL);
	captured_clear(&world.sent[RELAY_UP]);
	captured_clear(&world.sent[RELAY_DOWN]);
	answer("0");
	assert_int_equal(await_contents(end), 3);
}

static void questions_are_not_many(void **state)
{
	int ends[16], end;

	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
		ends[i] = guest_pastes("text/plain");
	read_question();
	assert_int_equal(world.quota.entries[QUOTA_PIPES].use, 16);
	end = guest_pastes("text/plain");
	assert_int_equal(await_contents(end), 0);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 1);
	answer("1");
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
		assert_int_equal(await_contents(ends[i]), 0);
}

/* Reading the configuration again: a transfer goes by the policy that it was asked for under. */
static void a_transfer_outlives_its_policy(void **state)
{
	static struct policy next;
	int end = guest_pastes("text/plain");

	read_question();
	next = (struct policy){0};
	transfer_rules_close(&next.rules, TRANSFER_TO_GUEST);
	policy_ref(world.connection.policy); /* as connections do */
	assert_true(policy_follow(&next, &world.policy));
	assert_non_null(world.policy.hooks);
	assert_string_equal(next.vm_name, "box");
	relay_destroy(world.relay);
	world.relay = NULL;
	policy_unref(world.connection.policy);
	assert_non_null(world.policy.hooks); /* the transfer goes by it */
	answer("0");
	assert_int_equal(await_contents(end), 5);
	assert_null(world.policy.hooks);
	world.policy = next;
}

static void where_nobody_can_be_asked_nothing_comes(void **state)
{
	assert_int_equal(await_contents(guest_pastes("text/plain")), 0);
	assert_int_equal(world.policy.counters->questions_failed, 1);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 1);
}

int main(void)
{
#define TEST(name, start) cmocka_unit_test_setup_teardown(name, start, tear_down_program)
	const struct CMUnitTest tests[] = {
		TEST(one_transfer_comes_once_the_user_says_so, set_up_program),
		TEST(texts_of_guests_are_plain, set_up_program),
		TEST(a_no_is_one_to_all_that_wait, set_up_program),
		TEST(a_program_that_dies_has_not_answered, set_up_program),
		TEST(a_question_ends_with_its_reader, set_up_program),
		TEST(an_offer_may_be_destroyed_meanwhile, set_up_program),
		TEST(contents_come_also_from_a_source_that_is_gone, set_up_program),
		TEST(questions_are_not_many, set_up_program),
		TEST(a_transfer_outlives_its_policy, set_up_program),
		TEST(where_nobody_can_be_asked_nothing_comes, set_up_nobody),
		TEST(where_nobody_can_be_asked_nothing_comes, set_up_nonsense),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
