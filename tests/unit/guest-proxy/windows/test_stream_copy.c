/* guest-proxy/windows/stream_copy.c */
#include "guest-proxy/windows/stream_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MAX_BYTES ((3u << 20) + 4096)
#define GUARD 128

static uint8_t *from, *to;

static void check(size_t from_offset, size_t to_offset, size_t size)
{
	memset(to, 0xa5, MAX_BYTES + 2 * GUARD);
	uint8_t *target = to + GUARD + to_offset;
	stream_copy(target, from + from_offset, size);
	assert_memory_equal(target, from + from_offset, size);
	for (size_t i = 1; i <= GUARD; i++)
		assert_int_equal(target[-(ptrdiff_t)i], 0xa5);
	for (size_t i = 0; i < GUARD - to_offset; i++)
		assert_int_equal(target[size + i], 0xa5);
}

static void every_alignment_and_odd_size_is_copied_and_nothing_beside_it(void **state)
{
	for (size_t i = 0; i < 64; i += 7) {
		for (size_t j = 0; j < 64; j += 9)
			check(i, j, (1u << 20) + 61 * i + j);
	}
}

static void random_sizes_on_both_sides_of_the_threshold_are_copied(void **state)
{
	srandom(7);
	for (int i = 0; i < 200; i++)
		check((size_t)random() % 64, (size_t)random() % 64, (size_t)random() % (3u << 20));
	check(0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_alignment_and_odd_size_is_copied_and_nothing_beside_it),
		cmocka_unit_test(random_sizes_on_both_sides_of_the_threshold_are_copied),
	};
	from = malloc(MAX_BYTES);
	to = malloc(MAX_BYTES + 2 * GUARD);
	if (!from || !to)
		return 1;
	for (size_t i = 0; i < MAX_BYTES; i++)
		from[i] = (uint8_t)(i * 2654435761u >> 13);
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	free(from);
	free(to);
	return failures;
}
