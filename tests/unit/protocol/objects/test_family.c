/* family.c: families that become one, and what waits in them. */
#include "protocol/objects/family.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Popups that come and go leave nothing behind in what a window's objects refer to. */
static void a_family_does_not_grow_with_those_that_have_gone(void **state)
{
	struct family *window = family_create(0), *slot = family_ref(window);
	size_t n = 0;

	for (uint64_t i = 1; i < 1000; i++) {
		struct family *popup = family_create(i);
		family_join(popup, family_root(&slot));
		family_unref(popup);
	}
	for (const struct family *family = window; family; family = family->joined)
		n++;
	assert_int_equal(n, 1);
	family_unref(slot);
	family_unref(window);
}

/* As relay_lanes.c has it wait: @row of one message, in @lanes. */
static void wait_in(struct wl_list *lanes, struct family *family, struct wl_list *row)
{
	wl_list_insert(family->messages.prev, row);
	wl_list_insert(lanes->prev, &family_ref(family)->link);
	family->waits = true;
}

static void the_older_one_stays_and_takes_what_waits(void **state)
{
	struct wl_list lanes, first, second;
	struct family *old = family_create(1), *young = family_create(2);
	struct family *slot = family_ref(young);

	wl_list_init(&lanes);
	wait_in(&lanes, old, &first);
	wait_in(&lanes, young, &second);
	young->due = true;
	assert_ptr_equal(family_join(young, old), old);
	assert_ptr_equal(family_join(old, old), old);
	assert_int_equal(wl_list_length(&lanes), 1);
	assert_ptr_equal(lanes.next, &old->link);
	assert_ptr_equal(old->messages.next, &first);
	assert_ptr_equal(first.next, &second);
	assert_true(old->due);
	assert_false(young->waits);
	assert_ptr_equal(family_root(&slot), old);
	assert_ptr_equal(slot, old);
	family_unref(slot);
	family_unref(young);
	family_unref(old); /* that of the lanes */
	family_unref(old);
}

static void what_waits_in_the_younger_one_alone_keeps_its_place(void **state)
{
	struct wl_list lanes, row, other;
	struct family *old = family_create(1), *young = family_create(2);
	struct family *third = family_create(3);

	wl_list_init(&lanes);
	wait_in(&lanes, young, &row);
	wait_in(&lanes, third, &other);
	assert_ptr_equal(family_join(old, young), old);
	assert_true(old->waits);
	assert_false(old->due);
	assert_ptr_equal(lanes.next, &old->link);
	assert_ptr_equal(lanes.next->next, &third->link);
	assert_ptr_equal(old->messages.next, &row);
	family_unref(young);
	for (int i = 0; i < 2; i++) {
		family_unref(old);
		family_unref(third);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_does_not_grow_with_those_that_have_gone),
		cmocka_unit_test(the_older_one_stays_and_takes_what_waits),
		cmocka_unit_test(what_waits_in_the_younger_one_alone_keeps_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
