/* guest-proxy/connection/clock.c: times that cross between two clocks. */
#include "guest-proxy/connection/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "guest-proxy/connection/connection.h"
#include "protocol/base/bytes.h"
#include "tests/unit/fake_channel.h"
#include "tests/unit/wayland_rig.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)

/* The guest's clock: each look at it takes 1 us, however slow the machine is. */
int clock_gettime(clockid_t clock, struct timespec *out)
{
	static int64_t now_ns = 3000 * S;
	now_ns += 1000;
	*out = (struct timespec){(time_t)(now_ns / S), (long)(now_ns % S)};
	return 0;
}

static void the_quickest_event_tells_how_far_the_clocks_are_apart(void **state)
{
	struct host_clock clock = {0};
	const int64_t host_ahead = 1000 * S;
	static const int64_t ways[] = {9 * MS, 2 * MS, 30 * MS, 1 * MS, 4 * MS};
	for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
		int64_t at = (int64_t)(i + 1) * 16 * MS; /* guest's time */
		int64_t moved = host_clock_to_guest(&clock, at + host_ahead, at + ways[i]);
		assert_true(moved >= at && moved <= at + ways[i]);
	}
	/* From now on what is reported late is late by the guest's clock, too. */
	assert_int_equal(host_clock_to_guest(&clock, host_ahead + 100 * MS, 180 * MS), 101 * MS);
	assert_int_equal(host_clock_to_host(&clock, 101 * MS), host_ahead + 100 * MS);
}

static void a_clock_that_drifts_is_followed(void **state)
{
	struct host_clock clock = {0};
	for (int64_t at = 0; at < 60 * S; at += 100 * MS) {
		int64_t host = at - at / 1000; /* a thousandth slower: the difference grows */
		int64_t moved = host_clock_to_guest(&clock, host, at);
		assert_true(moved <= at);
		assert_true(at - moved <= 2 * HOST_CLOCK_PERIOD_NS / 1000 + MS);
	}
}

static void a_difference_of_long_ago_is_forgotten(void **state)
{
	struct host_clock clock = {0};
	host_clock_to_guest(&clock, 10 * S, 10 * S);
	/* The guest slept: its clock stood still for 100 s. Then it has the host's time again. */
	assert_int_equal(host_clock_to_guest(&clock, 200 * S, 100 * S), 100 * S);
	assert_int_equal(host_clock_to_guest(&clock, 260 * S, 200 * S), 200 * S);
}

static void times_beyond_reason_do_not_overflow(void **state)
{
	static const int64_t times[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
		struct host_clock clock = {0};
		for (size_t j = 0; j < ARRAY_LENGTH(times); j++) {
			assert_true(host_clock_to_guest(&clock, times[j], 5 * S) <= 5 * S);
			host_clock_to_host(&clock, times[i]);
		}
	}
}

/* The host, @host_ahead of the guest, says its time some @there after the guest has asked at @at.
 */
static void measure(struct host_clock *clock, int64_t at, int64_t there, int64_t back)
{
	host_clock_measured(clock, at + there + 1000 * S, at, at + there + back);
}

/* Whatever the way there and back are like: the truth is no further away than is said. */
static void what_is_measured_is_true_within_its_error(void **state)
{
	static const struct {
		int64_t there, back;
	} ways[] = {{MS, MS}, {0, 3 * MS}, {3 * MS, 0}, {50 * MS, MS}, {MS, 80 * MS}};
	for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
		struct host_clock clock = {0};
		for (int64_t at = S; at < 30 * S; at += S) {
			const int64_t now = at + ways[i].there + ways[i].back;
			measure(&clock, at, ways[i].there, ways[i].back);
			int64_t error = host_clock_error_ns(&clock, now);
			int64_t wrong = host_clock_to_host(&clock, at) - (at + 1000 * S);
			assert_in_range(error, (ways[i].there + ways[i].back) / 2,
				(ways[i].there + ways[i].back) / 2 + 2 * MS);
			assert_true(wrong <= error && -wrong <= error);
		}
	}
}

