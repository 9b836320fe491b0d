/* host-bridge/policy/policy_clipboard.c, policy_offers.c, policy_sources.c: what crosses by
 * clipboard */
#include "host-bridge/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <wayland-server-protocol.h>

#include "host-bridge/policy/transfers/policy_gate.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/policy_world.h"

/* The two kinds of selections that every build knows, with their requests' names. */
static const struct kind {
	const char *manager, *create_source, *get_device, *source, *device, *offer;
} kinds[] = {
	{"wl_data_device_manager", "create_data_source", "get_data_device", "wl_data_source",
		"wl_data_device", "wl_data_offer"},
	{"zwp_primary_selection_device_manager_v1", "create_source", "get_device",
		"zwp_primary_selection_source_v1", "zwp_primary_selection_device_v1",
		"zwp_primary_selection_offer_v1"},
};

static time_t late_s; /* what it is later than the clock says */

int clock_gettime(clockid_t clock, struct timespec *out)
{
	const int error = (int)syscall(SYS_clock_gettime, clock, out);
	out->tv_sec += late_s;
	return error;
}

static struct pair source, device;
static uint32_t offer_up;

/* A guest's source and device, with everything said so far forgotten. */
static void prepare(const struct kind *kind)
{
	struct pair manager = bind_global(kind->manager), seat = bind_global("wl_seat");

	user_presses(7);
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

/* The guest's source has a type, of which nobody hears yet. */
static void add_type(const struct kind *kind, const char *type)
{
	request(kind->source, "offer", source.down, ARGS({.s = type}));
	assert_int_equal(world.sent[RELAY_UP].size, 0);
}

/* The compositor is told of @type next; @mark (may be NULL) gets a copy of a mark in its place. */
static void expect_published(const struct kind *kind, const char *type, char mark[256])
{
	take_up(kind->source, "offer");
	if (mark)
		snprintf(mark, 256, "%s", args[0].s);
	else
		assert_string_equal(args[0].s, type);
}

static void nothing_is_sent(enum relay_end to)
{
	assert_null(relay_failure(world.relay));
	assert_int_equal(world.sent[to].size, 0);
}

/* The desktop's offer of @types (ends with NULL). */
static void offer(const struct kind *kind, const char *const *types)
{
	event(kind->device, "data_offer", device.up, ARGS({.id = ++offer_up}));
	for (; *types; types++)
		event(kind->offer, "offer", offer_up, ARGS({.s = *types}));
}
#define TYPES(...) ((const char *const[]){__VA_ARGS__, NULL})

static uint32_t take_down(const char *interface, const char *message, uint32_t id)
{
	return captured_take(&world.sent[RELAY_DOWN], RELAY_UP, interface, message, id, args);
}

/* The guest hears of an offer with these types; returns its id of it. */
static uint32_t expect_offer(const struct kind *kind, const char *const *types)
{
	take_down(kind->device, "data_offer", device.down);
	uint32_t id = args[0].id;
	for (; *types; types++) {
		take_down(kind->offer, "offer", id);
		assert_string_equal(args[0].s, *types);
	}
	return id;
}

/* The desktop's selection has @types; the guest hears of @seen. */
static uint32_t select_offer(
	const struct kind *kind, const char *const *types, const char *const *seen)
{
	offer(kind, types);
	event(kind->device, "selection", device.up, ARGS({.id = offer_up}));
	uint32_t id = expect_offer(kind, seen);
	take_down(kind->device, "selection", device.down);
	assert_int_equal(args[0].id, id);
	return id;
}

/* The guest asks for @type; returns the end that it reads from. */
static int receive(const struct kind *kind, uint32_t id, const char *type)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(push(RELAY_DOWN, kind->offer, "receive", id, ARGS({.s = type}),
				 wire_handle_fd(ends[1])),
		0);
	return ends[0];
}

static void expect_end(int end)
{
	char byte;
	assert_int_equal(read(end, &byte, 1), 0); /* the other end is closed */
	close(end);
}

/* The host asks the guest's source for @type; what the guest hears is still to be taken. */
static int ask_source(const struct kind *kind, const char *type)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(push(RELAY_UP, kind->source, "send", source.up, ARGS({.s = type}),
				 wire_handle_fd(ends[1])),
		0);
	return ends[0];
}

static void expect_send(const struct kind *kind, const char *type)
{
	take_down(kind->source, "send", source.down);
	assert_string_equal(args[0].s, type);
	assert_int_equal(args[1].handle.kind, WIRE_WRITE_PIPE);
	close(args[1].handle.fd);
}

