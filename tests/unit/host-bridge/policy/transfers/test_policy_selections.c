/* host-bridge/policy/transfers/policy_selections.c: the machine's own selection, and chords */
#include "host-bridge/policy/transfers/policy_selections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "protocol/base/bytes.h"
#include "tests/unit/policy_world.h"

#define N_WINDOWS 2

/* Two clients of the machine; what is sent to both is in world.sent, in order. */
static struct window {
	struct policy_connection connection; /* first: relay_data() */
	struct relay *relay;
	uint32_t next_id, source_id, offer_up;
	struct pair manager, device;
} windows[N_WINDOWS], *now;

/* From here on it is this client that speaks, and that is spoken to. */
static void window(size_t i)
{
	now->next_id = world.next_id;
	now = &windows[i];
	world.relay = now->relay;
	world.next_id = now->next_id;
}

static void make_device(void)
{
	now->manager = bind_global("wl_data_device_manager");
	struct pair seat = bind_global("wl_seat");
	now->device.down = world.next_id++;
	request("wl_data_device_manager", "get_data_device", now->manager.down,
		ARGS({.id = now->device.down}, {.id = seat.down}));
	take_up("wl_data_device_manager", "get_data_device");
	now->device.up = args[0].id;
}

static int start_windows(const char *to_guest, const char *to_host)
{
	struct policy policy = {0};

	assert_null(transfer_rules_set(&policy.rules, "clipboard", "to-guest", to_guest));
	assert_null(transfer_rules_set(&policy.rules, "clipboard", "to-host", to_host));
	start(policy);
	memset(windows, 0, sizeof(windows));
	now = &windows[0];
	now->relay = world.relay;
	make_device();
	window(1);
	now->connection = world.connection;
	now->relay = world.relay =
		relay_create(world.policy.hooks, &ops, &now->connection, "second", 0);
	world.next_id = FIRST_ID;
	request("wl_display", "get_registry", 1, ARGS({.id = REGISTRY}));
	take_up("wl_display", "get_registry");
	make_device();
	for (size_t i = 0; i < N_WINDOWS; i++)
		windows[i].offer_up = WIRE_SERVER_ID_START - 1;
	window(0);
	return 0;
}

static int nothing_crosses(void **state)
{
	return start_windows("deny", "deny");
}

static int chords_both_ways(void **state)
{
	return start_windows("hotkey", "hotkey");
}

static int chord_to_host(void **state)
{
	return start_windows("allow", "hotkey");
}

static int tear_down_windows(void **state)
{
	window(0);
	relay_destroy(windows[1].relay);
	return tear_down(state);
}

static void take_down(const char *interface, const char *message, uint32_t id)
{
	captured_take(&world.sent[RELAY_DOWN], RELAY_UP, interface, message, id, args);
}

static void nothing_is_sent(enum relay_end to)
{
	assert_null(relay_failure(world.relay));
	assert_int_equal(world.sent[to].size, 0);
}

/* The window copies @type; the compositor does not hear of it. */
static void copy(const char *type)
{
	now->source_id = world.next_id++;
	request("wl_data_device_manager", "create_data_source", now->manager.down,
		ARGS({.id = now->source_id}));
	take_up("wl_data_device_manager", "create_data_source");
	request("wl_data_source", "offer", now->source_id, ARGS({.s = type}));
	request("wl_data_device", "set_selection", now->device.down,
		ARGS({.id = now->source_id}, {.u = 7}));
	nothing_is_sent(RELAY_UP);
}

/* The window hears of an offer of @type as its selection; its id. NULL: of none. */
static uint32_t expect_selection(const char *type)
{
	uint32_t id = 0;

	if (type) {
		take_down("wl_data_device", "data_offer", now->device.down);
		id = args[0].id;
		take_down("wl_data_offer", "offer", id);
		assert_string_equal(args[0].s, type);
	}
	take_down("wl_data_device", "selection", now->device.down);
	assert_int_equal(args[0].id, id);
	return id;
}

/* The compositor offers the window @type as the host's selection, as when it gets the focus. */
static void offer(const char *type)
{
	event("wl_data_device", "data_offer", now->device.up, ARGS({.id = ++now->offer_up}));
	event("wl_data_offer", "offer", now->offer_up, ARGS({.s = type}));
	event("wl_data_device", "selection", now->device.up, ARGS({.id = now->offer_up}));
}

static int receive(uint32_t id, const char *type)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(push(RELAY_DOWN, "wl_data_offer", "receive", id, ARGS({.s = type}),
				 wire_handle_fd(ends[1])),
		0);
	return ends[0];
}

static void expect_end(int end)
{
	char byte;
	assert_int_equal(read(end, &byte, 1), 0);
	close(end);
}

