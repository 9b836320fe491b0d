/* protocol/relay/relay.c, relay_receive.c, relay_registry.c, relay_rules.c, objects.c */
#include "tests/unit/relay_world.h"

#include <sys/resource.h>

/* Globals */

static void only_known_and_allowed_globals_are_announced(void **state)
{
	struct world *world = *state;
	static const struct {
		uint32_t name;
		const char *interface;
		uint32_t version;
	} seen[] = {
		{GLOBAL_COMPOSITOR, "wl_compositor", 4},
		{GLOBAL_SHM, "wl_shm", 1},
		{GLOBAL_SEAT, "wl_seat", 3},
		{GLOBAL_DATA_DEVICE_MANAGER, "wl_data_device_manager", 3},
		{GLOBAL_WM_BASE, "xdg_wm_base", 2},
		{GLOBAL_LOWERED, "wl_output", 2},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(seen); i++)
		expect(world, RELAY_DOWN, REGISTRY, "wl_registry", "global", "uau", seen[i].name,
			STRING(seen[i].interface), seen[i].version);
	assert_int_equal(world->n_checked[RELAY_DOWN], world->n_sent[RELAY_DOWN]);
}

static void a_version_newer_than_the_tables_is_lowered(void **state)
{
	struct world *world = *state;
	announce(world, 99, "wl_shm", 1000);
	expect(world, RELAY_DOWN, REGISTRY, "wl_registry", "global", "uau", 99, STRING("wl_shm"),
		(uint32_t)interface_find("wl_shm")->wl->version);
}

static void the_removal_of_a_hidden_global_is_hidden_too(void **state)
{
	struct world *world = *state;
	event(world, REGISTRY, "wl_registry", "global_remove", "u", GLOBAL_DENIED);
	event(world, REGISTRY, "wl_registry", "global_remove", "u", GLOBAL_SHM);
	expect(world, RELAY_DOWN, REGISTRY, "wl_registry", "global_remove", "u", GLOBAL_SHM);
	expect_nothing_more(world);
}

static void a_removed_global_can_still_be_bound(void **state)
{
	struct world *world = *state;
	event(world, REGISTRY, "wl_registry", "global_remove", "u", GLOBAL_SHM);
	bind(world, GLOBAL_SHM, "wl_shm", 1, NEXT);
	expect(world, RELAY_UP, REGISTRY, "wl_registry", "bind", "uauu", GLOBAL_SHM,
		STRING("wl_shm"), 1, NEXT);
}

static void globals_that_come_and_go_take_no_memory(void **state)
{
	struct world *world = *state;
	for (uint32_t i = 0; i < 100000; i++) {
		announce(world, 1000 + i, "wl_output", 2);
		event(world, REGISTRY, "wl_registry", "global_remove", "u", 1000 + i);
	}
	assert_int_equal(world->n_sent[RELAY_DOWN] - world->n_checked[RELAY_DOWN], 200000);
	bind(world, GLOBAL_COMPOSITOR, "wl_compositor", 4,
		NEXT); /* what was not removed is still known */
}

/* Ids */

