/* What protocol/relay/relay_receive.c and relay_registry.c refuse, and with which words. */
#include "tests/unit/relay_world.h"

/* Malformed messages: whole ones as words, @size_word instead of the true size if it is not 0. */

struct malformed {
	const char *what; /* the failure's text */
	enum relay_end from;
	uint32_t code;
	uint32_t id;
	const char *interface, *message; /* NULL: opcode counts */
	uint32_t opcode;
	uint32_t size;
	size_t n_words;
	uint32_t words[8];
};

static const struct malformed malformed[] = {
	/* Headers */
	{"message length 0 of object 1 is invalid", RELAY_DOWN, 1, DISPLAY, NULL, NULL, 0,
		UINT32_MAX, NO_WORDS},
	{"message length 4 of object 1 is invalid", RELAY_DOWN, 1, DISPLAY, NULL, NULL, 0, 4,
		WORDS(NEXT)},
	{"message length 11 of object 1 is invalid", RELAY_DOWN, 1, DISPLAY, NULL, NULL, 0, 11,
		WORDS(NEXT)},
	{"invalid object 0", RELAY_DOWN, 0, 0, NULL, NULL, 0, 0, NO_WORDS},
	{"invalid object 200", RELAY_DOWN, 0, 200, NULL, NULL, 0, 0, NO_WORDS},
	{"invalid object 4278190080", RELAY_DOWN, 0, FIRST_SERVER_ID, NULL, NULL, 0, 0, NO_WORDS},
	{"invalid object 4294967295", RELAY_DOWN, 0, UINT32_MAX, NULL, NULL, 0, 0, NO_WORDS},
	{"invalid object 9", RELAY_DOWN, 0, DEAD_SURFACE, "wl_surface", "commit", 0, 0, NO_WORDS},
	{"invalid method 2, object wl_display@1", RELAY_DOWN, 1, DISPLAY, NULL, NULL, 2, 0,
		WORDS(NEXT)},
	{"invalid method 65535, object wl_display@1", RELAY_DOWN, 1, DISPLAY, NULL, NULL, 65535, 0,
		WORDS(NEXT)},
	{"wl_seat@5.release: invalid method 3 (since 5 > 3)", RELAY_DOWN, 1, SEAT, "wl_seat",
		"release", 0, 0, NO_WORDS},
	/* Lengths */
	{"wl_display@1.sync: message is too short", RELAY_DOWN, 1, DISPLAY, "wl_display", "sync", 0,
		0, NO_WORDS},
	{"wl_display@1.sync: message is longer than its arguments", RELAY_DOWN, 1, DISPLAY,
		"wl_display", "sync", 0, 0, WORDS(NEXT, 0)},
	{"wl_surface@8.commit: message is longer than its arguments", RELAY_DOWN, 1, SURFACE,
		"wl_surface", "commit", 0, 0, WORDS(0)},
	{"wl_surface@8.attach: message is too short", RELAY_DOWN, 1, SURFACE, "wl_surface",
		"attach", 0, 0, WORDS(0, 0)},
	/* Strings, in bind(name, interface, version, id) */
	{"wl_registry@2.bind: string must not be null", RELAY_DOWN, 1, REGISTRY, "wl_registry",
		"bind", 0, 0, WORDS(GLOBAL_SHM, 0, 1, NEXT)},
	{"wl_registry@2.bind: string is not NUL-terminated", RELAY_DOWN, 1, REGISTRY, "wl_registry",
		"bind", 0, 0, WORDS(GLOBAL_SHM, 4, TEXT4('w', 'l', '_', 'x'), 1, NEXT)},
	{"wl_registry@2.bind: string reaches past the end of the message", RELAY_DOWN, 1, REGISTRY,
		"wl_registry", "bind", 0, 0,
		WORDS(GLOBAL_SHM, 13, TEXT4('w', 'l', '_', 0), 1, NEXT)},
	{"wl_registry@2.bind: string reaches past the end of the message", RELAY_DOWN, 1, REGISTRY,
		"wl_registry", "bind", 0, 0,
		WORDS(GLOBAL_SHM, UINT32_MAX, TEXT4('w', 'l', '_', 0), 1, NEXT)},
	{"wl_registry@2.bind: string reaches past the end of the message", RELAY_DOWN, 1, REGISTRY,
		"wl_registry", "bind", 0, 0,
		WORDS(GLOBAL_SHM, UINT32_MAX - 2, TEXT4('w', 'l', '_', 0), 1, NEXT)},
	{"wl_registry@2.bind: string reaches past the end of the message", RELAY_DOWN, 1, REGISTRY,
		"wl_registry", "bind", 0, 0,
		WORDS(GLOBAL_SHM, UINT32_C(1) << 31, TEXT4('w', 'l', '_', 0), 1, NEXT)},
	{"wl_registry@2.bind: message is too short", RELAY_DOWN, 1, REGISTRY, "wl_registry", "bind",
		0, 0, WORDS(GLOBAL_SHM)},
	/* Objects */
	{"wl_surface@8.attach: invalid object 200 for argument 0", RELAY_DOWN, 0, SURFACE,
		"wl_surface", "attach", 0, 0, WORDS(200, 0, 0)},
	{"wl_surface@8.attach: object 4 for argument 0 is a wl_shm, not a wl_buffer", RELAY_DOWN, 0,
		SURFACE, "wl_surface", "attach", 0, 0, WORDS(SHM, 0, 0)},
	{"xdg_wm_base@7.get_xdg_surface: invalid object 9 for argument 1", RELAY_DOWN, 0, WM_BASE,
		"xdg_wm_base", "get_xdg_surface", 0, 0, WORDS(NEXT, DEAD_SURFACE)},
	{"xdg_wm_base@7.get_xdg_surface: object must not be null", RELAY_DOWN, 1, WM_BASE,
		"xdg_wm_base", "get_xdg_surface", 0, 0, WORDS(NEXT, 0)},
	/* New ids */
	{"wl_display@1.sync: new id must not be null", RELAY_DOWN, 1, DISPLAY, "wl_display", "sync",
		0, 0, WORDS(0)},
	{"wl_display@1.sync: new id 8 for argument 0 is in use", RELAY_DOWN, 1, DISPLAY,
		"wl_display", "sync", 0, 0, WORDS(SURFACE)},
	{"wl_display@1.sync: new id 9 for argument 0 is in use", RELAY_DOWN, 1, DISPLAY,
		"wl_display", "sync", 0, 0, WORDS(DEAD_SURFACE)},
	{"wl_display@1.sync: new id 13 for argument 0 is out of range", RELAY_DOWN, 1, DISPLAY,
		"wl_display", "sync", 0, 0, WORDS(NEXT + 1)},
	{"wl_display@1.sync: new id 4278190079 for argument 0 is out of range", RELAY_DOWN, 1,
		DISPLAY, "wl_display", "sync", 0, 0, WORDS(FIRST_SERVER_ID - 1)},
	{"wl_display@1.sync: new id 4278190080 for argument 0 is in the other end's range",
		RELAY_DOWN, 1, DISPLAY, "wl_display", "sync", 0, 0, WORDS(FIRST_SERVER_ID)},
	{"wl_display@1.sync: new id 4294967295 for argument 0 is in the other end's range",
		RELAY_DOWN, 1, DISPLAY, "wl_display", "sync", 0, 0, WORDS(UINT32_MAX)},

	/* Events */
	{"compositor sent message length 4 of object 1 is invalid", RELAY_UP, 3, DISPLAY, NULL,
		NULL, 0, 4, NO_WORDS},
	{"compositor sent an event for unknown object 200", RELAY_UP, 3, 200, NULL, NULL, 0, 0,
		NO_WORDS},
	{"compositor sent an event for unknown object 0", RELAY_UP, 3, 0, NULL, NULL, 0, 0,
		NO_WORDS},
	{"compositor sent invalid event 9, object wl_keyboard@11", RELAY_UP, 3, KEYBOARD, NULL,
		NULL, 9, 0, NO_WORDS},
	{"compositor sent wl_keyboard@11.enter: array reaches past the end of the message",
		RELAY_UP, 3, KEYBOARD, "wl_keyboard", "enter", 0, 0, WORDS(1, SURFACE, 5, 0)},
	{"compositor sent wl_keyboard@11.enter: array reaches past the end of the message",
		RELAY_UP, 3, KEYBOARD, "wl_keyboard", "enter", 0, 0,
		WORDS(1, SURFACE, UINT32_MAX, 0)},
	{"compositor sent wl_keyboard@11.enter: invalid object 200 for argument 1", RELAY_UP, 3,
		KEYBOARD, "wl_keyboard", "enter", 0, 0, WORDS(1, 200, 0)},
	{"compositor sent wl_keyboard@11.enter: object 5 for argument 1 is a wl_seat, not a "
	 "wl_surface",
		RELAY_UP, 3, KEYBOARD, "wl_keyboard", "enter", 0, 0, WORDS(1, SEAT, 0)},
	{"compositor sent wl_data_device@10.data_offer: new id 12 for argument 0 is in the other "
	 "end's range",
		RELAY_UP, 3, DATA_DEVICE, "wl_data_device", "data_offer", 0, 0, WORDS(NEXT)},
	{"compositor sent wl_data_device@10.data_offer: new id 4278190081 for argument 0 is out of "
	 "range",
		RELAY_UP, 3, DATA_DEVICE, "wl_data_device", "data_offer", 0, 0,
		WORDS(FIRST_SERVER_ID + 1)},
	{"compositor sent wl_data_device@10.data_offer: new id 4294967295 for argument 0 is out of "
	 "range",
		RELAY_UP, 3, DATA_DEVICE, "wl_data_device", "data_offer", 0, 0, WORDS(UINT32_MAX)},
};

