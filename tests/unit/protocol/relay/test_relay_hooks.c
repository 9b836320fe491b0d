/* protocol/relay/relay.c, relay_rules.c: hooks, and messages and objects of our own */
#include "tests/unit/relay_world.h"

static int data_destroyed;

static void note_data_destroyed(struct relay_object *object)
{
	assert_non_null(object->data);
	data_destroyed++;
}

static void an_object_of_ours_lives_until_delete_id(void **state)
{
	struct world *world = *state;
	struct relay *relay = world->relay;
	data_destroyed = 0;
	struct relay_object *pool = relay_object_create(relay, interface_find("wl_shm_pool"), 1);
	pool->data = world;
	pool->data_destroy = note_data_destroyed;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	union wire_arg args[] = {{.object = pool}, {.handle = wire_handle_fd(fd)}, {.i = 4096}};
	assert_int_equal(relay_send_named(relay, RELAY_UP, relay_object_at(relay, RELAY_DOWN, SHM),
				 "create_pool", args),
		0);
	expect(world, RELAY_UP, SHM, "wl_shm", "create_pool", "uu", NEXT, 4096);
	assert_int_equal(world->sent[RELAY_UP][world->n_sent[RELAY_UP] - 1].n_handles, 1);
	assert_int_equal(relay_send_named(relay, RELAY_UP, pool, "destroy", NULL), 0);
	expect(world, RELAY_UP, NEXT, "wl_shm_pool", "destroy", "");
	assert_int_equal(data_destroyed, 1);
	assert_int_equal(
		relay_send_named(relay, RELAY_UP, pool, "destroy", NULL), 0); /* passed over */
	event(world, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	expect_nothing_more(world);
	assert_null(relay_object_at(relay, RELAY_UP, NEXT));
	assert_int_equal(data_destroyed, 1);
}

static void data_ends_with_the_relay_at_the_latest(void **state)
{
	struct world *world = *state;
	struct relay_object *surface = relay_object_at(world->relay, RELAY_DOWN, SURFACE);
	data_destroyed = 0;
	surface->data = world;
	surface->data_destroy = note_data_destroyed;
	relay_destroy(world->relay);
	world->relay = NULL;
	assert_int_equal(data_destroyed, 1);
}

static void a_frame_callback_of_ours_ends_with_done(void **state)
{
	struct world *world = *state;
	on_frame = swallow;
	request(world, SURFACE, "wl_surface", "frame", "u", NEXT);
	struct relay_object *callback = relay_object_at(world->relay, RELAY_DOWN, NEXT);
	assert_int_equal(relay_send_named(world->relay, RELAY_DOWN, callback, "done",
				 (union wire_arg[]){{.u = 77}}),
		0);
	relay_forget(world->relay, callback); /* allowed, and nothing more happens */
	expect(world, RELAY_DOWN, NEXT, "wl_callback", "done", "u", 77);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	expect_nothing_more(world);
}

static unsigned answers, ends; /* to questions of ours */

static void count_answer(struct relay_sync *sync, struct relay *relay)
{
	assert_false(relay_sync_waits(sync));
	answers += relay != NULL;
	ends += relay == NULL;
}

static void a_question_of_ours_is_answered_once_and_the_client_hears_of_none(void **state)
{
	struct world *world = *state;
	static struct relay_sync asked, forgotten;
	const uint64_t before = relay_counters(world->relay)->objects;

	answers = ends = 0;
	assert_int_equal(relay_sync_ask(world->relay, &asked, count_answer), 0);
	assert_int_equal(relay_sync_ask(world->relay, &forgotten, count_answer), 0);
	const uint32_t ids[] = {
		asked.callback.object->id[RELAY_UP], forgotten.callback.object->id[RELAY_UP]};
	relay_sync_forget(&forgotten);
	assert_false(relay_sync_waits(&forgotten));
	for (size_t i = 0; i < 2; i++) {
		expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", ids[i]);
		event(world, ids[i], "wl_callback", "done", "u", 0);
		event(world, DISPLAY, "wl_display", "delete_id", "u", ids[i]);
	}
	expect_nothing_more(world);
	assert_int_equal(answers, 1);
	assert_int_equal(ends, 0);
	assert_int_equal(relay_counters(world->relay)->objects, before);
	/* The client's own go on to it. */
	request(world, DISPLAY, "wl_display", "sync", "u", NEXT);
	event(world, relay_object_at(world->relay, RELAY_DOWN, NEXT)->id[RELAY_UP], "wl_callback",
		"done", "u", 7);
	expect(world, RELAY_DOWN, NEXT, "wl_callback", "done", "u", 7);
	assert_int_equal(answers, 1);
}

static void a_question_of_ours_ends_with_the_relay(void **state)
{
	struct world *world = *state;
	static struct relay_sync asked;

	answers = ends = 0;
	assert_int_equal(relay_sync_ask(world->relay, &asked, count_answer), 0);
	relay_destroy(world->relay);
	world->relay = NULL;
	assert_int_equal(answers, 0);
	assert_int_equal(ends, 1);
}

static void a_forgotten_object_is_gone(void **state)
{
	struct world *world = *state;
	on_frame = swallow;
	request(world, SURFACE, "wl_surface", "frame", "u", NEXT);
	relay_forget(world->relay, relay_object_at(world->relay, RELAY_DOWN, NEXT));
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	assert_null(relay_object_at(world->relay, RELAY_DOWN, NEXT));
	expect_nothing_more(world);
}

static void a_done_that_a_hook_kept_can_be_sent_later(void **state)
{
	struct world *world = *state;
	on_callback_done = swallow;
	request(world, DISPLAY, "wl_display", "sync", "u", NEXT);
	forget_sent(world);
	event(world, NEXT, "wl_callback", "done", "u", 1);
	event(world, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	expect_nothing_more(world);
	relay_send_named(world->relay, RELAY_DOWN, relay_object_at(world->relay, RELAY_DOWN, NEXT),
		"done", (union wire_arg[]){{.u = 2}});
	expect(world, RELAY_DOWN, NEXT, "wl_callback", "done", "u", 2);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	assert_null(relay_object_at(world->relay, RELAY_DOWN, NEXT));
}

static enum relay_verdict destroy_up_first(struct relay_message *message)
{
	relay_send(message->relay, RELAY_UP, message->object, message->opcode, NULL);
	return RELAY_SWALLOW;
}

static void a_hook_may_send_the_destructor_itself(void **state)
{
	struct world *world = *state;
	on_surface_destroy = destroy_up_first;
	request(world, SURFACE, "wl_surface", "destroy", "");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "destroy", "");
	expect_nothing_more(world);
	event(world, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
}

static void a_hook_may_keep_the_other_half_of_a_destroyed_object(void **state)
{
	struct world *world = *state;
	struct relay_object *surface = relay_object_at(world->relay, RELAY_DOWN, SURFACE);
	on_surface_destroy = swallow;
	request(world, SURFACE, "wl_surface", "destroy", "");
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
	assert_int_equal(surface->id[RELAY_UP], SURFACE);
	relay_send_named(world->relay, RELAY_UP, surface, "destroy", NULL);
	expect(world, RELAY_UP, SURFACE, "wl_surface", "destroy", "");
	event(world, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
	expect_nothing_more(world);
}

static enum relay_verdict mark_title(struct relay_message *message)
{
	message->args[0].s = "[vm] title";
	return RELAY_FORWARD;
}

static void toplevel(struct world *world)
{
	request(world, WM_BASE, "xdg_wm_base", "get_xdg_surface", "uu", NEXT, SURFACE);
	request(world, NEXT, "xdg_surface", "get_toplevel", "u", NEXT + 1);
	forget_sent(world);
}

static void a_hook_may_change_arguments(void **state)
{
	struct world *world = *state;
	toplevel(world);
	on_title = mark_title;
	request(world, NEXT + 1, "xdg_toplevel", "set_title", "a", STRING("title"));
	expect(world, RELAY_UP, NEXT + 1, "xdg_toplevel", "set_title", "a", STRING("[vm] title"));
}

static unsigned holds_left;

static enum relay_verdict hold_title(struct relay_message *message)
{
	return holds_left > 0 && holds_left-- ? RELAY_HOLD : RELAY_FORWARD;
}

static const struct relay_object *seen;

static enum relay_verdict note_ours(struct relay_message *message)
{
	seen = message->object;
	return RELAY_SWALLOW;
}

/* The client's keyboard is none of its business. */
static void a_hook_for_objects_of_ours_sees_no_others(void **state)
{
	struct world *world = *state;
	struct relay_object *seat = relay_object_at(world->relay, RELAY_DOWN, SEAT);
	struct relay_object *ours =
		relay_object_create(world->relay, interface_find("wl_keyboard"), 3);

	on_modifiers = swallow;
	assert_int_equal(relay_send_named(world->relay, RELAY_UP, seat, "get_keyboard",
				 (union wire_arg[]){{.object = ours}}),
		0);
	forget_sent(world);
	event(world, KEYBOARD, "wl_keyboard", "modifiers", "uuuuu", 1, 2, 3, 4, 5);
	expect(world, RELAY_DOWN, KEYBOARD, "wl_keyboard", "modifiers", "uuuuu", 1, 2, 3, 4, 5);
	on_modifiers = note_ours;
	event(world, ours->id[RELAY_UP], "wl_keyboard", "modifiers", "uuuuu", 1, 2, 3, 4, 5);
	assert_ptr_equal(seen, ours);
	expect_nothing_more(world);
}

static void a_message_that_a_hook_holds_waits_with_those_behind_it(void **state)
{
	struct world *world = *state;
	uint8_t bytes[28] = {0};
	toplevel(world);
	on_title = hold_title;
	holds_left = 2;
	store_u32(bytes, NEXT + 1);
	store_u32(bytes + 4, 20 << 16 | 2); /* set_title */
	store_u32(bytes + 8, 6);
	memcpy(bytes + 12, "title", 6);
	store_u32(bytes + 20, SURFACE);
	store_u32(bytes + 24, 8 << 16 | 6); /* commit */
	uint64_t messages = relay_counters(world->relay)->messages[RELAY_DOWN];
	assert_int_equal(push(world, RELAY_DOWN, bytes, sizeof(bytes)), 0);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	expect_nothing_more(world);
	assert_int_equal(relay_counters(world->relay)->messages[RELAY_DOWN], messages);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	expect(world, RELAY_UP, NEXT + 1, "xdg_toplevel", "set_title", "a", STRING("title"));
	expect(world, RELAY_UP, SURFACE, "wl_surface", "commit", "");
	assert_int_equal(relay_counters(world->relay)->messages[RELAY_DOWN], messages + 2);
}

static enum relay_verdict hold_frame(struct relay_message *message)
{
	assert_int_equal(message->args[0].object->id[RELAY_DOWN], NEXT);
	return holds_left > 0 && holds_left-- ? RELAY_HOLD : RELAY_FORWARD;
}

/* There is nothing of the object until then, and no other can have its id. */
static void what_a_held_request_makes_is_made_when_it_goes_on(void **state)
{
	struct world *world = *state;
	uint64_t objects = relay_counters(world->relay)->objects;
	on_frame = hold_frame;
	holds_left = 3;
	request(world, SURFACE, "wl_surface", "frame", "u", NEXT);
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", NEXT + 1);
	assert_int_equal(relay_counters(world->relay)->objects, objects);
	assert_null(relay_object_at(world->relay, RELAY_DOWN, NEXT));
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	expect_nothing_more(world);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	expect(world, RELAY_UP, SURFACE, "wl_surface", "frame", "u", NEXT);
	expect(world, RELAY_UP, COMPOSITOR, "wl_compositor", "create_surface", "u", NEXT + 1);
	assert_int_equal(relay_counters(world->relay)->objects, objects + 2);
}

static void a_reference_points_to_nothing_once_its_object_is_destroyed(void **state)
{
	struct world *world = *state;
	struct relay_ref refs[3] = {0}, other = {0}, last = {0};
	struct relay_object *surface = relay_object_at(world->relay, RELAY_DOWN, SURFACE);
	for (size_t i = 0; i < ARRAY_LENGTH(refs); i++) {
		relay_ref_set(&refs[i], surface);
		assert_ptr_equal(refs[i].object, surface);
	}
	relay_ref_set(&refs[1], NULL);
	relay_ref_set(&other, surface);
	relay_ref_set(&other, relay_object_at(world->relay, RELAY_DOWN, SEAT));
	relay_ref_set(&last, relay_object_at(world->relay, RELAY_DOWN, SHM));
	event(world, DISPLAY, "wl_display", "delete_id", "u", SURFACE); /* nobody asked for it */
	for (size_t i = 0; i < ARRAY_LENGTH(refs); i++)
		assert_null(refs[i].object);
	assert_ptr_equal(other.object, relay_object_at(world->relay, RELAY_DOWN, SEAT));
	relay_ref_set(&refs[0], relay_object_at(world->relay, RELAY_UP, DEAD_SURFACE));
	assert_null(refs[0].object);
	relay_destroy(world->relay);
	world->relay = NULL;
	assert_null(other.object);
	assert_null(last.object);
}

static enum relay_verdict refuse_title(struct relay_message *message)
{
	return relay_fail(
		message->relay, message->object, 4, "title \"%s\" is too dull", message->args[0].s);
}

static void a_hook_may_end_the_connection_with_an_error_of_the_object(void **state)
{
	struct world *world = *state;
	toplevel(world);
	on_title = refuse_title;
	assert_int_equal(push_message(world, RELAY_DOWN, NEXT + 1, "xdg_toplevel", "set_title", "a",
				 STRING("title")),
		-EPROTO);
	expect_failure(world, NEXT + 1, 4, "xdg_toplevel@13: title \"title\" is too dull",
		"title \"title\" is too dull");
	assert_int_equal(
		push_message(world, RELAY_DOWN, DISPLAY, "wl_display", "sync", "u", NEXT), -EPROTO);
	relay_fail(world->relay, NULL, 3, "a second failure");
	expect_nothing_more(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_object_of_ours_lives_until_delete_id),
		TEST(data_ends_with_the_relay_at_the_latest),
		TEST(a_frame_callback_of_ours_ends_with_done),
		TEST(a_question_of_ours_is_answered_once_and_the_client_hears_of_none),
		TEST(a_question_of_ours_ends_with_the_relay),
		TEST(a_forgotten_object_is_gone),
		TEST(a_done_that_a_hook_kept_can_be_sent_later),
		TEST(a_hook_may_send_the_destructor_itself),
		TEST(a_hook_may_keep_the_other_half_of_a_destroyed_object),
		TEST(a_hook_may_change_arguments),
		TEST(a_hook_for_objects_of_ours_sees_no_others),
		TEST(a_message_that_a_hook_holds_waits_with_those_behind_it),
		TEST(what_a_held_request_makes_is_made_when_it_goes_on),
		TEST(a_reference_points_to_nothing_once_its_object_is_destroyed),
		TEST(a_hook_may_end_the_connection_with_an_error_of_the_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