static struct policy rules(const char *section, const char *key, const char *value)
{
	struct policy policy = {0};
	assert_null(transfer_rules_set(&policy.rules, section, key, value));
	return policy;
}

static int start_with(struct policy policy)
{
	offer_up = WIRE_SERVER_ID_START - 1;
	return start(policy);
}

static int both_ways(void **state)
{
	return start_with((struct policy){0});
}

static int no_way_to_host(void **state)
{
	struct policy policy = {0};
	transfer_rules_close(&policy.rules, TRANSFER_TO_HOST);
	return start_with(policy);
}

static int no_way_to_guest(void **state)
{
	struct policy policy = {0};
	transfer_rules_close(&policy.rules, TRANSFER_TO_GUEST);
	return start_with(policy);
}

static int only_drags_to_guest(void **state)
{
	return start_with(rules("clipboard", "to-guest", "deny"));
}

static int no_drags_to_guest(void **state)
{
	return start_with(rules("drags", "to-guest", "deny"));
}

static int only_pictures(void **state)
{
	return start_with(rules("clipboard", "mime", "image/png, text/*"));
}

static int with_lists_of_files(void **state)
{
	return start_with(rules("clipboard", "uri-list", "allow"));
}

static void expect_offers_arrive(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		uint32_t id = select_offer(&kinds[i], TYPES("text/plain", "image/png"),
			TYPES("text/plain", "image/png"));
		close(receive(&kinds[i], id, "text/plain"));
		take_up(kinds[i].offer, "receive");
		assert_int_equal(args[1].handle.kind, WIRE_FD);
		close(args[1].handle.fd);
	}
}

static void expect_selections_are_set(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		add_type(&kinds[i], "text/plain");
		set_selection(&kinds[i], source.down);
		expect_published(&kinds[i], "text/plain", NULL);
		if (world.policy.rules.kinds[0].modes[TRANSFER_TO_GUEST] != TRANSFER_ALLOW)
			take_up(kinds[i].source, "offer"); /* the mark */
		take_up(kinds[i].device, "set_selection");
		assert_int_equal(args[0].id, source.up);
		close(ask_source(&kinds[i], "text/plain"));
		expect_send(&kinds[i], "text/plain");
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
		add_type(&kinds[i], "text/plain");
		set_selection(&kinds[i], source.down);
		nothing_is_sent(RELAY_UP);
		take_down(kinds[i].source, "cancelled", source.down);
		assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_HOST], i + 1);
		/* Nor may a guest clear the desktop's. */
		set_selection(&kinds[i], 0);
		nothing_is_sent(RELAY_UP);
		nothing_is_sent(RELAY_DOWN);
	}
	expect_offers_arrive();
}

static uint32_t create_surface(void)
{
	struct pair compositor = bind_global("wl_compositor");
	uint32_t surface = world.next_id++;

	request("wl_compositor", "create_surface", compositor.down, ARGS({.id = surface}));
	take_up("wl_compositor", "create_surface");
	return surface;
}

static void start_drag(uint32_t what, uint32_t surface)
{
	request("wl_data_device", "start_drag", device.down,
		ARGS({.id = what}, {.id = surface}, {.id = 0}, {.u = 7}));
}

static void a_drag_that_may_not_leave_ends_at_once(void **state)
{
	uint32_t surface = create_surface();

	prepare(&kinds[0]);
	start_drag(source.down, surface);
	nothing_is_sent(RELAY_UP);
	take_down("wl_data_source", "cancelled", source.down);
	/* Without a source only the client itself hears of it. */
	start_drag(0, surface);
	take_up("wl_data_device", "start_drag");
	nothing_is_sent(RELAY_DOWN);
}

static void a_selection_that_may_not_enter_is_none(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		prepare(&kinds[i]);
		offer(&kinds[i], TYPES("text/plain"));
		event(kinds[i].device, "selection", device.up, ARGS({.id = offer_up}));
		take_down(kinds[i].device, "selection", device.down);
		assert_int_equal(args[0].id, 0);
		nothing_is_sent(RELAY_DOWN);
		take_up(kinds[i].offer, "destroy");
		assert_int_equal(world.policy.counters->offers_withheld, i + 1);
	}
	expect_selections_are_set();
}

