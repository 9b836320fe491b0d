/*
 * Every type of argument through the relay, well and malformed, in a protocol that is made for it
 * (wayferry-test.xml): a client that sends something malformed gets an error that names what was
 * wrong, and its neighbour on the same tables is served as before.
 */
#include "tests/unit/relay_world.h"

#define GLOBAL_ALL 40

/* Further objects, besides those of relay_world.h. */
enum {
	ALL = NEXT, /* a wft_all of version 2 */
	PART,       /* a wft_part, and so of version 2, too */
	DEAD_PART,  /* destroyed, no delete_id yet */
	SILENT,     /* a wft_silent, which has no messages */
	FREE,       /* the next id */
};

#define INVALID_OBJECT 0
#define INVALID_METHOD 1
#define IMPLEMENTATION 3 /* the compositor's fault */

struct message {
	const char *name; /* of wft_all */
	unsigned fds;     /* that come along */
	size_t n_words;
	uint32_t words[16];
};

struct malformed {
	uint32_t code;
	const char *why;
	struct message message; /* another one follows it: handles that are missing will not come
				   any more */
};

#define UNTERMINATED 4, TEXT4('a', 'b', 'c', 'd')
#define ABC 4, TEXT4('a', 'b', 'c', 0)
#define WFT_PART 9, TEXT4('w', 'f', 't', '_'), TEXT4('p', 'a', 'r', 't'), 0
#define WFT_SILENT 11, TEXT4('w', 'f', 't', '_'), TEXT4('s', 'i', 'l', 'e'), TEXT4('n', 't', 0, 0)
#define WFT_NONE 9, TEXT4('w', 'f', 't', '_'), TEXT4('n', 'o', 'n', 'e'), 0

/* ---- what is right */

static const struct message good_requests[] = {
	{"integer", 0, WORDS(0x80000000)},
	{"unsigned", 0, WORDS(UINT32_MAX)},
	{"fixed", 0, WORDS(0xffffff00)},
	{"string", 0, WORDS(1, 0)},
	{"string", 0, WORDS(ABC)},
	{"string", 0, WORDS(5, TEXT4('a', 'b', 'c', 'd'), 0)},
	{"string_or_null", 0, WORDS(0)},
	{"string_or_null", 0, WORDS(ABC)},
	{"part", 0, WORDS(PART)},
	{"part_or_null", 0, WORDS(0)},
	{"part_or_null", 0, WORDS(PART)},
	{"any", 0, WORDS(SURFACE)},
	{"make", 0, WORDS(FREE)},
	{"make_any", 0, WORDS(WFT_PART, 1, FREE)},
	{"make_any", 0, WORDS(WFT_PART, 3, FREE)},
	{"make_any", 0, WORDS(WFT_SILENT, 1, FREE)},
	{"array", 0, WORDS(0)},
	{"array", 0, WORDS(1, 0x7f)},
	{"array", 0, WORDS(8, 1, UINT32_MAX)},
	{"file", 1, NO_WORDS},
	{"two_files", 2, WORDS(ABC)},
	{"all", 1, WORDS(1, 2, 3, ABC, 0, PART, 0, FREE, 5, UINT32_MAX, 0xff)},
	{"since_2", 0, WORDS(1)},
};

static const struct message good_events[] = {
	{"integer", 0, WORDS(0x80000000)},
	{"unsigned", 0, WORDS(UINT32_MAX)},
	{"fixed", 0, WORDS(0xffffff00)},
	{"string", 0, WORDS(ABC)},
	{"string_or_null", 0, WORDS(0)},
	{"part", 0, WORDS(PART)},
	{"part_or_null", 0, WORDS(0)},
	{"any", 0, WORDS(SEAT)},
	{"make", 0, WORDS(FIRST_SERVER_ID)},
	{"array", 0, WORDS(1, 0x7f)},
	{"file", 1, NO_WORDS},
};

/* ---- what is malformed: a client's requests */