static void push_malformed(struct world *world, const struct malformed *m)
{
	uint8_t bytes[MESSAGE_BYTES] = {0};
	uint32_t opcode = m->interface ? opcode_of(m->from, m->interface, m->message) : m->opcode;
	size_t size = WIRE_HEADER_BYTES + 4 * m->n_words;
	uint32_t told = m->size == UINT32_MAX ? 0 : m->size ? m->size : (uint32_t)size;
	store_u32(bytes, m->id);
	store_u32(bytes + 4, told << 16 | opcode);
	for (size_t i = 0; i < m->n_words; i++)
		store_u32(bytes + WIRE_HEADER_BYTES + 4 * i, m->words[i]);
	/* An exact copy on the heap, so that ASan sees a read past the end. */
	uint8_t *exact = malloc(size);
	memcpy(exact, bytes, size);
	int result = push(world, m->from, exact, size);
	free(exact);
	if (result != -EPROTO)
		fail_msg("accepted: %s", m->what);
}

static void each_malformed_message_is_refused_by_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(malformed); i++) {
		void *own_state;
		set_up(&own_state);
		struct world *world = own_state;
		give_fd(world, malformed[i].from);
		push_malformed(world, &malformed[i]);
		expect_failure(
			world, DISPLAY, malformed[i].code, malformed[i].what, malformed[i].what);
		expect_nothing_more(world); /* and nothing has reached the other end */
		tear_down(&own_state);
	}
}