static void an_id_is_free_when_delete_id_has_come(void **state)
{
	struct world *world = *state;
	request(world, SURFACE, "wl_surface", "destroy", "");
	expect(world, RELAY_UP, SURFACE, "wl_surface", "destroy", "");
	expect_nothing_more(world);
	event(world, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", SURFACE);
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", SURFACE);
	expect(world, RELAY_UP, COMPOSITOR, "wl_compositor", "create_surface", "u", SURFACE);
}

static void ids_stay_bounded_over_many_lives(void **state)
{
	struct world *world = *state;
	for (uint32_t i = 0; i < 100000; i++) {
		request(world, DISPLAY, "wl_display", "sync", "u", NEXT);
		event(world, NEXT, "wl_callback", "done", "u", i);
		event(world, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	}
	assert_int_equal(relay_counters(world->relay)->objects, NEXT - 1);
}

static enum relay_verdict swallow(struct relay_message *message)
{
	return RELAY_SWALLOW;
}

static void an_object_of_only_the_client_ends_with_its_swallowed_destructor(void **state)
{
	struct world *world = *state;
	on_create_pool = on_pool_destroy = swallow;
	give_fd(world, RELAY_DOWN);
	request(world, SHM, "wl_shm", "create_pool", "uu", NEXT, 4096);
	assert_int_equal(relay_object_at(world->relay, RELAY_DOWN, NEXT)->id[RELAY_UP], 0);
	request(world, NEXT, "wl_shm_pool", "destroy", "");
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	expect_nothing_more(world);
	assert_null(relay_object_at(world->relay, RELAY_DOWN, NEXT));
	/* The ids of the ends differ from here on. */
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", NEXT);
	request(world, COMPOSITOR, "wl_compositor", "create_surface", "u", NEXT + 1);
	expect(world, RELAY_UP, COMPOSITOR, "wl_compositor", "create_surface", "u", NEXT);
}

static void an_object_of_only_the_client_ends_also_without_a_hook(void **state)
{
	struct world *world = *state;
	on_create_pool = swallow;
	give_fd(world, RELAY_DOWN);
	request(world, SHM, "wl_shm", "create_pool", "uu", NEXT, 4096);
	request(world, NEXT, "wl_shm_pool", "resize", "u", 8192); /* nobody to forward it to */
	request(world, NEXT, "wl_shm_pool", "destroy", "");
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	expect_nothing_more(world);
}

static void ids_are_translated_where_the_ends_differ(void **state)
{
	struct world *world = *state;
	on_create_pool = swallow;
	give_fd(world, RELAY_DOWN);
	request(world, SHM, "wl_shm", "create_pool", "uu", NEXT, 4096);
	request(world, COMPOSITOR, "wl_compositor", "create_region", "u", NEXT + 1);
	expect(world, RELAY_UP, COMPOSITOR, "wl_compositor", "create_region", "u", NEXT);
	request(world, SURFACE, "wl_surface", "set_input_region", "u", NEXT + 1);
	expect(world, RELAY_UP, SURFACE, "wl_surface", "set_input_region", "u", NEXT);
	request(world, SURFACE, "wl_surface", "set_input_region", "u", 0);
	expect(world, RELAY_UP, SURFACE, "wl_surface", "set_input_region", "u", 0);
	request(world, NEXT + 1, "wl_region", "destroy", "");
	expect(world, RELAY_UP, NEXT, "wl_region", "destroy", "");
	event(world, DISPLAY, "wl_display", "delete_id", "u", NEXT);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", NEXT + 1);
}

static void delete_id_of_something_unknown_is_passed_over(void **state)
{
	struct world *world = *state;
	event(world, DISPLAY, "wl_display", "delete_id", "u", 0);
	event(world, DISPLAY, "wl_display", "delete_id", "u", DISPLAY);
	event(world, DISPLAY, "wl_display", "delete_id", "u", 12345);
	event(world, DISPLAY, "wl_display", "delete_id", "u", UINT32_MAX);
	expect_nothing_more(world);
	assert_null(relay_failure(world->relay));
}

static void too_many_objects_are_refused(void **state)
{
	struct world *world = *state;
	uint32_t id = NEXT;
	while (!relay_failure(world->relay) && id < 1000)
		push_message(world, RELAY_DOWN, COMPOSITOR, "wl_compositor", "create_surface", "u",
			id++);
	assert_int_equal(id, 66); /* 64 objects exist, the 65th failed */
	forget_sent(world);
	assert_string_equal(relay_failure(world->relay),
		"wl_compositor@3.create_surface: too many objects (64)");
}

/* Objects of the server */

static void offer(struct world *world, uint32_t id)
{
	event(world, DATA_DEVICE, "wl_data_device", "data_offer", "u", id);
}

static void an_object_of_the_server_is_translated_and_its_id_used_again(void **state)
{
	struct world *world = *state;
	for (int i = 0; i < 1000; i++) {
		offer(world, FIRST_SERVER_ID);
		expect(world, RELAY_DOWN, DATA_DEVICE, "wl_data_device", "data_offer", "u",
			FIRST_SERVER_ID);
		event(world, FIRST_SERVER_ID, "wl_data_offer", "offer", "a", STRING("text/plain"));
		expect(world, RELAY_DOWN, FIRST_SERVER_ID, "wl_data_offer", "offer", "a",
			STRING("text/plain"));
		request(world, FIRST_SERVER_ID, "wl_data_offer", "destroy", "");
		expect(world, RELAY_UP, FIRST_SERVER_ID, "wl_data_offer", "destroy", "");
		/* The compositor has not seen it yet. */
		event(world, FIRST_SERVER_ID, "wl_data_offer", "offer", "a", STRING("text/html"));
		expect_nothing_more(world);
	}
	assert_int_equal(relay_counters(world->relay)->objects, NEXT); /* and one zombie */
}

static void an_event_that_names_a_destroyed_offer_names_none(void **state)
{
	struct world *world = *state;
	offer(world, FIRST_SERVER_ID);
	request(world, FIRST_SERVER_ID, "wl_data_offer", "destroy", "");
	forget_sent(world);
	event(world, DATA_DEVICE, "wl_data_device", "selection", "u", FIRST_SERVER_ID);
	expect(world, RELAY_DOWN, DATA_DEVICE, "wl_data_device", "selection", "u", 0);
}

static void a_new_object_of_a_destroyed_one_is_discarded(void **state)
{
	struct world *world = *state;
	request(world, DATA_DEVICE, "wl_data_device", "release", "");
	forget_sent(world);
	offer(world, FIRST_SERVER_ID);
	expect(world, RELAY_UP, FIRST_SERVER_ID, "wl_data_offer", "destroy", "");
	event(world, FIRST_SERVER_ID, "wl_data_offer", "offer", "a", STRING("text/plain"));
	event(world, DATA_DEVICE, "wl_data_device", "selection", "u", FIRST_SERVER_ID);
	offer(world, FIRST_SERVER_ID); /* the server's id is free again */
	expect(world, RELAY_UP, FIRST_SERVER_ID, "wl_data_offer", "destroy", "");
	expect_nothing_more(world);
}

static void handles_of_events_for_the_dead_are_closed(void **state)
{
	struct world *world = *state;
	request(world, KEYBOARD, "wl_keyboard", "release", "");
	forget_sent(world);
	give_fd(world, RELAY_UP);
	event(world, KEYBOARD, "wl_keyboard", "keymap", "uu", 1, 4096);
	expect_nothing_more(world);
	assert_int_equal(count_fds(), world->open_fds);
}

static void an_event_newer_than_the_object_is_dropped(void **state)
{
	struct world *world = *state;
	event(world, KEYBOARD, "wl_keyboard", "repeat_info", "uu", 25, 600); /* since 4, bound 3 */
	expect_nothing_more(world);
	assert_null(relay_failure(world->relay));
}

static void an_event_about_a_destroyed_surface_still_names_it(void **state)
{
	struct world *world = *state;
	event(world, KEYBOARD, "wl_keyboard", "enter", "uua", 1, DEAD_SURFACE, 0, "");
	expect(world, RELAY_DOWN, KEYBOARD, "wl_keyboard", "enter", "uua", 1, DEAD_SURFACE, 0, "");
}

static void an_event_about_an_object_of_ours_is_dropped(void **state)
{
	struct world *world = *state;
	struct relay_object *compositor = relay_object_at(world->relay, RELAY_DOWN, COMPOSITOR);
	struct relay_object *ours =
		relay_object_create(world->relay, interface_find("wl_surface"), 4);
	assert_int_equal(relay_send_named(world->relay, RELAY_UP, compositor, "create_surface",
				 (union wire_arg[]){{.object = ours}}),
		0);
	forget_sent(world);
	event(world, KEYBOARD, "wl_keyboard", "enter", "uua", 1, ours->id[RELAY_UP], 0, "");
	expect_nothing_more(world);
	assert_null(relay_failure(world->relay));
}

/* Hooks, and messages of our own */

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

/* As hand-written client libraries count. */
static void a_client_need_not_use_its_ids_again(void **state)
{
	struct world *world = *state;
	for (uint32_t id = NEXT; id < 70000; id++) {
		request(world, DISPLAY, "wl_display", "sync", "u", id);
		expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", NEXT);
		event(world, NEXT, "wl_callback", "done", "u", 0);
		event(world, DISPLAY, "wl_display", "delete_id", "u", NEXT);
		expect(world, RELAY_DOWN, id, "wl_callback", "done", "u", 0);
		expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", id);
	}
	/* Nor must it count on. */
	request(world, DISPLAY, "wl_display", "sync", "u", NEXT);
	expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", NEXT);
	expect_nothing_more(world);
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

static void an_error_of_the_compositor_is_passed_on(void **state)
{
	struct world *world = *state;
	event(world, DISPLAY, "wl_display", "error", "uua", SURFACE, 2, STRING("bad scale"));
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "error", "uua", SURFACE, 2,
		STRING("bad scale"));
	event(world, DISPLAY, "wl_display", "error", "uua", 4711, 2, STRING("bad"));
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "error", "uua", DISPLAY, 2, STRING("bad"));
}

static void an_end_that_takes_nothing_ends_the_relay(void **state)
{
	struct world *world = *state;
	world->send_error = -ENOBUFS;
	give_fd(world, RELAY_DOWN);
	assert_int_equal(
		push_message(world, RELAY_DOWN, SHM, "wl_shm", "create_pool", "uu", NEXT, 4096),
		-ENOBUFS);
	assert_string_equal(relay_failure(world->relay),
		"cannot send to the compositor: No buffer space available");
}

/* Boundaries */

static void messages_come_in_any_segments(void **state)
{
	struct world *world = *state;
	uint8_t bytes[64] = {0};
	store_u32(bytes, DISPLAY);
	store_u32(bytes + 4, 12 << 16);
	store_u32(bytes + 8, NEXT);
	store_u32(bytes + 12, DISPLAY);
	store_u32(bytes + 16, 12 << 16);
	store_u32(bytes + 20, NEXT + 1);
	for (size_t i = 0; i < 12; i++) {
		expect_nothing_more(world);
		assert_int_equal(push(world, RELAY_DOWN, bytes + i, 1), 0);
	}
	expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", NEXT);
	store_u32(bytes + 8, NEXT + 2);
	assert_int_equal(push(world, RELAY_DOWN, bytes + 12, 12), 0);
	expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", NEXT + 1);
	store_u32(bytes + 20, NEXT + 3);
	assert_int_equal(push(world, RELAY_DOWN, bytes, 12 + 11), 0);
	expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", NEXT + 2);
	expect_nothing_more(world);
	assert_int_equal(push(world, RELAY_DOWN, bytes + 23, 1), 0);
	expect(world, RELAY_UP, DISPLAY, "wl_display", "sync", "u", NEXT + 3);
}

static void a_message_waits_for_its_handle(void **state)
{
	struct world *world = *state;
	uint8_t bytes[32] = {0};
	store_u32(bytes, SHM);
	store_u32(bytes + 4, 16 << 16);
	store_u32(bytes + 8, NEXT);
	store_u32(bytes + 12, 4096);
	assert_int_equal(push(world, RELAY_DOWN, bytes, 16), 0);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	expect_nothing_more(world);
	give_fd(world, RELAY_DOWN);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	assert_int_equal(next_sent(world, RELAY_UP)->n_handles, 1);
}

/*
 * As libwayland sends what had to wait for a full socket: one byte with each 28 fds, as long as
 * there are so many.
 */
static void fds_may_come_long_before_their_messages(void **state)
{
	enum { POOLS = 400 };
	static uint8_t bytes[POOLS * 16];
	void *own_state;
	set_up_with(&own_state, 1000);
	struct world *world = own_state;
	for (uint32_t i = 0; i < POOLS; i++) {
		store_u32(bytes + i * 16, SHM);
		store_u32(bytes + i * 16 + 4, 16 << 16);
		store_u32(bytes + i * 16 + 8, NEXT + i);
		store_u32(bytes + i * 16 + 12, 4096);
	}
	for (size_t i = 0; i < POOLS; i++)
		give_fd(world, RELAY_DOWN);
	assert_int_equal(push(world, RELAY_DOWN, bytes, POOLS / 28), 0);
	assert_int_equal(
		push(world, RELAY_DOWN, bytes + POOLS / 28, sizeof(bytes) - POOLS / 28), 0);
	for (size_t i = 0; i < POOLS; i++)
		assert_int_equal(world->sent[RELAY_UP][(world->n_sent[RELAY_UP] - 1 - i) % MAX_SENT]
					 .n_handles,
			1);
	tear_down(&own_state);
}

static void fds_without_messages_are_bounded(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < WIRE_HANDLES_MAX; i++) {
		give_fd(world, RELAY_DOWN);
		assert_int_equal(push(world, RELAY_DOWN, NULL, 0), 0);
	}
	give_fd(world, RELAY_DOWN);
	assert_int_equal(push(world, RELAY_DOWN, NULL, 0), -EPROTO);
	expect_failure(world, DISPLAY, 1,
		"more than 1024 file descriptors before the messages they belong to",
		"more than 1024 file descriptors before the messages they belong to");
}

