/* guest-proxy/gpu/turn.c */
#include "guest-proxy/gpu/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/base/bytes.h"

static struct wl_event_loop *loop;
static struct turn turn;
static char log_text[64];

struct step {
	struct turn_task task;
	const char *letter;
	struct step *asks, *cancels; /* when it runs; NULL: none */
	bool finishes;
};

static void run_step(void *data)
{
	struct step *step = data;
	strcat(log_text, step->letter);
	if (step->asks)
		turn_ask(&turn, &step->asks->task);
	step->asks = NULL;
	if (step->cancels)
		turn_task_finish(&step->cancels->task);
	if (step->finishes)
		turn_finish(&turn);
}

static void step_init(struct step *step, enum turn_step when, const char *letter)
{
	*step = (struct step){.letter = letter};
	turn_task_init(&step->task, when, run_step, step);
}

static struct step device, device2, channel, client;

static int setup(void **state)
{
	loop = wl_event_loop_create();
	turn_init(&turn, loop);
	log_text[0] = 0;
	step_init(&device, TURN_DEVICE, "d");
	step_init(&device2, TURN_DEVICE, "e");
	step_init(&channel, TURN_CHANNEL, "h");
	step_init(&client, TURN_CLIENT, "c");
	return 0;
}

static int teardown(void **state)
{
	turn_finish(&turn);
	wl_event_loop_destroy(loop);
	return 0;
}

static void tasks_run_once_in_the_order_of_their_steps(void **state)
{
	struct step *asked[] = {&client, &channel, &device, &client, &device2};
	for (size_t i = 0; i < ARRAY_LENGTH(asked); i++)
		turn_ask(&turn, &asked[i]->task);
	assert_string_equal(log_text, "");
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "dehc");
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "dehc");
}

static void what_a_task_asks_for_runs_before_the_loop_waits(void **state)
{
	device.asks = &client; /* still in this turn */
	client.asks = &device; /* in one more */
	turn_ask(&turn, &device.task);
	turn_ask(&turn, &channel.task);
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "dhcd");
}

static void a_task_may_take_another_one_back(void **state)
{
	device.cancels = &device2;
	turn_ask(&turn, &device.task);
	turn_ask(&turn, &device2.task);
	turn_ask(&turn, &client.task);
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "dc");
}

static void a_task_may_end_the_turn(void **state)
{
	device.finishes = true;
	turn_ask(&turn, &device.task);
	turn_ask(&turn, &device2.task);
	turn_ask(&turn, &client.task);
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "d");
	turn_init(&turn, loop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int handle_other(int fd, uint32_t mask, void *data)
{
	eventfd_t count;
	assert_int_equal(eventfd_read(fd, &count), 0);
	strcat(log_text, "o");
	return 0;
}

static void a_task_of_the_next_round_lets_others_come_first(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct wl_event_source *other =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_other, NULL);

	turn_ask_next(&turn, &client.task);
	turn_ask_next(&turn, &client.task);
	turn_ask(&turn, &channel.task);
	wl_event_loop_dispatch(loop, 0); /* begins with what was due before */
	assert_string_equal(log_text, "hc");
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "hc");

	channel.asks = &device;
	assert_int_equal(eventfd_write(fd, 1), 0); /* what others wait for, and longer */
	turn_ask_next(&turn, &channel.task);
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "hcohd");
	wl_event_source_remove(other);
	close(fd);

	turn_ask_next(&turn, &client.task); /* and the turn may end before it comes */
}

static void a_task_of_the_next_round_may_end_the_turn(void **state)
{
	channel.finishes = true;
	turn_ask_next(&turn, &channel.task);
	turn_ask_next(&turn, &client.task);
	turn_ask_next(&turn, &device.task);
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(log_text, "h");
	turn_init(&turn, loop);
}

static void long_work_has_a_few_milliseconds_of_each_round(void **state)
{
	assert_true(turn_has_time(&turn));
	for (int i = 0; i < 1000 && turn_has_time(&turn); i++)
		usleep(1000);
	assert_false(turn_has_time(&turn));
	turn_ask(&turn, &client.task);
	wl_event_loop_dispatch(loop, 0);
	assert_true(turn_has_time(&turn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tasks_run_once_in_the_order_of_their_steps),
		TEST(what_a_task_asks_for_runs_before_the_loop_waits),
		TEST(a_task_may_take_another_one_back),
		TEST(a_task_may_end_the_turn),
		TEST(a_task_of_the_next_round_lets_others_come_first),
		TEST(a_task_of_the_next_round_may_end_the_turn),
		TEST(long_work_has_a_few_milliseconds_of_each_round),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