static void a_bind_is_checked_against_what_was_announced(void **state)
{
	static const struct {
		uint32_t name;
		const char *interface;
		uint32_t version;
		const char *told;
	} cases[] = {
		{4711, "wl_shm", 1, "invalid global wl_shm (4711)"},
		{GLOBAL_DENIED, "wl_subcompositor", 1, "invalid global wl_subcompositor (16)"},
		{GLOBAL_UNKNOWN, "an_interface_of_the_future", 1,
			"invalid global an_interface_of_the_future (15)"},
		{GLOBAL_SHM, "wl_seat", 1,
			"invalid interface for global 11: have wl_shm, wanted wl_seat"},
		{GLOBAL_SHM, "wl_shm", 0,
			"invalid version for global wl_shm (11): have 1, wanted 0"},
		{GLOBAL_SHM, "wl_shm", 2,
			"invalid version for global wl_shm (11): have 1, wanted 2"},
		{GLOBAL_LOWERED, "wl_output", 3,
			"invalid version for global wl_output (17): have 2, wanted 3"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		void *own_state;
		char failure[200];
		set_up(&own_state);
		struct world *world = own_state;
		assert_int_equal(
			push_message(world, RELAY_DOWN, REGISTRY, "wl_registry", "bind", "uauu",
				cases[i].name, STRING(cases[i].interface), cases[i].version, NEXT),
			-EPROTO);
		snprintf(failure, sizeof(failure), "wl_registry@2: %s", cases[i].told);
		expect_failure(world, REGISTRY, 0, failure, cases[i].told);
		expect_nothing_more(world);
		tear_down(&own_state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_malformed_message_is_refused_by_name),
		cmocka_unit_test(a_bind_is_checked_against_what_was_announced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