static void the_quickest_answer_counts(void **state)
{
	struct host_clock clock = {0};
	assert_int_equal(host_clock_error_ns(&clock, S), -1);
	host_clock_to_guest(&clock, 1000 * S, S);
	assert_int_equal(host_clock_error_ns(&clock, S), -1); /* an event is no measure */
	measure(&clock, S, 40 * MS, 40 * MS);
	measure(&clock, 2 * S, MS, MS);
	measure(&clock, 3 * S, 30 * MS, 30 * MS);
	assert_in_range(host_clock_error_ns(&clock, 3 * S), MS, 3 * MS);
	assert_int_equal(host_clock_to_host(&clock, 3 * S), 1003 * S);
	/* An event that arrives sooner than the middle of the bounds: never in the future. */
	struct host_clock other = {0};
	host_clock_measured(&other, 1000 * S, 0, 10 * MS);
	assert_int_equal(
		host_clock_to_guest(&other, 1000 * S + 20 * MS, 21 * MS), 20 * MS + MS / 2);
}

/* The guest's clock stood still, as in a machine that was suspended; or the host's did. */
static void a_clock_that_stood_still_is_measured_anew(void **state)
{
	struct host_clock clock = {.asked_ns = 1};
	measure(&clock, S, MS, MS);
	int64_t heard = host_clock_to_guest(&clock, 1101 * S, S + 10 * MS); /* 100 s were slept */
	assert_int_equal(heard, S + 10 * MS);
	assert_int_equal(clock.asked_ns, 0);
	assert_int_equal(host_clock_error_ns(&clock, S), -1);
	host_clock_measured(&clock, 1101 * S + 21 * MS, S + 20 * MS, S + 22 * MS);
	assert_int_equal(host_clock_to_host(&clock, S + 100 * MS), 1101 * S + 100 * MS);

	struct host_clock ahead = {0};
	measure(&ahead, S, MS, MS);
	host_clock_measured(&ahead, 1001 * S, 50 * S, 50 * S + 2 * MS);
	assert_int_equal(host_clock_to_host(&ahead, 50 * S + MS), 1001 * S);
}

/* A frame is reported when its time is known, which may be before it is over: what was measured
 * stays, and the host is not asked again for each. */
static void times_that_are_told_early_change_nothing(void **state)
{
	struct host_clock clock = {0};
	for (int64_t at = S; at < 30 * S; at += 16 * MS) {
		if (at % S == 0)
			measure(&clock, at, MS / 10, MS / 10);
		clock.asked_ns = 1;
		assert_int_equal(
			host_clock_to_guest(&clock, at + 2 * MS + 1000 * S, at + MS), at + MS);
		assert_int_equal(clock.asked_ns, 1);
		assert_in_range(host_clock_error_ns(&clock, at + MS), MS / 10, 3 * MS);
		assert_int_equal(host_clock_to_host(&clock, at), at + 1000 * S);
	}
}

/* The hooks, in a relay between a client and a compositor. */

struct world {
	struct host_clocks clocks;
	struct connection connection;
	struct relay_hooks *hooks;
	struct rig_peer client, compositor;
	uint32_t presentation, surface, timer_manager;
	uint32_t heard[4]; /* arguments of the last event or request */
	char name[64];
};

static int send_message(void *data, enum relay_end to, const uint8_t *bytes, size_t size,
	struct wire_handle *handles, size_t n_handles)
{
	struct world *world = container_of((struct connection *)data, struct world, connection);
	rig_deliver(to == RELAY_UP ? &world->compositor : &world->client, bytes, size, handles,
		n_handles);
	return 0;
}

static void hear(struct rig_peer *peer, const struct rig_message *message)
{
	struct world *world = peer->data;
	snprintf(world->name, sizeof(world->name), "%s.%s", message->interface->wl->name,
		message->name);
	static const char *const with_times[] = {"presented", "clock_id", "set_timestamp", "key",
		"motion", "button", "timestamp", "relative_motion"};
	for (size_t m = 0; m < ARRAY_LENGTH(with_times); m++) {
		if (strcmp(message->name, with_times[m]) != 0)
			continue;
		for (size_t i = 0; i < 3; i++)
			world->heard[i] = message->args[i].u;
	}
}