static const struct malformed bad_requests[] = {
	/* Words */
	{INVALID_METHOD, "message is too short", {"integer", 0, NO_WORDS}},
	{INVALID_METHOD, "message is longer than its arguments", {"integer", 0, WORDS(1, 2)}},
	{INVALID_METHOD, "message is too short", {"unsigned", 0, NO_WORDS}},
	{INVALID_METHOD, "message is longer than its arguments", {"unsigned", 0, WORDS(1, 2)}},
	{INVALID_METHOD, "message is too short", {"fixed", 0, NO_WORDS}},
	{INVALID_METHOD, "message is longer than its arguments", {"fixed", 0, WORDS(1, 2)}},
	{INVALID_METHOD, "message is longer than its arguments", {"destroy", 0, WORDS(0)}},
	/* Strings */
	{INVALID_METHOD, "message is too short", {"string", 0, NO_WORDS}},
	{INVALID_METHOD, "string must not be null", {"string", 0, WORDS(0)}},
	{INVALID_METHOD, "string is not NUL-terminated", {"string", 0, WORDS(UNTERMINATED)}},
	{INVALID_METHOD, "string is not NUL-terminated", {"string", 0, WORDS(1, 'a')}},
	{INVALID_METHOD, "string reaches past the end of the message", {"string", 0, WORDS(1)}},
	{INVALID_METHOD, "string reaches past the end of the message",
		{"string", 0, WORDS(5, TEXT4('a', 'b', 'c', 0))}},
	{INVALID_METHOD, "string reaches past the end of the message",
		{"string", 0, WORDS(0x80000000, 0)}},
	{INVALID_METHOD, "string reaches past the end of the message",
		{"string", 0, WORDS(UINT32_MAX, 0)}},
	{INVALID_METHOD, "string reaches past the end of the message",
		{"string", 0, WORDS(UINT32_MAX - 2, 0)}},
	{INVALID_METHOD, "message is longer than its arguments", {"string", 0, WORDS(ABC, 0)}},
	{INVALID_METHOD, "message is too short", {"string_or_null", 0, NO_WORDS}},
	{INVALID_METHOD, "string is not NUL-terminated",
		{"string_or_null", 0, WORDS(UNTERMINATED)}},
	{INVALID_METHOD, "string reaches past the end of the message",
		{"string_or_null", 0, WORDS(1)}},
	{INVALID_METHOD, "message is longer than its arguments",
		{"string_or_null", 0, WORDS(0, 0)}},
	/* Objects */
	{INVALID_METHOD, "message is too short", {"part", 0, NO_WORDS}},
	{INVALID_METHOD, "object must not be null", {"part", 0, WORDS(0)}},
	{INVALID_OBJECT, "invalid object 200 for argument 0", {"part", 0, WORDS(200)}},
	{INVALID_OBJECT, "invalid object 14 for argument 0", {"part", 0, WORDS(DEAD_PART)}},
	{INVALID_OBJECT, "invalid object 4278190080 for argument 0",
		{"part", 0, WORDS(FIRST_SERVER_ID)}},
	{INVALID_OBJECT, "invalid object 4294967295 for argument 0",
		{"part", 0, WORDS(UINT32_MAX)}},
	{INVALID_OBJECT, "object 12 for argument 0 is a wft_all, not a wft_part",
		{"part", 0, WORDS(ALL)}},
	{INVALID_METHOD, "message is longer than its arguments", {"part", 0, WORDS(PART, 0)}},
	{INVALID_METHOD, "message is too short", {"part_or_null", 0, NO_WORDS}},
	{INVALID_OBJECT, "invalid object 14 for argument 0", {"part_or_null", 0, WORDS(DEAD_PART)}},
	{INVALID_OBJECT, "object 15 for argument 0 is a wft_silent, not a wft_part",
		{"part_or_null", 0, WORDS(SILENT)}},
	{INVALID_METHOD, "object must not be null", {"any", 0, WORDS(0)}},
	{INVALID_OBJECT, "invalid object 14 for argument 0", {"any", 0, WORDS(DEAD_PART)}},
	{INVALID_OBJECT, "invalid object 16 for argument 0", {"any", 0, WORDS(FREE)}},
	/* New ids */
	{INVALID_METHOD, "message is too short", {"make", 0, NO_WORDS}},
	{INVALID_METHOD, "new id must not be null", {"make", 0, WORDS(0)}},
	{INVALID_METHOD, "new id 13 for argument 0 is in use", {"make", 0, WORDS(PART)}},
	{INVALID_METHOD, "new id 14 for argument 0 is in use", {"make", 0, WORDS(DEAD_PART)}},
	{INVALID_METHOD, "new id 17 for argument 0 is out of range", {"make", 0, WORDS(FREE + 1)}},
	{INVALID_METHOD, "new id 4278190080 for argument 0 is in the other end's range",
		{"make", 0, WORDS(FIRST_SERVER_ID)}},
	{INVALID_METHOD, "message is longer than its arguments", {"make", 0, WORDS(FREE, 0)}},
	/* New ids of any interface */
	{INVALID_METHOD, "string must not be null", {"make_any", 0, WORDS(0, 1, FREE)}},
	{INVALID_METHOD, "string is not NUL-terminated",
		{"make_any", 0, WORDS(UNTERMINATED, 1, FREE)}},
	{INVALID_METHOD, "message is too short", {"make_any", 0, WORDS(WFT_PART, 1)}},
	{INVALID_OBJECT, "invalid interface wft_none version 1",
		{"make_any", 0, WORDS(WFT_NONE, 1, FREE)}},
	{INVALID_OBJECT, "invalid interface wft_part version 0",
		{"make_any", 0, WORDS(WFT_PART, 0, FREE)}},
	{INVALID_OBJECT, "invalid interface wft_part version 4",
		{"make_any", 0, WORDS(WFT_PART, 4, FREE)}},
	{INVALID_OBJECT, "invalid interface wft_silent version 4294967295",
		{"make_any", 0, WORDS(WFT_SILENT, UINT32_MAX, FREE)}},
	{INVALID_METHOD, "new id must not be null", {"make_any", 0, WORDS(WFT_PART, 1, 0)}},
	{INVALID_METHOD, "new id 12 for argument 2 is in use",
		{"make_any", 0, WORDS(WFT_PART, 1, ALL)}},
	/* Arrays */
	{INVALID_METHOD, "message is too short", {"array", 0, NO_WORDS}},
	{INVALID_METHOD, "array reaches past the end of the message", {"array", 0, WORDS(5, 0)}},
	{INVALID_METHOD, "array reaches past the end of the message",
		{"array", 0, WORDS(UINT32_MAX, 0)}},
	{INVALID_METHOD, "array reaches past the end of the message",
		{"array", 0, WORDS(UINT32_MAX - 2, 0)}},
	{INVALID_METHOD, "message is longer than its arguments", {"array", 0, WORDS(0, 0)}},
	/* Files */
	{INVALID_METHOD, "file descriptor is missing", {"file", 0, NO_WORDS}},
	{INVALID_METHOD, "message is longer than its arguments", {"file", 1, WORDS(0)}},
	{INVALID_METHOD, "file descriptor is missing", {"two_files", 1, WORDS(ABC)}},
	{INVALID_METHOD, "string must not be null", {"two_files", 2, WORDS(0)}},
	/* Versions */
	{INVALID_METHOD, "invalid method 16 (since 3 > 2)", {"since_3", 0, WORDS(1)}},
	{INVALID_METHOD, "message is too short", {"since_2", 0, NO_WORDS}},
	/* One of many: the last, and one in the middle; the file has come and must go */
	{INVALID_METHOD, "array reaches past the end of the message",
		{"all", 1, WORDS(1, 2, 3, ABC, 0, PART, 0, FREE, 5, 0)}},
	{INVALID_METHOD, "string is not NUL-terminated",
		{"all", 1, WORDS(1, 2, 3, ABC, UNTERMINATED, PART, 0, FREE, 0)}},
	{INVALID_OBJECT, "invalid object 14 for argument 6",
		{"all", 1, WORDS(1, 2, 3, ABC, 0, PART, DEAD_PART, FREE, 0)}},
	{INVALID_METHOD, "new id 13 for argument 8 is in use",
		{"all", 1, WORDS(1, 2, 3, ABC, 0, PART, PART, PART, 0)}},
	{INVALID_METHOD, "file descriptor is missing",
		{"all", 0, WORDS(1, 2, 3, ABC, 0, PART, 0, FREE, 0)}},
};