/* A drag from elsewhere over @surface; returns the guest's id of its offer, which has @seen. */
static uint32_t drag_over(uint32_t surface, const char *const *types, const char *const *seen)
{
	offer(&kinds[0], types);
	event("wl_data_offer", "source_actions", offer_up, ARGS({.u = 3}));
	event("wl_data_offer", "action", offer_up, ARGS({.u = 1}));
	event("wl_data_device", "enter", device.up,
		ARGS({.u = 5}, {.id = surface}, {.f = 1}, {.f = 2}, {.id = offer_up}));
	uint32_t id = expect_offer(&kinds[0], seen);
	take_down("wl_data_offer", "source_actions", id);
	assert_int_equal(args[0].u, 3);
	take_down("wl_data_offer", "action", id);
	take_down("wl_data_device", "enter", device.down);
	assert_int_equal(args[4].id, id);
	event("wl_data_offer", "action", offer_up, ARGS({.u = 2}));
	take_down("wl_data_offer", "action", id);
	return id;
}

static void a_drag_that_may_not_enter_has_no_types_and_no_contents(void **state)
{
	uint32_t surface = create_surface();

	prepare(&kinds[0]);
	uint32_t id = drag_over(surface, TYPES("text/plain"), (const char *const[]){NULL});
	int end = receive(&kinds[0], id, "text/plain");
	nothing_is_sent(RELAY_UP);
	expect_end(end);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 1);
}

static void clipboards_and_drags_have_rules_of_their_own(void **state)
{
	uint32_t surface = create_surface();

	prepare(&kinds[0]);
	drag_over(surface, TYPES("text/plain"), TYPES("text/plain"));
	offer(&kinds[0], TYPES("text/plain"));
	event("wl_data_device", "selection", device.up, ARGS({.id = offer_up}));
	take_down("wl_data_device", "selection", device.down);
	assert_int_equal(args[0].id, 0);
	take_up("wl_data_offer", "destroy");
	prepare(&kinds[1]);
	select_offer(&kinds[1], TYPES("text/plain"), TYPES("text/plain"));
}

static void types_that_are_not_listed_do_not_cross(void **state)
{
	prepare(&kinds[0]);
	uint32_t id = select_offer(&kinds[0],
		TYPES("text/plain;charset=utf-8", "image/jpeg", "image/png", "UTF8_STRING"),
		TYPES("text/plain;charset=utf-8", "image/png"));
	int end = receive(&kinds[0], id, "image/jpeg");
	nothing_is_sent(RELAY_UP);
	expect_end(end);
	add_type(&kinds[0], "image/jpeg");
	add_type(&kinds[0], "TEXT/Html");
	set_selection(&kinds[0], source.down);
	expect_published(&kinds[0], "TEXT/Html", NULL);
	take_up("wl_data_source", "offer"); /* the mark */
	take_up("wl_data_device", "set_selection");
	/* The host can ask for anything; types that are offered late are no exception. */
	expect_end(ask_source(&kinds[0], "image/jpeg"));
	expect_end(ask_source(&kinds[0], "text/never-offered"));
	request("wl_data_source", "offer", source.down, ARGS({.s = "image/gif"}));
	nothing_is_sent(RELAY_UP);
	request("wl_data_source", "offer", source.down, ARGS({.s = "image/png"}));
	expect_published(&kinds[0], "image/png", NULL);
	nothing_is_sent(RELAY_DOWN);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_HOST], 2);
	assert_int_equal(world.policy.counters->transfers_refused[TRANSFER_TO_GUEST], 1);
}

static void lists_of_files_stay_on_their_side(void **state)
{
	prepare(&kinds[0]);
	uint32_t id =
		select_offer(&kinds[0], TYPES("text/uri-list", "text/plain"), TYPES("text/plain"));
	expect_end(receive(&kinds[0], id, "text/uri-list"));
	add_type(&kinds[0], "x-special/gnome-copied-files");
	set_selection(&kinds[0], source.down);
	take_up("wl_data_source", "offer"); /* the mark */
	take_up("wl_data_device", "set_selection");
	expect_end(ask_source(&kinds[0], "x-special/gnome-copied-files"));
	nothing_is_sent(RELAY_DOWN);
}

static void lists_of_files_cross_where_the_user_says_so(void **state)
{
	prepare(&kinds[0]);
	select_offer(&kinds[0], TYPES("text/uri-list"), TYPES("text/uri-list"));
	add_type(&kinds[0], "text/uri-list");
	set_selection(&kinds[0], source.down);
	expect_published(&kinds[0], "text/uri-list", NULL);
	take_up("wl_data_device", "set_selection");
}

/* The guest copies @type, which may not come back; @mark gets what the compositor has of it. */
static void copy_marked(const struct kind *kind, const char *type, char mark[256])
{
	prepare(kind);
	add_type(kind, type);
	set_selection(kind, source.down);
	if (strcmp(type, "text/plain") == 0)
		expect_published(kind, type, NULL);
	expect_published(kind, NULL, mark);
	take_up(kind->device, "set_selection");
}