static const struct relay_ops ops = {.send = send_message};

static uint32_t bind_global(struct world *world, uint32_t name, const char *interface)
{
	struct relay *relay = world->connection.relay;
	rig_push(relay, &world->compositor, 2, "global",
		RIG_ARGS({.u = name}, {.s = interface}, {.u = 1}));
	return rig_bind(relay, &world->client, 2, name, interface, 1);
}

static void world_init(struct world *world, bool same)
{
	static const struct relay_hook *const tables[] = {clock_hooks, NULL};
	memset(world, 0, sizeof(*world));
	host_clocks_init(&world->clocks, same);
	world->connection.clocks = &world->clocks;
	world->connection.channel = channel_create(NULL, NULL, NULL);
	world->hooks = relay_hooks_create(tables);
	rig_peer_init(&world->client, RELAY_DOWN, hear, world);
	rig_peer_init(&world->compositor, RELAY_UP, hear, world);
	world->connection.relay = relay_create(world->hooks, &ops, &world->connection, "test", 0);
	assert_int_equal(rig_new_id(&world->client), 2);
	assert_true(rig_push(world->connection.relay, &world->client, 1, "get_registry",
			    RIG_ARGS({.id = 2})) == 0);
	uint32_t compositor = bind_global(world, 1, "wl_compositor");
	world->presentation = bind_global(world, 2, "wp_presentation");
	world->timer_manager = bind_global(world, 3, "wp_commit_timing_manager_v1");
	world->surface = rig_new_id(&world->client);
	rig_push(world->connection.relay, &world->client, compositor, "create_surface",
		RIG_ARGS({.id = world->surface}));
}

static void world_finish(struct world *world)
{
	relay_destroy(world->connection.relay);
	relay_hooks_destroy(world->hooks);
	channel_destroy(world->connection.channel);
}

/* The compositor reports that a frame was shown at @ns. What the client hears. */
static int64_t present(struct world *world, int64_t ns)
{
	struct relay *relay = world->connection.relay;
	uint32_t feedback = rig_new_id(&world->client);
	rig_push(relay, &world->client, world->presentation, "feedback",
		RIG_ARGS({.id = world->surface}, {.id = feedback}));
	uint32_t up = relay_object_at(relay, RELAY_DOWN, feedback)->id[RELAY_UP];
	rig_push(relay, &world->compositor, up, "presented",
		RIG_ARGS({.u = 0}, {.u = (uint32_t)(ns / S)}, {.u = (uint32_t)(ns % S)},
			{.u = 16666666}, {.u = 0}, {.u = 7}, {.u = 1}));
	assert_string_equal(world->name, "wp_presentation_feedback.presented");
	return (int64_t)((uint64_t)world->heard[0] << 32 | world->heard[1]) * S + world->heard[2];
}

static int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * S + now.tv_nsec;
}

static void presentation_times_are_the_guests(void **state)
{
	struct world world;
	world_init(&world, false);
	uint32_t up = relay_object_at(world.connection.relay, RELAY_DOWN, world.presentation)
			      ->id[RELAY_UP];
	rig_push(world.connection.relay, &world.compositor, up, "clock_id",
		RIG_ARGS({.u = CLOCK_MONOTONIC_RAW}));
	assert_int_equal(world.heard[0], CLOCK_MONOTONIC);
	int64_t before = monotonic_ns();
	int64_t heard = present(&world, 123456 * S + 5);
	assert_in_range(heard, before, monotonic_ns());
	/* The next frame, 16 ms later by the host's clock. */
	assert_int_equal(present(&world, 123456 * S + 5 + 16 * MS) <= monotonic_ns(), true);
	world_finish(&world);
}

