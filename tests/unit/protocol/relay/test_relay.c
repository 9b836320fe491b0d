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
		TEST(a_client_need_not_use_its_ids_again),
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