static void expect_send(uint32_t source, const char *type)
{
	take_down("wl_data_source", "send", source);
	assert_string_equal(args[0].s, type);
	assert_int_equal(args[1].handle.kind, WIRE_WRITE_PIPE);
	close(args[1].handle.fd);
}

static void what_a_window_copied_the_others_can_paste(void **state)
{
	copy("text/uri-list");
	expect_selection("text/uri-list");
	window(1);
	offer("text/plain");
	take_up("wl_data_offer", "destroy"); /* nobody will have the host's */
	uint32_t id = expect_selection("text/uri-list");
	int end = receive(id, "text/uri-list");
	expect_send(windows[0].source_id, "text/uri-list");
	expect_end(end);
	expect_end(receive(id, "text/plain"));
	request("wl_data_offer", "accept", id, ARGS({.u = 1}, {.s = "text/uri-list"}));
	request("wl_data_offer", "destroy", id, NULL);
	nothing_is_sent(RELAY_UP);
	nothing_is_sent(RELAY_DOWN);
	/* It copies something itself. */
	copy("text/html");
	take_down("wl_data_source", "cancelled", windows[0].source_id);
	expect_selection("text/html");
	/* And no longer has it. */
	request("wl_data_source", "destroy", now->source_id, NULL);
	expect_selection(NULL);
	take_up("wl_data_source", "destroy");
	window(0);
	event("wl_data_device", "selection", now->device.up, ARGS({.id = 0}));
	expect_selection(NULL);
	nothing_is_sent(RELAY_DOWN);
}

static void a_connection_that_ends_takes_its_selection_along(void **state)
{
	window(1);
	copy("text/plain");
	expect_selection("text/plain");
	relay_destroy(windows[1].relay);
	windows[1].relay = NULL;
	window(0);
	offer("text/plain");
	expect_selection(NULL);
}

static void an_own_selection_can_be_cleared(void **state)
{
	copy("text/plain");
	expect_selection("text/plain");
	request("wl_data_device", "set_selection", now->device.down, ARGS({.id = 0}, {.u = 7}));
	take_down("wl_data_source", "cancelled", now->source_id);
	expect_selection(NULL);
	nothing_is_sent(RELAY_UP);
}

/* The chord; the compositor's id of the source that stands for the guest's. */
static uint32_t press_copy(const char *type)
{
	selections_copy(now->relay, 99);
	uint32_t manager = take_up("wl_data_device_manager", "create_data_source");
	assert_int_equal(manager, now->manager.up);
	uint32_t proxy = args[0].id;
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_data_source", "offer", proxy, args);
	assert_string_equal(args[0].s, type);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_data_source", "offer", proxy, args);
	assert_true(transfers_is_mark(args[0].s));
	take_up("wl_data_device", "set_selection");
	assert_int_equal(args[0].id, proxy);
	assert_int_equal(args[1].u, 99);
	nothing_is_sent(RELAY_UP);
	return proxy;
}

static int ask(uint32_t proxy, const char *type)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(push(RELAY_UP, "wl_data_source", "send", proxy, ARGS({.s = type}),
				 wire_handle_fd(ends[1])),
		0);
	return ends[0];
}

static void the_chord_for_copying_lets_a_selection_out(void **state)
{
	copy("text/plain");
	expect_selection("text/plain");
	/* In another window of the machine's. */
	window(1);
	uint32_t proxy = press_copy("text/plain");
	int end = ask(proxy, "text/plain");
	expect_send(windows[0].source_id, "text/plain");
	expect_end(end);
	expect_end(ask(proxy, "text/html"));
	event("wl_data_source", "target", proxy, ARGS({.s = "text/plain"}));
	nothing_is_sent(RELAY_DOWN);
	/* The host copies something: the guest's is still the machine's own. */
	event("wl_data_source", "cancelled", proxy, NULL);
	take_up("wl_data_source", "destroy");
	nothing_is_sent(RELAY_DOWN);
	offer("image/png");
	expect_selection("text/plain");
	/* What is copied next stays until the next chord. */
	window(0);
	copy("text/html");
	take_down("wl_data_source", "cancelled", windows[0].source_id - 1);
	expect_selection("text/html");
	press_copy("text/html");
}

static void a_source_that_is_gone_ends_what_stands_for_it(void **state)
{
	copy("text/plain");
	expect_selection("text/plain");
	window(1);
	uint32_t proxy = press_copy("text/plain");
	window(0);
	request("wl_data_source", "destroy", now->source_id, NULL);
	captured_take(&world.sent[RELAY_UP], RELAY_DOWN, "wl_data_source", "destroy", proxy, args);
	take_up("wl_data_source", "destroy");
	expect_selection(NULL);
	/* The compositor asks it meanwhile. */
	window(1);
	expect_end(ask(proxy, "text/plain"));
	selections_copy(now->relay, 1);
	nothing_is_sent(RELAY_UP);
}