static void with_one_clock_times_pass_as_they_are(void **state)
{
	struct world world;
	world_init(&world, true);
	uint32_t up = relay_object_at(world.connection.relay, RELAY_DOWN, world.presentation)
			      ->id[RELAY_UP];
	rig_push(world.connection.relay, &world.compositor, up, "clock_id",
		RIG_ARGS({.u = CLOCK_MONOTONIC_RAW}));
	assert_int_equal(world.heard[0], CLOCK_MONOTONIC_RAW);
	assert_int_equal(present(&world, 123456 * S + 5), 123456 * S + 5);
	world_finish(&world);
}

/* The client asks for a frame not before @ns. What the compositor hears. */
static int64_t set_timestamp(struct world *world, uint32_t timer, int64_t ns)
{
	rig_push(world->connection.relay, &world->client, timer, "set_timestamp",
		RIG_ARGS({.u = 0}, {.u = (uint32_t)(ns / S)}, {.u = (uint32_t)(ns % S)}));
	assert_string_equal(world->name, "wp_commit_timer_v1.set_timestamp");
	return (int64_t)((uint64_t)world->heard[0] << 32 | world->heard[1]) * S + world->heard[2];
}

static void times_to_show_a_frame_at_are_the_hosts(void **state)
{
	struct world world;
	world_init(&world, false);
	uint32_t timer = rig_new_id(&world.client);
	rig_push(world.connection.relay, &world.client, world.timer_manager, "get_timer",
		RIG_ARGS({.id = timer}, {.id = world.surface}));
	/* Before anything is known: at once. */
	assert_int_equal(set_timestamp(&world, timer, monotonic_ns() + 20 * MS), 0);
	int64_t guest = present(&world, 5000 * S);
	assert_int_equal(set_timestamp(&world, timer, guest + 20 * MS), 5000 * S + 20 * MS);
	/* What is no time goes on as it is, for the compositor to refuse. */
	rig_push(world.connection.relay, &world.client, timer, "set_timestamp",
		RIG_ARGS({.u = 1}, {.u = 2}, {.u = 1000000000}));
	assert_int_equal(world.heard[2], 1000000000);
	world_finish(&world);
}

/* Input. */

static uint32_t bind_version(
	struct world *world, uint32_t name, const char *interface, uint32_t version)
{
	struct relay *relay = world->connection.relay;
	rig_push(relay, &world->compositor, 2, "global",
		RIG_ARGS({.u = name}, {.s = interface}, {.u = version}));
	return rig_bind(relay, &world->client, 2, name, interface, version);
}

static uint32_t make(struct world *world, uint32_t of, const char *request, uint32_t argument)
{
	uint32_t id = rig_new_id(&world->client);
	rig_push(world->connection.relay, &world->client, of, request,
		RIG_ARGS({.id = id}, {.id = argument}));
	return id;
}

/* An event of the compositor's about the client's object @id. What the client hears is in heard. */
static void tell(struct world *world, uint32_t id, const char *event, const union wire_arg *args)
{
	struct relay *relay = world->connection.relay;
	rig_push(relay, &world->compositor, relay_object_at(relay, RELAY_DOWN, id)->id[RELAY_UP],
		event, args);
}

static int64_t heard_ns(const struct world *world)
{
	return (int64_t)((uint64_t)world->heard[0] << 32 | world->heard[1]) * S + world->heard[2];
}

#define AHEAD (5000 * S + 250 * MS) /* the host's clock, of the guest's */