/* ---- and a compositor's events */

static const struct malformed bad_events[] = {
	{IMPLEMENTATION, "message is too short", {"integer", 0, NO_WORDS}},
	{IMPLEMENTATION, "message is longer than its arguments", {"unsigned", 0, WORDS(1, 2)}},
	{IMPLEMENTATION, "message is longer than its arguments", {"fixed", 0, WORDS(1, 2)}},
	{IMPLEMENTATION, "string must not be null", {"string", 0, WORDS(0)}},
	{IMPLEMENTATION, "string is not NUL-terminated", {"string", 0, WORDS(UNTERMINATED)}},
	{IMPLEMENTATION, "string reaches past the end of the message",
		{"string_or_null", 0, WORDS(UINT32_MAX, 0)}},
	{IMPLEMENTATION, "object must not be null", {"part", 0, WORDS(0)}},
	{IMPLEMENTATION, "invalid object 200 for argument 0", {"part", 0, WORDS(200)}},
	{IMPLEMENTATION, "object 12 for argument 0 is a wft_all, not a wft_part",
		{"part_or_null", 0, WORDS(ALL)}},
	{IMPLEMENTATION, "invalid object 4278190080 for argument 0",
		{"any", 0, WORDS(FIRST_SERVER_ID)}},
	{IMPLEMENTATION, "new id must not be null", {"make", 0, WORDS(0)}},
	{IMPLEMENTATION, "new id 16 for argument 0 is in the other end's range",
		{"make", 0, WORDS(FREE)}},
	{IMPLEMENTATION, "new id 4278190081 for argument 0 is out of range",
		{"make", 0, WORDS(FIRST_SERVER_ID + 1)}},
	{IMPLEMENTATION, "array reaches past the end of the message", {"array", 0, WORDS(9, 0, 0)}},
	{IMPLEMENTATION, "file descriptor is missing", {"file", 0, NO_WORDS}},
	{IMPLEMENTATION, "message is longer than its arguments", {"file", 1, WORDS(0)}},
};

