/* objects.c: which ids each end may choose, and how long an object is good. */
#include "protocol/objects/objects.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/base/bytes.h"

#define LOW 1u
#define HIGH WIRE_SERVER_ID_START

static struct relay_object *make(struct objects *objects)
{
	struct relay_object *object = object_create(objects, interface_find("wl_surface"), 1);

	assert_non_null(object);
	return object;
}

static void each_end_chooses_in_a_range_of_its_own(void **state)
{
	static const struct {
		enum relay_end end;
		uint32_t id;
		int result;
	} claims[] = {
		{RELAY_DOWN, 0, -EINVAL},
		{RELAY_DOWN, HIGH, -EINVAL},
		{RELAY_UP, LOW, -EINVAL},
		{RELAY_DOWN, LOW + 1, -ERANGE}, /* the next is LOW */
		{RELAY_DOWN, LOW, 0},
		{RELAY_DOWN, LOW, -EEXIST},
		{RELAY_DOWN, LOW + 1, 0},
		{RELAY_DOWN, HIGH - 1, -ERANGE},
		{RELAY_UP, HIGH + 1, -ERANGE},
		{RELAY_UP, HIGH, 0},
		{RELAY_UP, UINT32_MAX, -ERANGE},
	};
	struct objects objects;

	objects_init(&objects, 64);
	for (size_t i = 0; i < ARRAY_LENGTH(claims); i++) {
		struct relay_object *object = make(&objects);
		const uint32_t id = claims[i].id;
		assert_int_equal(
			object_claim_id(&objects, object, claims[i].end, id), claims[i].result);
		assert_int_equal(object->id[claims[i].end], claims[i].result == 0 ? id : 0);
		assert_int_equal(
			objects_at(&objects, claims[i].end, id) == object, claims[i].result == 0);
	}
	objects_finish(&objects);
}

static void ids_of_ours_are_used_again_once_they_are_free(void **state)
{
	struct objects objects;
	struct relay_object *made[3], *other;

	objects_init(&objects, 64);
	for (uint32_t i = 0; i < ARRAY_LENGTH(made); i++) {
		made[i] = make(&objects);
		assert_int_equal(object_assign_id(&objects, made[i], RELAY_DOWN), 0);
		assert_int_equal(object_assign_id(&objects, made[i], RELAY_UP), 0);
		assert_int_equal(made[i]->id[RELAY_DOWN], HIGH + i);
		assert_int_equal(made[i]->id[RELAY_UP], LOW + i);
	}
	object_drop_id(&objects, made[1], RELAY_UP);
	object_drop_id(&objects, made[1], RELAY_UP);
	assert_null(objects_at(&objects, RELAY_UP, LOW + 1));
	assert_ptr_equal(objects_at(&objects, RELAY_DOWN, HIGH + 1), made[1]);
	other = make(&objects);
	assert_int_equal(object_assign_id(&objects, other, RELAY_UP), 0);
	assert_int_equal(other->id[RELAY_UP], LOW + 1);
	objects_finish(&objects);
}

static void an_object_that_was_removed_is_good_until_it_is_reaped(void **state)
{
	struct objects objects;
	struct relay_object *object;

	objects_init(&objects, 64);
	object = make(&objects);
	assert_int_equal(object_claim_id(&objects, object, RELAY_DOWN, LOW), 0);
	assert_int_equal(objects.count, 1);
	object_remove(&objects, object);
	object_remove(&objects, object);
	assert_int_equal(objects.count, 0);
	assert_null(objects_at(&objects, RELAY_DOWN, LOW));
	assert_string_equal(object->interface->wl->name, "wl_surface");
	objects_reap(&objects);
	assert_true(wl_list_empty(&objects.gone));
	objects_finish(&objects);
}

static struct relay_ref ref;
static unsigned n_ended;

static void end_data(struct relay_object *object)
{
	assert_null(ref.object);
	assert_ptr_equal(object->data, &n_ended);
	n_ended++;
}

static void data_ends_once_and_after_references(void **state)
{
	struct objects objects;
	struct relay_object *object;

	objects_init(&objects, 64);
	object = make(&objects);
	object->data = &n_ended;
	object->data_destroy = end_data;
	relay_ref_set(&ref, object);
	object_mark_destroyed(object);
	object_mark_destroyed(object);
	assert_int_equal(n_ended, 1);
	assert_null(object->data);
	relay_ref_set(&ref, object);
	assert_null(ref.object);
	objects_finish(&objects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_chooses_in_a_range_of_its_own),
		cmocka_unit_test(ids_of_ours_are_used_again_once_they_are_free),
		cmocka_unit_test(an_object_that_was_removed_is_good_until_it_is_reaped),
		cmocka_unit_test(data_ends_once_and_after_references),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