static void times_of_input_are_the_guests(void **state)
{
	struct world world;
	world_init(&world, false);
	fake_channel->tells_time = true;
	uint32_t seat = bind_version(&world, 4, "wl_seat", 7),
		 pointer = make(&world, seat, "get_pointer", 0);
	assert_int_equal(fake_channel->clock_asked, 1); /* before there is anything to convert */
	assert_int_equal(fake_channel->last_clock, CLOCK_MONOTONIC);
	uint32_t keyboard = make(&world, seat, "get_keyboard", 0);
	assert_int_equal(fake_channel->clock_asked, 1); /* not for each */
	tell(&world, keyboard, "key", RIG_ARGS({.u = 1}, {.u = 777}, {.u = 30}, {.u = 1}));
	assert_int_equal(world.heard[1], 777); /* nothing is known yet */
	int64_t now = monotonic_ns();
	host_clocks_answered(
		&world.clocks, CLOCK_MONOTONIC, (uint64_t)(now + AHEAD), (uint64_t)now);
	/* Half of the way there and back, which has taken some time. */
	int64_t exact = -host_clock_to_host(&world.clocks.input, 0);
	uint32_t moved = (uint32_t)(exact / MS);
	assert_in_range(-exact, AHEAD - S, AHEAD);

	tell(&world, keyboard, "key", RIG_ARGS({.u = 1}, {.u = 777}, {.u = 30}, {.u = 0}));
	assert_int_equal(world.heard[0], 1);
	assert_int_equal(world.heard[1], 777 + moved);      /* from before it began: modulo 2^32 */
	uint32_t ms = (uint32_t)((now + AHEAD) / MS) - 777; /* a while ago */
	tell(&world, pointer, "motion", RIG_ARGS({.u = ms}, {.f = 256}, {.f = 512}));
	assert_int_equal(world.heard[0], ms + moved);
	assert_int_equal(world.heard[1], 256);
	tell(&world, pointer, "button", RIG_ARGS({.u = 5}, {.u = ms + 1}, {.u = 272}, {.u = 1}));
	assert_int_equal(world.heard[0], 5);
	assert_int_equal(world.heard[1], ms + 1 + moved);

	uint32_t stamps = make(&world, bind_global(&world, 5, "zwp_input_timestamps_manager_v1"),
		"get_pointer_timestamps", pointer);
	int64_t stamp = AHEAD + 777123456; /* shortly after the guest's clock began */
	tell(&world, stamps, "timestamp",
		RIG_ARGS({.u = 0}, {.u = (uint32_t)(stamp / S)}, {.u = (uint32_t)(stamp % S)}));
	assert_int_equal(heard_ns(&world), stamp + exact);
	uint32_t relative = make(&world, bind_global(&world, 6, "zwp_relative_pointer_manager_v1"),
		"get_relative_pointer", pointer);
	tell(&world, relative, "relative_motion",
		RIG_ARGS({.u = 1}, {.u = 500000000}, {.f = 1}, {.f = 2}, {.f = 3}, {.f = 4}));
	assert_int_equal((uint64_t)world.heard[0] << 32 | world.heard[1],
		(UINT64_C(1) << 32) + 500000000 + (uint64_t)(exact / 1000));
	world_finish(&world);
}

#define SLEPT (3600 * S)

/* The host's clock was measured, and has gone on while the guest's stood still. */
static void times_of_input_are_never_later_than_now(void **state)
{
	struct world world;
	world_init(&world, false);
	fake_channel->tells_time = true;
	uint32_t seat = bind_version(&world, 4, "wl_seat", 7),
		 pointer = make(&world, seat, "get_pointer", 0),
		 stamps = make(&world, bind_global(&world, 5, "zwp_input_timestamps_manager_v1"),
			 "get_pointer_timestamps", pointer),
		 relative = make(&world, bind_global(&world, 6, "zwp_relative_pointer_manager_v1"),
			 "get_relative_pointer", pointer);
	int64_t now = monotonic_ns();
	host_clocks_answered(
		&world.clocks, CLOCK_MONOTONIC, (uint64_t)(now + AHEAD), (uint64_t)now);
	int asked = fake_channel->clock_asked;

	int64_t then = now + AHEAD + SLEPT;
	uint64_t us = (uint64_t)then / 1000;
	tell(&world, pointer, "motion", RIG_ARGS({.u = (uint32_t)(then / MS)}, {.f = 1}, {.f = 2}));
	assert_in_range(world.heard[0], now / MS, monotonic_ns() / MS);
	assert_int_equal(fake_channel->clock_asked, asked + 1);
	tell(&world, stamps, "timestamp",
		RIG_ARGS({.u = 0}, {.u = (uint32_t)(then / S)}, {.u = (uint32_t)(then % S)}));
	assert_in_range(heard_ns(&world), now, monotonic_ns());
	tell(&world, relative, "relative_motion",
		RIG_ARGS({.u = (uint32_t)(us >> 32)}, {.u = (uint32_t)us}, {.f = 1}, {.f = 2},
			{.f = 3}, {.f = 4}));
	assert_in_range((uint64_t)world.heard[0] << 32 | world.heard[1], (uint64_t)now / 1000,
		(uint64_t)monotonic_ns() / 1000);
	assert_int_equal(fake_channel->clock_asked, asked + 1); /* once, until there is an answer */

	int64_t awake = monotonic_ns();
	host_clocks_answered(
		&world.clocks, CLOCK_MONOTONIC, (uint64_t)(awake + AHEAD + SLEPT), (uint64_t)awake);
	int64_t exact = -host_clock_to_host(&world.clocks.input, 0);
	assert_in_range(-exact, AHEAD + SLEPT - S, AHEAD + SLEPT);
	tell(&world, stamps, "timestamp",
		RIG_ARGS({.u = 0}, {.u = (uint32_t)(then / S)}, {.u = (uint32_t)(then % S)}));
	assert_int_equal(heard_ns(&world), then / S * S + then % S + exact);
	world_finish(&world);
}