static void a_message_followed_by_others_has_lost_its_handle(void **state)
{
	struct world *world = *state;
	uint8_t bytes[32] = {0};
	store_u32(bytes, SHM);
	store_u32(bytes + 4, 16 << 16);
	store_u32(bytes + 8, NEXT);
	assert_int_equal(push(world, RELAY_DOWN, bytes, 17), -EPROTO);
	expect_failure(world, DISPLAY, 1, "wl_shm@4.create_pool: file descriptor is missing",
		"wl_shm@4.create_pool: file descriptor is missing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){4096, 4096});
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			only_known_and_allowed_globals_are_announced, set_up_unchecked, tear_down),
		TEST(a_version_newer_than_the_tables_is_lowered),
		TEST(the_removal_of_a_hidden_global_is_hidden_too),
		TEST(a_removed_global_can_still_be_bound),
		TEST(globals_that_come_and_go_take_no_memory),
		TEST(an_id_is_free_when_delete_id_has_come),
		TEST(ids_stay_bounded_over_many_lives),
		TEST(an_object_of_only_the_client_ends_with_its_swallowed_destructor),
		TEST(an_object_of_only_the_client_ends_also_without_a_hook),
		TEST(ids_are_translated_where_the_ends_differ),
		TEST(delete_id_of_something_unknown_is_passed_over),
		TEST(too_many_objects_are_refused),
		TEST(an_object_of_the_server_is_translated_and_its_id_used_again),
		TEST(an_event_that_names_a_destroyed_offer_names_none),
		TEST(a_new_object_of_a_destroyed_one_is_discarded),
		TEST(handles_of_events_for_the_dead_are_closed),
		TEST(an_event_newer_than_the_object_is_dropped),
		TEST(an_event_about_a_destroyed_surface_still_names_it),
		TEST(an_event_about_an_object_of_ours_is_dropped),
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
		TEST(a_client_need_not_use_its_ids_again),
		TEST(a_hook_may_end_the_connection_with_an_error_of_the_object),
		TEST(an_error_of_the_compositor_is_passed_on),
		TEST(an_end_that_takes_nothing_ends_the_relay),
		TEST(messages_come_in_any_segments),
		TEST(a_message_waits_for_its_handle),
		TEST(fds_may_come_long_before_their_messages),
		TEST(fds_without_messages_are_bounded),
		TEST(a_message_followed_by_others_has_lost_its_handle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
