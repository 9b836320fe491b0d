/* host-bridge/policy/policy_clipboard.c: ways that clipboards and drags do not go */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/policy_world.h"

/* The two kinds of selections that every build knows, with their requests' names. */
static const struct kind {
	const char *manager, *create_source, *get_device, *source, *device, *offer, *offered;
} kinds[] = {
	{"wl_data_device_manager", "create_data_source", "get_data_device", "wl_data_source",
		"wl_data_device", "wl_data_offer", "data_offer"},
	{"zwp_primary_selection_device_manager_v1", "create_source", "get_device",
		"zwp_primary_selection_source_v1", "zwp_primary_selection_device_v1",
		"zwp_primary_selection_offer_v1", "data_offer"},
};

static struct pair source, device;
static uint32_t offer_up;

/* A guest's source and device, with everything said so far forgotten. */
static void prepare(const struct kind *kind)
{
	struct pair manager = bind_global(kind->manager), seat = bind_global("wl_seat");

	source.down = world.next_id++;
	request(kind->manager, kind->create_source, manager.down, ARGS({.id = source.down}));
	take_up(kind->manager, kind->create_source);
	source.up = args[0].id;
	device.down = world.next_id++;
	request(kind->manager, kind->get_device, manager.down,
		ARGS({.id = device.down}, {.id = seat.down}));
	take_up(kind->manager, kind->get_device);
	device.up = args[0].id;
}

static void set_selection(const struct kind *kind, uint32_t what)
{
	request(kind->device, "set_selection", device.down, ARGS({.id = what}, {.u = 7}));
}

/* The desktop's offer of a type; returns the guest's id of the offer. */
static uint32_t offer_text(const struct kind *kind)
{
	event(kind->device, kind->offered, device.up, ARGS({.id = ++offer_up}));
	captured_take(
		&world.sent[RELAY_DOWN], RELAY_UP, kind->device, kind->offered, device.down, args);
	uint32_t offer = args[0].id;
	event(kind->offer, "offer", offer_up, ARGS({.s = "text/plain"}));
	return offer;
}

/* The guest asks for it; returns the end that it reads from. */
static int receive(const struct kind *kind, uint32_t offer)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(push(RELAY_DOWN, kind->offer, "receive", offer, ARGS({.s = "text/plain"}),
				 wire_handle_fd(ends[1])),
		0);
	return ends[0];
}

static void nothing_is_sent(enum relay_end to)
{
	assert_null(relay_failure(world.relay));
	assert_int_equal(world.sent[to].size, 0);
}

static int both_ways(void **state)
{
	offer_up = WIRE_SERVER_ID_START - 1;
	return start((struct policy){0});
}

static int no_way_to_host(void **state)
{
	offer_up = WIRE_SERVER_ID_START - 1;
	return start((struct policy){.refuse_clipboard_to_host = true});
}

static int no_way_to_guest(void **state)
{
	offer_up = WIRE_SERVER_ID_START - 1;
	return start((struct policy){.refuse_clipboard_to_guest = true});
}

static void expect_offers_arrive(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		uint32_t offer = offer_text(&kinds[i]);
		captured_take(
			&world.sent[RELAY_DOWN], RELAY_UP, kinds[i].offer, "offer", offer, args);
		close(receive(&kinds[i], offer));
		take_up(kinds[i].offer, "receive");
		assert_int_equal(args[1].handle.kind, WIRE_FD);
		close(args[1].handle.fd);
	}
}

static void expect_selections_are_set(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		set_selection(&kinds[i], source.down);
		take_up(kinds[i].device, "set_selection");
		assert_int_equal(args[0].id, source.up);
		nothing_is_sent(RELAY_DOWN);
	}
}

static void both_ways_are_open_by_default(void **state)
{
	expect_selections_are_set();
	expect_offers_arrive();
}

static void a_selection_that_may_not_leave_is_replaced_at_once(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		set_selection(&kinds[i], source.down);
		nothing_is_sent(RELAY_UP);
		captured_take(&world.sent[RELAY_DOWN], RELAY_UP, kinds[i].source, "cancelled",
			source.down, args);
		/* Nor may a guest clear the desktop's. */
		set_selection(&kinds[i], 0);
		nothing_is_sent(RELAY_UP);
		nothing_is_sent(RELAY_DOWN);
	}
	expect_offers_arrive();
}

static void a_drag_that_may_not_leave_ends_at_once(void **state)
{
	struct pair compositor = bind_global("wl_compositor");
	uint32_t surface = world.next_id++;

	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	take_up("wl_compositor", "create_surface");
	prepare(&kinds[0]);
	request("wl_data_device", "start_drag", device.down,
		ARGS({.id = source.down}, {.id = surface}, {.id = 0}, {.u = 7}));
	nothing_is_sent(RELAY_UP);
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, "wl_data_source", "cancelled", source.down,
		args);
	/* Without a source only the client itself hears of it. */
	request("wl_data_device", "start_drag", device.down,
		ARGS({.id = 0}, {.id = surface}, {.id = 0}, {.u = 7}));
	take_up("wl_data_device", "start_drag");
	nothing_is_sent(RELAY_DOWN);
}

static void an_offer_that_may_not_enter_has_no_types_and_no_contents(void **state)
{
	char byte;

	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		uint32_t offer = offer_text(&kinds[i]);
		nothing_is_sent(RELAY_DOWN);
		int end = receive(&kinds[i], offer);
		nothing_is_sent(RELAY_UP);
		assert_int_equal(read(end, &byte, 1), 0); /* the other end is closed */
		close(end);
	}
	expect_selections_are_set();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			both_ways_are_open_by_default, both_ways, tear_down),
		cmocka_unit_test_setup_teardown(a_selection_that_may_not_leave_is_replaced_at_once,
			no_way_to_host, tear_down),
		cmocka_unit_test_setup_teardown(
			a_drag_that_may_not_leave_ends_at_once, no_way_to_host, tear_down),
		cmocka_unit_test_setup_teardown(
			an_offer_that_may_not_enter_has_no_types_and_no_contents, no_way_to_guest,
			tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