static void the_chord_for_pasting_lets_one_transfer_in(void **state)
{
	selections_paste(now->relay); /* of nothing */
	offer("text/plain");
	expect_selection(NULL);
	for (int i = 0; i < 2; i++) {
		selections_paste(now->relay);
		uint32_t id = expect_selection("text/plain");
		expect_end(receive(id, "text/uri-list")); /* this is none */
		int end = receive(id, "text/plain");
		take_up("wl_data_offer", "receive");
		assert_string_equal(args[0].s, "text/plain");
		close(args[1].handle.fd);
		expect_end(end);
		expect_selection(NULL);
		expect_end(receive(id, "text/plain"));
		nothing_is_sent(RELAY_UP);
	}
	/* The focus comes back: the chord before is worth nothing any more. */
	selections_paste(now->relay);
	uint32_t id = expect_selection("text/plain");
	offer("text/html");
	take_up("wl_data_offer", "destroy");
	expect_selection(NULL);
	expect_end(receive(id, "text/plain"));
	nothing_is_sent(RELAY_UP);
	/* It is that window's alone. */
	window(1);
	selections_paste(now->relay);
	nothing_is_sent(RELAY_DOWN);
}

static void after_a_paste_the_machines_own_is_back(void **state)
{
	copy("text/html");
	expect_selection("text/html");
	offer("text/plain");
	expect_selection("text/html");
	selections_paste(now->relay);
	uint32_t id = expect_selection("text/plain");
	close(receive(id, "text/plain"));
	take_up("wl_data_offer", "receive");
	close(args[1].handle.fd);
	expect_selection("text/html");
}

static void what_comes_in_by_itself_waits_behind_the_machines_own(void **state)
{
	offer("text/plain");
	uint32_t id = expect_selection("text/plain");
	close(receive(id, "text/plain"));
	take_up("wl_data_offer", "receive");
	close(args[1].handle.fd);
	nothing_is_sent(RELAY_DOWN);
	copy("text/html");
	expect_selection("text/html");
	selections_paste(now->relay);
	expect_selection("text/plain");
	request("wl_data_source", "destroy", now->source_id, NULL);
	expect_selection("text/plain");
}

static void offers_that_are_not_destroyed_are_bounded(void **state)
{
	uint64_t sent = 0;

	for (int i = 0; i < 200; i++) {
		copy("text/plain");
		while (world.sent[RELAY_DOWN].size > 0) {
			struct wire_header header;
			assert_int_equal(
				wire_header_decode(world.sent[RELAY_DOWN].bytes, &header), 0);
			sent += header.id == now->device.down;
			world.sent[RELAY_DOWN].size -= header.size;
			memmove(world.sent[RELAY_DOWN].bytes,
				world.sent[RELAY_DOWN].bytes + header.size,
				world.sent[RELAY_DOWN].size);
		}
	}
	assert_int_equal(sent, 2 * 64);
}

/* Each is told to all of the machine's devices, of which a guest can make many. */
static void selections_that_follow_each_other_wait_for_another_turn(void **state)
{
	const uint64_t over = 0;

	world.connection.turn_ends_ns = &over;
	copy("text/plain");
	expect_selection("text/plain");
	request("wl_data_device", "set_selection", now->device.down, ARGS({.id = 0}, {.u = 8}));
	nothing_is_sent(RELAY_DOWN);
	world.connection.n_pieces = 0; /* the next turn */
	assert_int_equal(relay_push(now->relay, RELAY_DOWN, NULL, 0, NULL, 0), 0);
	take_down("wl_data_source", "cancelled", now->source_id);
	expect_selection(NULL);
	nothing_is_sent(RELAY_UP);
}

int main(void)
{
#define TEST(test, start) cmocka_unit_test_setup_teardown(test, start, tear_down_windows)
	const struct CMUnitTest tests[] = {
		TEST(what_a_window_copied_the_others_can_paste, nothing_crosses),
		TEST(a_connection_that_ends_takes_its_selection_along, nothing_crosses),
		TEST(an_own_selection_can_be_cleared, nothing_crosses),
		TEST(the_chord_for_copying_lets_a_selection_out, chords_both_ways),
		TEST(a_source_that_is_gone_ends_what_stands_for_it, chords_both_ways),
		TEST(the_chord_for_pasting_lets_one_transfer_in, chords_both_ways),
		TEST(after_a_paste_the_machines_own_is_back, chords_both_ways),
		TEST(what_comes_in_by_itself_waits_behind_the_machines_own, chord_to_host),
		TEST(offers_that_are_not_destroyed_are_bounded, nothing_crosses),
		TEST(selections_that_follow_each_other_wait_for_another_turn, nothing_crosses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
