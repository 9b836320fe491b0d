/* protocol/base/id_map.c */
#include "protocol/base/id_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

static void *value_of(uint32_t id)
{
	return (void *)(uintptr_t)(id * UINT64_C(2) + 1);
}

static void an_empty_map_has_nothing(void **state)
{
	struct id_map map = {0};
	uint32_t position = 0, id;
	assert_null(id_map_find(&map, 1));
	assert_null(id_map_find(&map, 0));
	assert_null(id_map_remove(&map, 1));
	assert_null(id_map_next(&map, &position));
	assert_null(id_map_take_any(&map, &id));
	id_map_finish(&map);
}

static void what_is_in_agrees_with_an_array_after_each_change(void **state)
{
	enum { IDS = 512 };
	struct id_map map = {0};
	bool in[IDS + 1] = {false};
	uint32_t count = 0;

	srandom(1);
	for (int step = 0; step < 20000; step++) {
		uint32_t id = (uint32_t)random() % IDS + 1;
		if (in[id]) {
			assert_ptr_equal(id_map_remove(&map, id), value_of(id));
			count--;
		} else {
			assert_int_equal(id_map_insert(&map, id, value_of(id)), 0);
			count++;
		}
		in[id] = !in[id];
		assert_int_equal(map.count, count);
		if (step % 100 != 0)
			continue;
		for (uint32_t i = 1; i <= IDS; i++)
			assert_ptr_equal(id_map_find(&map, i), in[i] ? value_of(i) : NULL);
	}
	id_map_finish(&map);
}

static void ids_of_the_whole_range_are_all_visited_once(void **state)
{
	struct id_map map = {0};
	const uint32_t ids[] = {1, 0x80000001, UINT32_MAX, 0x7fffffff, 1024, 2048, 4096};
	uint32_t seen = 0, position = 0, id;

	for (size_t i = 0; i < 7; i++)
		assert_int_equal(id_map_insert(&map, ids[i], value_of(ids[i])), 0);
	for (void *value; (value = id_map_next(&map, &position));)
		for (size_t i = 0; i < 7; i++)
			if (value == value_of(ids[i]))
				seen |= 1u << i;
	assert_int_equal(seen, 0x7f);
	for (size_t i = 0; i < 7; i++) {
		void *value = id_map_take_any(&map, &id);
		assert_ptr_equal(value, value_of(id));
	}
	assert_null(id_map_take_any(&map, &id));
	id_map_finish(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(what_is_in_agrees_with_an_array_after_each_change),
		cmocka_unit_test(ids_of_the_whole_range_are_all_visited_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