/* ---- */

static struct world *client_create(void)
{
	void *state;
	set_up(&state);
	struct world *world = state;
	announce(world, GLOBAL_ALL, "wft_all", 3);
	bind(world, GLOBAL_ALL, "wft_all", 2, ALL);
	request(world, ALL, "wft_all", "make", "u", PART);
	request(world, ALL, "wft_all", "make", "u", DEAD_PART);
	request(world, DEAD_PART, "wft_part", "destroy", "");
	request(world, ALL, "wft_all", "make_any", "auu", STRING("wft_silent"), 1, SILENT);
	assert_null(relay_failure(world->relay));
	forget_sent(world);
	return world;
}

static void client_destroy(struct world *world)
{
	void *state = world;
	tear_down(&state);
}

/* Writes @message about @id into @out; its size. */
static size_t write_words(uint8_t *out, uint32_t id, uint16_t opcode, const struct message *message)
{
	size_t size = WIRE_HEADER_BYTES + 4 * message->n_words;
	store_u32(out, id);
	store_u32(out + 4, (uint32_t)size << 16 | opcode);
	for (size_t i = 0; i < message->n_words; i++)
		store_u32(out + WIRE_HEADER_BYTES + 4 * i, message->words[i]);
	return size;
}

/* Pushes @n messages from @from in one go. What relay_push says. */
static int push_words(
	struct world *world, enum relay_end from, const struct message *messages, size_t n)
{
	uint8_t bytes[MESSAGE_BYTES];
	size_t size = 0;
	for (size_t i = 0; i < n; i++) {
		size += write_words(bytes + size, ALL, opcode_of(from, "wft_all", messages[i].name),
			&messages[i]);
		for (unsigned fd = 0; fd < messages[i].fds; fd++)
			give_fd(world, from);
	}
	uint8_t *exact = malloc(size); /* so that ASan sees a read past the end */
	memcpy(exact, bytes, size);
	int result = push(world, from, exact, size);
	free(exact);
	return result;
}

/* It reaches the other end as it is: all ids are the same there. */
static void passes(struct world *world, enum relay_end from, const struct message *message)
{
	uint8_t bytes[MESSAGE_BYTES];
	size_t size = write_words(bytes, ALL, opcode_of(from, "wft_all", message->name), message);
	if (push_words(world, from, message, 1) != 0)
		fail_msg("%s: %s", message->name, relay_failure(world->relay));
	struct sent *sent = next_sent(world, from == RELAY_UP ? RELAY_DOWN : RELAY_UP);
	assert_int_equal(sent->size, size);
	assert_memory_equal(sent->bytes, bytes, size);
	assert_int_equal(sent->n_handles, message->fds);
	assert_int_equal(world->handles[from].count, 0);
	expect_nothing_more(world);
}