static void own_selections_come_back_whole(void **state)
{
	char mark[256];

	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		copy_marked(&kinds[i], "text/uri-list", mark);
		uint32_t id = select_offer(&kinds[i], TYPES(mark), TYPES("text/uri-list"));
		int end = receive(&kinds[i], id, "text/uri-list");
		expect_send(&kinds[i], "text/uri-list");
		nothing_is_sent(RELAY_UP);
		expect_end(end);
		/* What it never had nobody gets from it, nor once it is gone. */
		expect_end(receive(&kinds[i], id, "text/plain"));
		nothing_is_sent(RELAY_DOWN);
		request(kinds[i].source, "destroy", source.down, NULL);
		take_up(kinds[i].source, "destroy");
		expect_end(receive(&kinds[i], id, "text/uri-list"));
		nothing_is_sent(RELAY_UP);
	}
}

static void own_selections_come_back_in_any_order_of_types(void **state)
{
	char mark[256];

	prepare(&kinds[0]);
	add_type(&kinds[0], "text/uri-list");
	add_type(&kinds[0], "text/plain");
	set_selection(&kinds[0], source.down);
	expect_published(&kinds[0], "text/plain", NULL);
	expect_published(&kinds[0], NULL, mark);
	take_up("wl_data_device", "set_selection");
	select_offer(&kinds[0], TYPES("text/plain", mark), TYPES("text/plain", "text/uri-list"));
	select_offer(&kinds[0], TYPES(mark, "text/plain"), TYPES("text/uri-list", "text/plain"));
	nothing_is_sent(RELAY_DOWN);
}

static void own_selections_come_back_where_the_hosts_do_not(void **state)
{
	char mark[256];

	copy_marked(&kinds[0], "text/plain", mark);
	uint32_t id = select_offer(&kinds[0], TYPES("text/plain", mark), TYPES("text/plain"));
	close(receive(&kinds[0], id, "text/plain"));
	expect_send(&kinds[0], "text/plain");
	nothing_is_sent(RELAY_UP);
}

/* The host takes the selection, and would give it for the guest's own: it does not know the secret.
 */
static void a_mark_cannot_be_made_up(void **state)
{
	char mark[256];

	copy_marked(&kinds[0], "text/plain", mark);
	mark[strlen(mark) - 1] ^= 1;
	offer(&kinds[0], TYPES("text/plain", mark));
	event("wl_data_device", "selection", device.up, ARGS({.id = offer_up}));
	take_down("wl_data_device", "selection", device.down);
	assert_int_equal(args[0].id, 0);
	take_up("wl_data_offer", "destroy");
	/* Nor does a guest get one to see, or to set. */
	request("wl_data_source", "offer", source.down, ARGS({.s = mark}));
	nothing_is_sent(RELAY_UP);
	expect_end(ask_source(&kinds[0], mark));
	nothing_is_sent(RELAY_DOWN);
}

static void an_offer_takes_a_pipe_only(void **state)
{
	struct resource blob = {0};

	prepare(&kinds[0]);
	uint32_t id = select_offer(&kinds[0], TYPES("text/plain"), TYPES("text/plain"));
	assert_int_not_equal(push(RELAY_DOWN, "wl_data_offer", "receive", id,
				     ARGS({.s = "text/plain"}), blob_handle(&blob)),
		0);
	expect_error(1, WL_DISPLAY_ERROR_INVALID_METHOD);
}

static void a_machine_at_its_limit_of_texts_keeps_its_connections(void **state)
{
	assert_null(quota_set(&world.quota, "text-bytes", "200"));
	prepare(&kinds[0]);
	select_offer(&kinds[0], TYPES("text/plain", "text/html"), (const char *const[]){NULL});
	select_offer(&kinds[0], TYPES("text/html"), TYPES("text/html"));
}

static int with_max_bytes(void **state)
{
	return start_with(rules("clipboard", "max-bytes", "1M"));
}

/* The reader sees an end, the log says why. */
static void expect_refusal_by(const char *limit)
{
	char text[QUOTA_TEXT_MAX];

	assert_null(quota_set(&world.quota, limit, "2"));
	log_capture_begin();
	expect_end(ask_source(&kinds[0], "text/plain"));
	log_capture_end();
	snprintf(text, sizeof(text), "limit of %s (2)", limit);
	assert_true(log_captured("a transfer is refused: this machine has reached its"));
	assert_true(log_captured(text));
	assert_null(quota_set(&world.quota, limit, "100"));
}

