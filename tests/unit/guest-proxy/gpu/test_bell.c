/* guest-proxy/gpu/bell.c */
#include "guest-proxy/gpu/bell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define N 3

static struct turn turn;
static struct wl_event_loop *loop;
static struct bell bell;
static struct {
	struct bell_member member;
	unsigned calls;
	bool asks; /* when it is called */
} members[N];

static void handle_call(void *data)
{
	size_t i = *(const size_t *)data;

	assert_true(wl_list_empty(&members[i].member.link));
	members[i].calls++;
	if (members[i].asks)
		bell_asked(&members[i].member);
}

static int setup(void **state)
{
	static const size_t numbers[N] = {0, 1, 2};

	loop = wl_event_loop_create();
	turn_init(&turn, loop);
	for (size_t i = 0; i < N; i++) {
		members[i].calls = 0;
		members[i].asks = true;
		assert_int_equal(bell_join(&bell, &turn, &members[i].member, handle_call,
					 (void *)&numbers[i]),
			0);
	}
	return 0;
}

static int teardown(void **state)
{
	for (size_t i = 0; i < N; i++)
		bell_leave(&members[i].member);
	turn_finish(&turn);
	wl_event_loop_destroy(loop);
	return bell.key != 0;
}

static void round_ends(void)
{
	wl_event_loop_dispatch(loop, 0);
}

static void names_are_their_own(void **state)
{
	assert_int_not_equal(bell.key, 0);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(members[i].member.id, members[j].member.id);
}

static void who_rests_is_called_once(void **state)
{
	bell_asked(&members[0].member);
	assert_true(bell_rest(&members[1].member));
	round_ends();
	assert_int_equal(members[1].calls, 0);
	bell_ring(&bell, members[1].member.id);
	assert_int_equal(members[1].calls, 1);
	bell_ring(&bell, 77); /* nobody's */
	bell_ring(&bell, 0);
	assert_int_equal(members[0].calls + members[2].calls, 0);
}

static void who_is_called_before_it_knows_that_it_has_to_rest_does_not(void **state)
{
	bell_asked(&members[0].member);
	bell_asked(&members[1].member);
	bell_ring(&bell, members[1].member.id);
	assert_int_equal(members[1].calls, 0);
	bell_listen(&members[1].member, false);
	assert_false(bell_rest(&members[1].member));
	bell_asked(&members[1].member);
	bell_listen(&members[1].member, false);
	assert_true(bell_rest(&members[1].member));
}

static void nobody_rests_where_nobody_listens(void **state)
{
	bell_asked(&members[0].member);
	assert_true(bell_rest(&members[1].member));
	bell_listen(&members[0].member, false);
	assert_false(bell_rest(&members[0].member));
}

static void one_asks_when_nobody_listens_any_more(void **state)
{
	bell_asked(&members[0].member);
	assert_true(bell_rest(&members[1].member));
	assert_true(bell_rest(&members[2].member));
	bell_listen(&members[0].member, false);
	bell_asked(&members[0].member); /* in the same round */
	round_ends();
	assert_int_equal(members[1].calls + members[2].calls, 0);
	members[1].asks = false; /* it cannot now */
	bell_leave(&members[0].member);
	round_ends();
	assert_int_equal(members[1].calls, 1);
	assert_int_equal(members[2].calls, 1);
	assert_true(members[2].member.listens);
}

static void who_speaks_rests_no_more(void **state)
{
	bell_asked(&members[0].member);
	assert_true(bell_rest(&members[1].member));
	bell_asked(&members[1].member);
	bell_listen(&members[0].member, false);
	bell_listen(&members[1].member, false);
	round_ends();
	assert_int_equal(members[1].calls, 0);
}

static void who_is_in_none_does_not_rest(void **state)
{
	struct bell_member alone = {0};

	bell_asked(&alone);
	assert_false(bell_rest(&alone));
	bell_listen(&alone, true);
	bell_stir(&alone);
	bell_leave(&alone);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_their_own),
		TEST(who_rests_is_called_once),
		TEST(who_is_called_before_it_knows_that_it_has_to_rest_does_not),
		TEST(nobody_rests_where_nobody_listens),
		TEST(one_asks_when_nobody_listens_any_more),
		TEST(who_speaks_rests_no_more),
		TEST(who_is_in_none_does_not_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