static void every_type_of_argument_passes_both_ways(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(good_requests); i++) {
		struct world *world = client_create();
		passes(world, RELAY_DOWN, &good_requests[i]);
		client_destroy(world);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(good_events); i++) {
		struct world *world = client_create();
		passes(world, RELAY_UP, &good_events[i]);
		client_destroy(world);
	}
}

/* One client sends or is sent what is malformed, while another one is there. */
static void refused(enum relay_end from, const struct malformed *malformed)
{
	const struct message number = {"unsigned", 0, WORDS(7)};
	const struct message messages[] = {malformed->message, number};
	char why[200];
	struct world *neighbour = client_create(), *world = client_create();
	if (push_words(world, from, messages, 2) != -EPROTO)
		fail_msg("accepted: %s, %s", malformed->message.name, malformed->why);
	snprintf(why, sizeof(why), "%swft_all@%u.%s: %s",
		from == RELAY_UP ? "compositor sent " : "", ALL, malformed->message.name,
		malformed->why);
	expect_failure(world, DISPLAY, malformed->code, why, why);
	expect_nothing_more(world); /* and nothing has reached the other end */
	client_destroy(world);

	passes(neighbour, RELAY_DOWN, &number);
	passes(neighbour, RELAY_UP, &number);
	client_destroy(neighbour);
}

static void each_malformed_request_is_refused_by_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad_requests); i++)
		refused(RELAY_DOWN, &bad_requests[i]);
}

static void each_malformed_event_is_refused_by_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad_events); i++)
		refused(RELAY_UP, &bad_events[i]);
}

/* Requests to objects that do not take them. */
static void an_object_takes_only_requests_that_it_has(void **state)
{
	static const struct {
		uint32_t id;
		uint16_t opcode;
		uint32_t code;
		const char *why;
	} cases[] = {
		{ALL, 17, INVALID_METHOD, "invalid method 17, object wft_all@12"},
		{SILENT, 0, INVALID_METHOD, "invalid method 0, object wft_silent@15"},
		{PART, 1, INVALID_METHOD, "wft_part@13.since_3: invalid method 1 (since 3 > 2)"},
		{PART, 2, INVALID_METHOD, "invalid method 2, object wft_part@13"},
		{DEAD_PART, 0, INVALID_OBJECT, "invalid object 14"},
		{FREE, 0, INVALID_OBJECT, "invalid object 16"},
	};
	static const struct message empty = {"destroy", 0, NO_WORDS};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint8_t bytes[WIRE_HEADER_BYTES];
		struct world *world = client_create();
		write_words(bytes, cases[i].id, cases[i].opcode, &empty);
		assert_int_equal(push(world, RELAY_DOWN, bytes, sizeof(bytes)), -EPROTO);
		expect_failure(world, DISPLAY, cases[i].code, cases[i].why, cases[i].why);
		expect_nothing_more(world);
		client_destroy(world);
	}
}

static void an_event_newer_than_what_was_bound_is_dropped(void **state)
{
	struct world *world = client_create();
	event(world, ALL, "wft_all", "since_3", "u", 1);
	expect_nothing_more(world);
	client_destroy(world);
}

/* After an event that ends an object there is none for it. */
static void a_destructor_of_the_compositor_ends_the_object(void **state)
{
	struct world *world = client_create();
	event(world, PART, "wft_part", "over", "");
	expect(world, RELAY_DOWN, PART, "wft_part", "over", "");
	event(world, DISPLAY, "wl_display", "delete_id", "u", PART);
	expect(world, RELAY_DOWN, DISPLAY, "wl_display", "delete_id", "u", PART);
	assert_int_equal(push_message(world, RELAY_UP, PART, "wft_part", "over", ""), -EPROTO);
	const char *why = "compositor sent an event for unknown object 13";
	expect_failure(world, DISPLAY, IMPLEMENTATION, why, why);
	client_destroy(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_argument_passes_both_ways),
		cmocka_unit_test(each_malformed_request_is_refused_by_name),
		cmocka_unit_test(each_malformed_event_is_refused_by_name),
		cmocka_unit_test(an_object_takes_only_requests_that_it_has),
		cmocka_unit_test(an_event_newer_than_what_was_bound_is_dropped),
		cmocka_unit_test(a_destructor_of_the_compositor_ends_the_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