static void a_transfer_that_the_machine_has_no_room_for_is_told(void **state)
{
	prepare(&kinds[0]);
	add_type(&kinds[0], "text/plain");
	set_selection(&kinds[0], source.down);
	quota_charge(&world.quota, QUOTA_PIPES, 2);
	expect_refusal_by("pipes");
	quota_release(&world.quota, QUOTA_PIPES, 2);
	expect_refusal_by("fds");
	assert_int_equal(world.quota.entries[QUOTA_PIPES].use, 0);
}

/* A transfer to the host that has come whole, and is more than the reader's pipe takes: its end. */
static int ask_and_write(void)
{
	static const uint8_t bytes[4096];
	int end = ask_source(&kinds[0], "text/plain");

	take_down("wl_data_source", "send", source.down);
	int in = args[1].handle.fd;
	assert_int_equal(fd_set_nonblock(in), 0);
	for (int i = 0; i < 50; i++) { /* 200 kB */
		ssize_t n;
		while ((n = write(in, bytes, sizeof(bytes))) < 0)
			wl_event_loop_dispatch(world.connection.loop, 0);
		assert_int_equal(n, sizeof(bytes));
	}
	close(in);
	for (int i = 0; i < 10; i++)
		wl_event_loop_dispatch(world.connection.loop, 0);
	return end;
}

/* A program of the host's that asks for the selection again and again, and reads none. */
static void who_reads_nothing_keeps_nobody_from_transfers(void **state)
{
	int lazy[2];

	world.connection.loop = wl_event_loop_create();
	assert_null(quota_set(&world.quota, "pipes", "2"));
	prepare(&kinds[0]);
	add_type(&kinds[0], "text/plain");
	set_selection(&kinds[0], source.down);
	for (size_t i = 0; i < ARRAY_LENGTH(lazy); i++)
		lazy[i] = ask_and_write();
	expect_end(ask_source(&kinds[0], "text/plain")); /* they may be read yet */
	nothing_is_sent(RELAY_DOWN);
	late_s += 60;
	log_capture_begin();
	close(ask_and_write());
	log_capture_end();
	assert_true(log_captured("a transfer is cut short: its reader has taken nothing"));
	for (int i = 0; i < 10; i++) /* its reader has left */
		wl_event_loop_dispatch(world.connection.loop, 0);
	late_s += 60;
	assert_true(policy_gate_make_room(&world.policy)); /* for others of the machine, too */
	assert_false(policy_gate_make_room(&world.policy));
	for (size_t i = 0; i < ARRAY_LENGTH(lazy); i++)
		close(lazy[i]);
	wl_event_loop_destroy(world.connection.loop);
}

int main(void)
{
#define TEST(test, start) cmocka_unit_test_setup_teardown(test, start, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(both_ways_are_open_by_default, both_ways),
		TEST(a_transfer_that_the_machine_has_no_room_for_is_told, with_max_bytes),
		TEST(who_reads_nothing_keeps_nobody_from_transfers, with_max_bytes),
		TEST(a_selection_that_may_not_leave_is_replaced_at_once, no_way_to_host),
		TEST(a_drag_that_may_not_leave_ends_at_once, no_way_to_host),
		TEST(a_selection_that_may_not_enter_is_none, no_way_to_guest),
		TEST(a_drag_that_may_not_enter_has_no_types_and_no_contents, no_way_to_guest),
		TEST(a_drag_that_may_not_enter_has_no_types_and_no_contents, no_drags_to_guest),
		TEST(clipboards_and_drags_have_rules_of_their_own, only_drags_to_guest),
		TEST(types_that_are_not_listed_do_not_cross, only_pictures),
		TEST(lists_of_files_stay_on_their_side, both_ways),
		TEST(lists_of_files_stay_on_their_side, no_drags_to_guest),
		TEST(lists_of_files_cross_where_the_user_says_so, with_lists_of_files),
		TEST(own_selections_come_back_whole, both_ways),
		TEST(own_selections_come_back_whole, no_drags_to_guest),
		TEST(own_selections_come_back_in_any_order_of_types, both_ways),
		TEST(own_selections_come_back_where_the_hosts_do_not, no_way_to_guest),
		TEST(a_mark_cannot_be_made_up, no_way_to_guest),
		TEST(an_offer_takes_a_pipe_only, both_ways),
		TEST(a_machine_at_its_limit_of_texts_keeps_its_connections, no_drags_to_guest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