static void with_one_clock_times_of_input_pass(void **state)
{
	struct world world;
	world_init(&world, true);
	fake_channel->tells_time = true;
	uint32_t seat = bind_version(&world, 4, "wl_seat", 7),
		 keyboard = make(&world, seat, "get_keyboard", 0);
	tell(&world, keyboard, "key", RIG_ARGS({.u = 1}, {.u = 777}, {.u = 30}, {.u = 0}));
	assert_int_equal(world.heard[1], 777);
	assert_int_equal(fake_channel->clock_asked, 0);
	world_finish(&world);
}

/* Of the clock that the compositor presents by. */
static void the_host_is_asked_for_the_compositors_clock(void **state)
{
	struct world world;
	world_init(&world, false);
	fake_channel->tells_time = true;
	tell(&world, world.presentation, "clock_id", RIG_ARGS({.u = CLOCK_MONOTONIC_RAW}));
	assert_int_equal(fake_channel->last_clock, CLOCK_MONOTONIC_RAW);
	int64_t now = monotonic_ns();
	host_clocks_answered(&world.clocks, CLOCK_MONOTONIC, (uint64_t)now, (uint64_t)now);
	assert_false(world.clocks.presentation.known);
	host_clocks_answered(
		&world.clocks, CLOCK_MONOTONIC_RAW, (uint64_t)(now + AHEAD), (uint64_t)now);
	int64_t error = host_clock_error_ns(&world.clocks.presentation, now);
	assert_in_range(error, 0, S);
	int64_t heard = present(&world, now + AHEAD - 20 * MS);
	assert_in_range(heard, now - 20 * MS, now - 20 * MS + error);
	world_finish(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_quickest_event_tells_how_far_the_clocks_are_apart),
		cmocka_unit_test(a_clock_that_drifts_is_followed),
		cmocka_unit_test(a_difference_of_long_ago_is_forgotten),
		cmocka_unit_test(times_beyond_reason_do_not_overflow),
		cmocka_unit_test(what_is_measured_is_true_within_its_error),
		cmocka_unit_test(the_quickest_answer_counts),
		cmocka_unit_test(a_clock_that_stood_still_is_measured_anew),
		cmocka_unit_test(times_that_are_told_early_change_nothing),
		cmocka_unit_test(times_of_input_are_the_guests),
		cmocka_unit_test(times_of_input_are_never_later_than_now),
		cmocka_unit_test(with_one_clock_times_of_input_pass),
		cmocka_unit_test(the_host_is_asked_for_the_compositors_clock),
		cmocka_unit_test(presentation_times_are_the_guests),
		cmocka_unit_test(with_one_clock_times_pass_as_they_are),
		cmocka_unit_test(times_to_show_a_frame_at_are_the_hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
